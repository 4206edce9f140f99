// uring/timeout.h
//
// Gives an awaitable only so much time.
//
//   absl::StatusOr<Line> line = co_await with_timeout(ring, 250ms, read_line(reader));
//
//   outcomes  in time: what it gives. An absl::Status or absl::StatusOr<U> comes as it is, another
//             T as absl::StatusOr<T> (a reference as a reference_wrapper), void as an OK status;
//             an exception passes through. Too late: DeadlineExceeded, naming the time allowed.
//   cost      a timer in the Ring's heap, unless it ends at once; an awaitable that is no Task
//             costs a frame (as_task.h); being late allocates nothing if the thread's last timeout
//             had the same limit
//   cancel    when time is up the task is destroyed at once, before the parent goes on; by the
//             library's promise it takes no bytes along. Destroying the timeout destroys the task.
//
// The time starts when it is awaited; until then it may be moved. A century or more is no limit.
//
// with_deadline is the same with a point in time (Ring::now), for one that covers several calls:
//
//   const TimePoint deadline = deadline_after(ring.now(), 2s);
//   absl::Status sent = co_await with_deadline(ring, deadline, send_request(writer));
//   absl::Status got = co_await with_deadline(ring, deadline, read_answer(reader));
//
// They nest, and the nearest limit strikes: whatever the task awaits goes with it, inner limits
// too. So there is one DeadlineExceeded, from the limit that struck, and who set a farther one
// within never hears of it. Of two that are due in the same turn it is the outer one's.

#ifndef URING_TIMEOUT_H_
#define URING_TIMEOUT_H_

#include <chrono>
#include <coroutine>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "uring/as_task.h"
#include "uring/or_status.h"
#include "uring/ring.h"
#include "uring/ring_core.h"
#include "uring/task.h"
#include "uring/time.h"
#include "uring/timer_queue.h"
#include "uring/waiter.h"

namespace uring {
namespace internal {

// A length of time from when it begins to count, or a point in time.
class TimeLimit {
 public:
  explicit TimeLimit(Clock::duration length) : length_(length) {}
  explicit TimeLimit(TimePoint deadline) : deadline_(deadline) {}

  TimePoint deadline(TimePoint now) const {
    return deadline_.has_value() ? *deadline_ : deadline_after(now, length_);
  }
  // DeadlineExceeded.
  absl::Status exceeded() const;

 private:
  Clock::duration length_{};
  std::optional<TimePoint> deadline_;
};

}  // namespace internal

template <class T>
class [[nodiscard]] WithTimeout final : private TaskObserver, private Timer {
 public:
  using Result = internal::OrStatus<T>;

  WithTimeout(RingCore& core, internal::TimeLimit limit, Task<T> task)
      : core_(core), limit_(limit), task_(std::move(task)) {}
  WithTimeout(WithTimeout&& other) noexcept
      : WithTimeout(other.core_, other.limit_, std::move(other.task_)) {}

  bool await_ready() { return task_.start(*this); }
  void await_suspend(std::coroutine_handle<> parent) {
    core_.check_thread("with_timeout");
    waiter_.set_handle(parent);
    core_.timers().schedule(*this, limit_.deadline(core_.now()));
  }
  Result await_resume() {
    if (!task_) return limit_.exceeded();
    return internal::result_of(task_);
  }

 private:
  std::coroutine_handle<> task_ended() noexcept override {
    core_.timers().cancel(*this);
    return waiter_.handle();
  }
  void expired() override {
    core_.make_ready(waiter_);
    const Task<T> late = std::move(task_);  // destroyed last: that may destroy the parent, and this
  }

  RingCore& core_;
  internal::TimeLimit limit_;
  Task<T> task_;
  Waiter waiter_;
};

template <class Rep, class Period, class A>
auto with_timeout(Ring& ring, std::chrono::duration<Rep, Period> limit, A&& awaitable) {
  return WithTimeout<typename AsTask<A>::value_type>(
      ring.core(), internal::TimeLimit(deadline_after(TimePoint(), limit) - TimePoint()),
      as_task(std::forward<A>(awaitable)));
}

// TimePoint::max() is no limit. A deadline that has passed still serves what ends at once.
template <class A>
auto with_deadline(Ring& ring, TimePoint deadline, A&& awaitable) {
  return WithTimeout<typename AsTask<A>::value_type>(ring.core(), internal::TimeLimit(deadline),
                                                     as_task(std::forward<A>(awaitable)));
}

}  // namespace uring

#endif  // URING_TIMEOUT_H_
