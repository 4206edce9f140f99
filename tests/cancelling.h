// tests/cancelling.h
//
// The ways in which a call on a Reader is cancelled.

#ifndef TESTS_CANCELLING_H_
#define TESTS_CANCELLING_H_

#include <chrono>
#include <utility>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "tests/stream_rig.h"
#include "uring/ring.h"
#include "uring/sleep.h"
#include "uring/task.h"
#include "uring/timeout.h"
#include "uring/when_any.h"

namespace bufio::testing {

enum class Went { kOn, kEnd, kAgain };

// A call that was cancelled from outside is made again.
inline Went cancelled_or_fail(const absl::Status& status) {
  if (!absl::IsCancelled(status) && !absl::IsDeadlineExceeded(status)) ADD_FAILURE() << status;
  return Went::kAgain;
}

// How a call is cancelled after a step.
enum class How {
  kDestroy,      // its coroutine is destroyed between two turns
  kKillInLoop,   // by another coroutine, resumed in front of it in the same batch
  kLoseRace,     // it loses against another task in when_any
  kTimeout,      // with_timeout
  kDeadline,     // set_deadline
  kInterrupt,    // interrupt()
  kMoveDestroy,  // destroyed, after the Reader was moved
};
inline constexpr How kAllHows[] = {How::kDestroy,    How::kKillInLoop, How::kLoseRace,
                                   How::kTimeout,    How::kDeadline,   How::kInterrupt,
                                   How::kMoveDestroy};

class Race {
 public:
  // Ends when `over` is set.
  uring::Task<Went> referee(uring::Ring& ring) {
    while (!over_) co_await uring::yield(ring);
    co_return Went::kAgain;
  }
  uring::Task<Went> run(StreamRig& rig, uring::Task<Went> call) {
    auto first = co_await uring::when_any(std::move(call), referee(rig.ring()));
    co_return first.index() == 0 ? std::get<0>(first) : std::get<1>(first);
  }
  void finish() { over_ = true; }

 private:
  bool over_ = false;
};

inline uring::Task<Went> within_an_hour(StreamRig& rig, uring::Task<Went> call) {
  absl::StatusOr<Went> went =
      co_await uring::with_timeout(rig.ring(), std::chrono::hours(1), std::move(call));
  EXPECT_TRUE(went.ok() || absl::IsDeadlineExceeded(went.status())) << went.status();
  co_return went.ok() ? *went : Went::kAgain;
}

inline uring::Task<void> kill(uring::Task<Went>& victim) {
  if (!victim.ended()) victim.reset();
  co_return;
}

}  // namespace bufio::testing

#endif  // TESTS_CANCELLING_H_
