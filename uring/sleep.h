// uring/sleep.h
//
// Waiting for a while, or for nothing but one's next turn.
//
//   outcomes  none. A sleep ends at its deadline or later, never earlier.
//   cost      no frame, no allocation, no request: a timer in the Ring's heap, O(log n). A sleep
//             whose deadline has come does not suspend at all.
//   cancel    destroying it takes the timer, or the place in the ready queue, away
//
// They may be moved until they are awaited. The Ring must live when they are awaited; one that is
// destroyed later never resumes them.

#ifndef URING_SLEEP_H_
#define URING_SLEEP_H_

#include <chrono>
#include <coroutine>

#include "uring/ring.h"
#include "uring/ring_core.h"
#include "uring/time.h"
#include "uring/timer_queue.h"
#include "uring/waiter.h"

namespace uring {

class [[nodiscard]] Sleep final : private Timer {
 public:
  Sleep(RingCore& core, TimePoint deadline) : core_(core), deadline_(deadline) {}
  Sleep(Sleep&& other) noexcept : Sleep(other.core_, other.deadline_) {}

  bool await_ready() const { return deadline_ <= core_.now(); }
  void await_suspend(std::coroutine_handle<> sleeper) {
    core_.check_thread("sleep");
    waiter_.set_handle(sleeper);
    core_.timers().schedule(*this, deadline_);
  }
  void await_resume() const noexcept {}

 private:
  void expired() override { core_.make_ready(waiter_); }

  RingCore& core_;
  TimePoint deadline_;
  Waiter waiter_;
};

// Until `deadline`; TimePoint::max() is never.
inline Sleep sleep_until(Ring& ring, TimePoint deadline) { return Sleep(ring.core(), deadline); }

// For `delay` from now, not from when it is awaited. A century or more is for ever.
template <class Rep, class Period>
Sleep sleep_for(Ring& ring, std::chrono::duration<Rep, Period> delay) {
  return Sleep(ring.core(), deadline_after(ring.core().now(), delay));
}

class [[nodiscard]] Yield {
 public:
  explicit Yield(RingCore& core) : core_(core) {}
  Yield(Yield&& other) noexcept : Yield(other.core_) {}

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> yielder) {
    core_.check_thread("yield");
    waiter_.set_handle(yielder);
    core_.make_ready(waiter_);
  }
  void await_resume() const noexcept {}

 private:
  RingCore& core_;
  Waiter waiter_;
};

// Goes behind everything that is ready now.
inline Yield yield(Ring& ring) { return Yield(ring.core()); }

}  // namespace uring

#endif  // URING_SLEEP_H_
