#include "uring/spawn.h"

#include <coroutine>
#include <exception>
#include <utility>

#include "uring/frame_allocator.h"
#include "uring/ring_core.h"
#include "uring/spawn_list.h"
#include "uring/waiter.h"

namespace uring {
namespace {

// A coroutine that owns itself: the end of its body destroys its frame, and that takes it from the
// Ring's list. The list destroys it if it never gets there.
class Detached {
 public:
  class promise_type final : public RecycledObject, public Spawned {
   public:
    promise_type() : Spawned(std::coroutine_handle<promise_type>::from_promise(*this)) {
      waiter_.set_handle(std::coroutine_handle<promise_type>::from_promise(*this));
    }

    Detached get_return_object() noexcept { return Detached(*this); }
    std::suspend_always initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }

    Waiter& waiter() { return waiter_; }

   private:
    Waiter waiter_;
  };

  promise_type& promise() const { return promise_; }

 private:
  explicit Detached(promise_type& promise) : promise_(promise) {}

  promise_type& promise_;
};

Detached run_detached(Task<void> task) { co_await std::move(task); }

}  // namespace

void spawn(Ring& ring, Task<void> task) {
  RingCore& core = ring.core();
  core.check_thread("spawn");
  if (core.closed()) return;
  Detached::promise_type& promise = run_detached(std::move(task)).promise();
  core.spawned().add(promise);
  core.make_ready(promise.waiter());
}

}  // namespace uring
