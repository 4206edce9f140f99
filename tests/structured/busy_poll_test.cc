// RingOptions::busy_poll, by a clock that the test turns: how often the loop looks, what it sees
// while it does, and which system calls it makes.

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "tests/ring_fixture.h"
#include "tests/ring_testing.h"
#include "tests/structured/parked.h"
#include "uring/block_on.h"
#include "uring/capabilities.h"
#include "uring/options.h"
#include "uring/post.h"
#include "uring/sleep.h"
#include "uring/task.h"

namespace uring {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using testing::Parked;
using testing::Pipe;
using testing::Request;

// Each look at the clock takes a minute, so a busy-poll of an hour is some sixty looks.
constexpr uint64_t kLooks = 60;

class BusyPollTest : public testing::RingTest, public ::testing::WithParamInterface<SetupRung> {
 protected:
  void make_polling_ring(std::chrono::nanoseconds busy_poll = hours(1)) {
    RingOptions options = testing::modest_options();
    options.busy_poll = busy_poll;
    options.setup = GetParam();
    make_ring(std::move(options));
    kernel().tick = minutes(1);
  }
  // Called while the loop looks, after it has looked in vain `looks` times.
  template <class F>
  void after_looks(uint64_t looks, F what) {
    kernel().on_pause = [this, looks, what] {
      if (kernel().counts().pauses == looks) what();
    };
  }
};

Task<int32_t> read_pipe(Ref<Request> read, const Pipe& pipe) {
  read->read(pipe.reader()).start();
  const int32_t result = co_await finish(read);
  co_return result;
}

Task<void> park(Parked& parked) { co_await parked; }

TEST_P(BusyPollTest, IsOffByDefault) {
  EXPECT_EQ(RingOptions().busy_poll.count(), 0);
  make_polling_ring(RingOptions().busy_poll);
  const Pipe pipe;
  kernel().enter_fault = [&pipe](const testing::FaultKernel::Enter& call) {
    if (call.min_complete > 0) pipe.write("x");
    return 0;
  };
  EXPECT_EQ(block_on(ring(), read_pipe(request(), pipe)), 1);
  EXPECT_EQ(kernel().counts().pauses, 0u);
  EXPECT_EQ(ring().stats().busy_polls, 0u);
  EXPECT_GE(kernel().counts().sleeps, 1u);
}

TEST_P(BusyPollTest, TakesWhatComesWhileItLooksWithoutASleep) {
  make_polling_ring();
  const Pipe pipe;
  after_looks(5, [&pipe] { pipe.write("x"); });
  EXPECT_EQ(block_on(ring(), read_pipe(request(), pipe)), 1);
  EXPECT_EQ(kernel().counts().sleeps, 0u);
  EXPECT_GE(kernel().counts().pauses, 5u);
  EXPECT_LT(kernel().counts().pauses, kLooks);
  EXPECT_GE(ring().stats().busy_poll_hits, 1u);
  EXPECT_LE(ring().stats().enters, ring().stats().turns) << "one system call a turn at most";
}

TEST_P(BusyPollTest, SleepsWhenItsTimeIsUp) {
  make_polling_ring();
  const Pipe pipe;
  kernel().enter_fault = [&pipe](const testing::FaultKernel::Enter& call) {
    if (call.min_complete > 0) pipe.write("x");
    return 0;
  };
  EXPECT_EQ(block_on(ring(), read_pipe(request(), pipe)), 1);
  EXPECT_GE(kernel().counts().sleeps, 1u);
  EXPECT_GE(kernel().counts().pauses, kLooks / 2);
  EXPECT_LE(kernel().counts().pauses, 2 * kLooks);
  EXPECT_EQ(ring().stats().busy_poll_hits, 0u);
}

TEST_P(BusyPollTest, LooksWithoutASystemCall) {
  make_polling_ring();
  const Pipe pipe;
  uint64_t enters = 0;
  kernel().on_pause = [&] {
    if (kernel().counts().pauses == 1) enters = kernel().counts().enters;
    if (kernel().counts().pauses < kLooks / 2) return;
    EXPECT_EQ(kernel().counts().enters, enters);
    pipe.write("x");
    kernel().on_pause = nullptr;
  };
  EXPECT_EQ(block_on(ring(), read_pipe(request(), pipe)), 1);
  EXPECT_GE(kernel().counts().pauses, kLooks / 2);
}

TEST_P(BusyPollTest, SeesWhatIsPosted) {
  make_polling_ring();
  Parked parked(ring());
  const Poster poster = Poster::create(ring()).value();
  after_looks(5, [&] { EXPECT_TRUE(poster.post([&parked] { parked.let_go(); })); });
  block_on(ring(), park(parked));
  EXPECT_EQ(kernel().counts().sleeps, 0u);
  EXPECT_EQ(kernel().counts().pauses, 5u) << "it is seen at the next look";
  EXPECT_EQ(ring().stats().completions, 0u) << "the poster makes no system call";
}

TEST_P(BusyPollTest, SeesTimersInTime) {
  make_polling_ring();
  const TimePoint started = ring().core().now();
  block_on(ring(), sleep_for(ring(), minutes(20)));
  EXPECT_LT(ring().core().now() - started, minutes(30));
  EXPECT_EQ(kernel().counts().sleeps, 0u);
}

TEST_P(BusyPollTest, ACenturyIsForEver) {
  make_polling_ring(hours(24 * 36600));
  const Pipe pipe;
  after_looks(50 * kLooks, [&pipe] { pipe.write("x"); });
  EXPECT_EQ(block_on(ring(), read_pipe(request(), pipe)), 1);
  EXPECT_EQ(kernel().counts().sleeps, 0u);
}

INSTANTIATE_TEST_SUITE_P(Rungs, BusyPollTest,
                         ::testing::Values(SetupRung::kDeferred, SetupRung::kCooperative,
                                           SetupRung::kPlain),
                         [](const auto& param) {
                           return std::string(setup_rung_name(param.param));
                         });

}  // namespace
}  // namespace uring
