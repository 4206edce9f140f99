// bufio/call_deadline.h
//
// The deadline of a Reader's or a Writer's calls. Most streams have none, so it takes memory
// (recycled) only once one is set.

#ifndef BUFIO_CALL_DEADLINE_H_
#define BUFIO_CALL_DEADLINE_H_

#include <memory>
#include <optional>

#include "uring/frame_allocator.h"
#include "uring/ring_core.h"
#include "uring/time.h"
#include "uring/timer_queue.h"

namespace bufio {

// `State` has deadline_expired().
template <class State>
class CallDeadline {
 public:
  // For the calls that will wait; one that waits already keeps its own.
  void set(State& state, std::optional<uring::TimePoint> at) {
    if (!alarm_ && at.has_value()) alarm_ = std::make_unique<Alarm>(state);
    if (alarm_) alarm_->at = at.value_or(kNever);
  }

  // A call waits: `state` hears of it when the time has come, which may be now.
  void start(uring::RingCore& ring) {
    if (!alarm_ || alarm_->at == kNever) return;
    if (ring.now() >= alarm_->at) return alarm_->state.deadline_expired();
    ring.timers().schedule(*alarm_, alarm_->at);
  }
  // It does so no more. Who has no Ring has never waited.
  void stop(uring::RingCore* ring) {
    if (alarm_ && alarm_->scheduled()) ring->timers().cancel(*alarm_);
  }

 private:
  static constexpr uring::TimePoint kNever = uring::TimePoint::max();

  struct Alarm final : public uring::Timer, public uring::RecycledObject {
    explicit Alarm(State& of) : state(of) {}
    void expired() override { state.deadline_expired(); }

    State& state;
    uring::TimePoint at = kNever;
  };

  std::unique_ptr<Alarm> alarm_;
};

}  // namespace bufio

#endif  // BUFIO_CALL_DEADLINE_H_
