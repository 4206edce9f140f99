// uring/detached.h
//
// A coroutine that owns itself until a list does. For spawn, Scope and shield.
//
// The end of its body destroys its frame, and that takes it from the SpawnList that it was added
// to; the list destroys it if it never gets there. It starts when somebody resumes its handle, or
// makes its waiter ready.

#ifndef URING_DETACHED_H_
#define URING_DETACHED_H_

#include <coroutine>
#include <exception>

#include "uring/frame_allocator.h"
#include "uring/spawn_list.h"
#include "uring/waiter.h"

namespace uring {

// What the promises of such coroutines have in common.
class DetachedPromise : public RecycledObject, public Spawned {
 public:
  std::suspend_always initial_suspend() const noexcept { return {}; }
  std::suspend_never final_suspend() const noexcept { return {}; }
  void return_void() const noexcept {}

  std::coroutine_handle<> handle() const { return waiter_.handle(); }
  Waiter& waiter() { return waiter_; }

 protected:
  explicit DetachedPromise(std::coroutine_handle<> frame) : Spawned(frame) {
    waiter_.set_handle(frame);
  }
  ~DetachedPromise() = default;

 private:
  Waiter waiter_;
};

// An exception that leaves it ends the process.
class Detached {
 public:
  class promise_type final : public DetachedPromise {
   public:
    promise_type() : DetachedPromise(std::coroutine_handle<promise_type>::from_promise(*this)) {}
    Detached get_return_object() noexcept { return Detached(*this); }
    [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
  };

  promise_type& promise() const { return promise_; }

 private:
  explicit Detached(promise_type& promise) : promise_(promise) {}

  promise_type& promise_;
};

}  // namespace uring

#endif  // URING_DETACHED_H_
