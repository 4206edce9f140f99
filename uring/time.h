// uring/time.h
//
// The clock of the library: monotonic, so that setting the wall clock moves no deadline.

#ifndef URING_TIME_H_
#define URING_TIME_H_

#include <chrono>

namespace uring {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;

// `from` plus `delay`, rounded up to the clock's tick. A delay that is not positive gives `from`; a
// century or more means never, TimePoint::max(), so that std::chrono::hours::max() overflows
// nothing.
template <class Rep, class Period>
constexpr TimePoint deadline_after(TimePoint from, std::chrono::duration<Rep, Period> delay) {
  constexpr std::chrono::hours kCentury(100 * 365 * 24);
  if (!(delay > delay.zero())) return from;
  if (std::chrono::duration<double>(delay) >= kCentury) return TimePoint::max();
  if (from > TimePoint::max() - kCentury) return TimePoint::max();
  return from + std::chrono::ceil<Clock::duration>(delay);
}

}  // namespace uring

#endif  // URING_TIME_H_
