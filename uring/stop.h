// uring/stop.h
//
// Runs an awaitable until somebody asks it to stop, by std::stop_token.
//
//   absl::StatusOr<Token> line = co_await with_stop(ring, token, reader.read_line());
//
//   outcomes  not stopped: what it gives, in the forms of with_timeout (timeout.h). Stopped:
//             Cancelled. Stopped before it began: the same, and it does not begin. The Ring cannot
//             be posted to (post.h): that error, and it does not begin.
//   cost      a stop callback and its way to the loop (stop_link.h), unless it ends at once; an
//             awaitable that is no Task costs a frame (as_task.h)
//   cancel    when stop is requested, on whichever thread, the task is destroyed in the Ring's next
//             turn, before the parent goes on; by the library's promise it takes no bytes along.
//             Destroying with_stop destroys the task.
//   threads   awaited on the Ring's; the stop_source may be anywhere
//
// It may be moved until it is awaited. A task that asks for its own stop runs on until it waits.

#ifndef URING_STOP_H_
#define URING_STOP_H_

#include <coroutine>
#include <stop_token>
#include <utility>

#include "absl/status/status.h"
#include "uring/as_task.h"
#include "uring/or_status.h"
#include "uring/ring.h"
#include "uring/ring_core.h"
#include "uring/stop_link.h"
#include "uring/task.h"
#include "uring/waiter.h"

namespace uring {

template <class T>
class [[nodiscard]] WithStop final : private TaskObserver, private StopLink {
 public:
  using Result = internal::OrStatus<T>;

  WithStop(RingCore& core, std::stop_token token, Task<T> task)
      : core_(core), token_(std::move(token)), task_(std::move(task)) {}
  WithStop(WithStop&& other) noexcept
      : WithStop(other.core_, std::move(other.token_), std::move(other.task_)) {}

  bool await_ready() {
    if (token_.stop_requested()) return end(absl::CancelledError("stopped before it began"));
    if (token_.stop_possible()) {
      if (absl::Status reachable = core_.mailbox().status(); !reachable.ok()) return end(reachable);
    }
    return task_.start(*this);
  }
  void await_suspend(std::coroutine_handle<> parent) {
    waiter_.set_handle(parent);
    arm(core_, token_).IgnoreError();  // the Ring can be posted to: there is none
  }
  Result await_resume() {
    if (!task_) return why_not_;
    return internal::result_of(task_);
  }

 private:
  bool end(absl::Status why_not) {
    why_not_ = std::move(why_not);
    task_.reset();
    return true;
  }
  std::coroutine_handle<> task_ended() noexcept override {
    disarm();
    return waiter_.handle();
  }
  void stopped() override {
    why_not_ = absl::CancelledError("stopped");
    core_.make_ready(waiter_);
    const Task<T> unfinished = std::move(task_);  // destroyed last: that may destroy this
  }

  RingCore& core_;
  std::stop_token token_;
  Task<T> task_;
  absl::Status why_not_;
  Waiter waiter_;
};

template <class A>
auto with_stop(Ring& ring, std::stop_token token, A&& awaitable) {
  return WithStop<typename AsTask<A>::value_type>(ring.core(), std::move(token),
                                                  as_task(std::forward<A>(awaitable)));
}

}  // namespace uring

#endif  // URING_STOP_H_
