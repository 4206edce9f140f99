// uring/shield.h
//
// Shields a task from being cancelled: whoever awaits it may go, it runs on to its end.
//
//   co_await shield(ring, commit(log));   // a timeout around this cannot cut the commit short
//
//   outcomes  the task's own; an exception passes through
//   cost      two frames' worth of recycled memory; one more turn of the loop if it does not end
//             at once; an awaitable that is no Task costs a frame (as_task.h)
//   cancel    destroying the shield leaves the task to the Ring, as if it had been spawned:
//   Ring::run
//             waits for it, its result is dropped, and an exception of it, too. Destroying the Ring
//             destroys it.
//
// The task starts when the shield is awaited; until then the shield may be moved, and destroying it
// destroys the task. What the task refers to must live as long as it may run, which is longer than
// the caller: give it what it needs by value.

#ifndef URING_SHIELD_H_
#define URING_SHIELD_H_

#include <coroutine>
#include <utility>

#include "uring/as_task.h"
#include "uring/detached.h"
#include "uring/frame_allocator.h"
#include "uring/ref.h"
#include "uring/ring.h"
#include "uring/ring_core.h"
#include "uring/task.h"
#include "uring/waiter.h"

namespace uring {
namespace internal {

// What the shield and the task's runner share.
template <class T>
struct Shielded final : RefCounted<Shielded<T>>, RecycledObject {
  explicit Shielded(RingCore& ring) : core(&ring) {}

  Ref<RingCore> core;
  Task<T> ended;  // once it has
  Waiter parent;  // no handle: nobody waits
};

// Awaits a task's end and leaves its result where it is.
template <class T>
class EndOfTask final : public TaskObserver {
 public:
  explicit EndOfTask(Task<T>& task) : task_(task) {}

  bool await_ready() { return task_.start(*this); }
  void await_suspend(std::coroutine_handle<> runner) { runner_ = runner; }
  void await_resume() const noexcept {}

 private:
  std::coroutine_handle<> task_ended() noexcept override { return runner_; }

  Task<T>& task_;
  std::coroutine_handle<> runner_;
};

// The task is in this frame while it runs, so that the Ring can destroy it.
template <class T>
Detached run_shielded(Ref<Shielded<T>> shared, Task<T> task) {
  co_await EndOfTask<T>(task);
  shared->ended = std::move(task);
  if (shared->parent.handle() != nullptr) shared->core->make_ready(shared->parent);
}

}  // namespace internal

template <class T>
class [[nodiscard]] Shield {
 public:
  Shield(RingCore& core, Task<T> task) : core_(core), task_(std::move(task)) {}
  Shield(Shield&& other) noexcept : Shield(other.core_, std::move(other.task_)) {}
  ~Shield() {
    if (!shared_) return;
    shared_->parent.unlink();
    shared_->parent.set_handle(nullptr);
  }

  bool await_ready() {
    core_.check_thread("shield");
    shared_ = make_ref<internal::Shielded<T>>(core_);
    DetachedPromise& runner = internal::run_shielded(shared_, std::move(task_)).promise();
    core_.spawned().add(runner);
    runner.handle().resume();
    return shared_->ended.ended();
  }
  void await_suspend(std::coroutine_handle<> parent) { shared_->parent.set_handle(parent); }
  T await_resume() { return shared_->ended.result(); }

 private:
  RingCore& core_;
  Task<T> task_;
  Ref<internal::Shielded<T>> shared_;
};

template <class A>
auto shield(Ring& ring, A&& awaitable) {
  return Shield<typename AsTask<A>::value_type>(ring.core(), as_task(std::forward<A>(awaitable)));
}

}  // namespace uring

#endif  // URING_SHIELD_H_
