#include <cerrno>
#include <chrono>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/sim/descriptors.h"
#include "tests/sim/outcomes.h"
#include "tests/sim/raw_ring.h"
#include "uring/testing/sim_kernel.h"

// Setting rings up, handing over, waiting, the completion queue, and lies.

namespace uring::testing {
namespace {

using Completions = std::vector<Completion>;
using std::chrono::milliseconds;
using std::chrono::seconds;

class SimEnteringTest : public ::testing::Test {
 protected:
  SeededChoices choices_{1};
  SimKernel kernel_{choices_};
};

void nops(RawRing& ring, uint64_t first, uint64_t last) {
  for (uint64_t i = first; i <= last; ++i) io_uring_prep_nop(ring.entry(i));
}

// --- set-up --------------------------------------------------------------------------------------

TEST_F(SimEnteringTest, SetUpRoundsAndClampsLikeTheKernel) {
  RawRing plain(kernel_, 5);
  EXPECT_EQ(plain.params().sq_entries, 8u);
  EXPECT_EQ(plain.params().cq_entries, 16u);
  RawRing sized(kernel_, 8, 0, 100);
  EXPECT_EQ(sized.params().cq_entries, 128u);
  EXPECT_EQ(RawRing(kernel_, 0).error(), EINVAL);
  EXPECT_EQ(RawRing(kernel_, 1U << 20).error(), EINVAL);
  EXPECT_EQ(RawRing(kernel_, 1U << 20, IORING_SETUP_CLAMP).params().sq_entries, 32768u);
  EXPECT_EQ(RawRing(kernel_, 64, 0, 8).error(), EINVAL);
}

TEST_F(SimEnteringTest, SetUpRefusesWhatItIsToldTo) {
  EXPECT_EQ(RawRing(kernel_, 8, IORING_SETUP_DEFER_TASKRUN).error(), EINVAL);
  constexpr unsigned kDeferred = IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SINGLE_ISSUER;
  EXPECT_EQ(RawRing(kernel_, 8, kDeferred).error(), 0);
  EXPECT_EQ(RawRing(kernel_, 8, 1U << 31).error(), EINVAL);
  kernel_.knobs().setup_flags_refused = IORING_SETUP_DEFER_TASKRUN;
  EXPECT_EQ(RawRing(kernel_, 8, kDeferred).error(), EINVAL);
  EXPECT_EQ(RawRing(kernel_, 8).error(), 0);
}

TEST_F(SimEnteringTest, APollingRingIsEmptiedWhoeverEnters) {
  RawRing ring(kernel_, 8, IORING_SETUP_SQPOLL);
  nops(ring, 1, 3);
  EXPECT_EQ(ring.enter(), 3);
  EXPECT_EQ(to_text(ring.completions()), "1:0 2:0 3:0");
}

TEST_F(SimEnteringTest, TheNthCallFailsOnce) {
  kernel_.fail_call(2, ENOMEM);
  RawRing ring(kernel_);
  EXPECT_EQ(ring.error(), 0);
  EXPECT_FALSE(kernel_.call_failed());
  nops(ring, 1, 1);
  EXPECT_EQ(ring.enter(), -ENOMEM);
  EXPECT_TRUE(kernel_.call_failed());
  EXPECT_EQ(ring.enter(), 1);
  EXPECT_EQ(kernel_.counts().calls, 3u);
}

// --- handing over --------------------------------------------------------------------------------

TEST_F(SimEnteringTest, AFailedEnterTakesNothingAndTheNextOneDoes) {
  RawRing ring(kernel_);
  nops(ring, 1, 2);
  kernel_.fail_enters(EAGAIN, 2);
  EXPECT_EQ(ring.enter(1), -EAGAIN);
  EXPECT_EQ(ring.enter(1), -EAGAIN);
  EXPECT_EQ(ring.queued(), 2u);
  EXPECT_EQ(ring.enter(1), 2);
  EXPECT_EQ(to_text(ring.completions()), "1:0 2:0");
}

TEST(SimEnteringKnobs, EntersFailInEachWayThatIsAskedFor) {
  SimKnobs knobs;
  knobs.enter_fails_one_in = 2;
  knobs.enter_errors = {EINTR, EBUSY};
  auto script = [](SimKernel& kernel) {
    RawRing ring(kernel);
    nops(ring, 1, 1);
    int result = ring.enter(1);
    return std::to_string(result) + " " + to_text(ring.completions());
  };
  EXPECT_EQ(every_outcome(knobs, script), (Outcomes{"1 1:0", "-4 ", "-16 "}));
}

TEST(SimEnteringKnobs, AShortSubmissionTakesTheFirstEntriesAndDoesNotWait) {
  SimKnobs knobs;
  knobs.short_submit_one_in = 2;
  auto script = [](SimKernel& kernel) {
    auto [fd, other_end] = make_pipe();
    kernel.attach_stream(fd.get());
    RawRing ring(kernel);
    char buffer[4];
    ring.read(1, fd.get(), buffer, 4);  // there is nothing to read: waiting would be for ever
    nops(ring, 2, 3);
    std::string outcome = std::to_string(ring.enter(ring.queued() == 3 ? 2 : 0));
    outcome += " " + to_text(ring.completions());
    while (ring.queued() > 0) ring.enter();
    EXPECT_EQ(kernel.counts().taken, 3u);
    return outcome;
  };
  EXPECT_EQ(every_outcome(knobs, script), (Outcomes{"3 2:0 3:0", "1 ", "2 2:0"}));
}

TEST_F(SimEnteringTest, ABadEntryStopsTheBatchUnlessAskedNotTo) {
  for (bool all : {false, true}) {
    RawRing ring(kernel_, 8, all ? IORING_SETUP_SUBMIT_ALL : 0);
    nops(ring, 1, 1);
    ring.entry(2)->opcode = 250;
    nops(ring, 3, 3);
    EXPECT_EQ(ring.enter(), all ? 3 : 2);
    EXPECT_EQ(to_text(ring.completions()), all ? "1:0 2:EINVAL 3:0" : "1:0 2:EINVAL");
    EXPECT_EQ(ring.queued(), all ? 0u : 1u);
    ring.enter();
  }
}

// --- waiting -------------------------------------------------------------------------------------

TEST_F(SimEnteringTest, AWaitWithALimitMovesTheClockThere) {
  auto [fd, other_end] = make_pipe();
  kernel_.attach_stream(fd.get());
  RawRing ring(kernel_);
  char buffer[4];
  ring.read(1, fd.get(), buffer, 4);
  TimePoint before = kernel_.now();
  EXPECT_EQ(ring.enter(1, seconds(100)), 1);  // what it took hides how the wait ended
  EXPECT_EQ(kernel_.now() - before, seconds(100));
  EXPECT_EQ(ring.enter(1, milliseconds(1)), -ETIME);
  EXPECT_EQ(kernel_.now() - before, milliseconds(100'001));
  kernel_.advance(seconds(1));
  EXPECT_EQ(kernel_.now() - before, milliseconds(101'001));
}

TEST_F(SimEnteringTest, SleepingTakesVirtualTimeOnly) {
  TimePoint before = kernel_.now();
  kernel_.sleep(std::chrono::hours(1));
  EXPECT_EQ(kernel_.now() - before, std::chrono::hours(1));
}

TEST_F(SimEnteringTest, AWaitWithoutALimitAsksTheTestToChangeSomething) {
  auto [fd, other_end] = make_pipe();
  auto stream = kernel_.attach_stream(fd.get());
  int asked = 0;
  kernel_.on_idle = [&asked, stream = stream] {
    if (++asked == 2) stream->feed("at last");
    return true;
  };
  RawRing ring(kernel_);
  char buffer[16];
  ring.read(1, fd.get(), buffer, 16);
  EXPECT_EQ(to_text(ring.run(1)), "1:7");
  EXPECT_EQ(asked, 2);
}

TEST_F(SimEnteringTest, WaitsForAsManyAsItIsTold) {
  kernel_.knobs().inline_one_in = 0;
  kernel_.knobs().steps_per_enter = 1;
  RawRing ring(kernel_);
  nops(ring, 1, 4);
  ring.enter(3);
  EXPECT_GE(ring.completions().size(), 3u);
}

TEST(SimEnteringDeathTest, AWaitThatNothingCanEndIsALostWakeUp) {
  SeededChoices choices(1);
  SimKernel kernel(choices);
  auto [fd, other_end] = make_pipe();
  kernel.attach_stream(fd.get());
  RawRing ring(kernel);
  char buffer[4];
  ring.read(1, fd.get(), buffer, 4);
  EXPECT_DEATH(ring.enter(1), "waits for ever, with 1 requests in flight:\n  #1 read fd");
}

TEST(SimEnteringKnobs, WaitsAreInterruptedOrSlow) {
  SimKnobs knobs;
  knobs.inline_one_in = 0;
  knobs.steps_per_enter = 1;
  knobs.interrupted_wait_one_in = 2;
  knobs.slow_one_in = 2;
  auto script = [](SimKernel& kernel) {
    RawRing ring(kernel);
    nops(ring, 1, 1);
    // In a call of its own, or the result would be hidden.
    kernel.enter(ring.ring(), 0, 0, IORING_ENTER_GETEVENTS, nullptr);
    ring.enter();
    if (*ring.ring().cq.ktail > 0) return std::string("early");
    std::string outcome = errno_text(-ring.enter(1, milliseconds(5)));
    return outcome + " " + to_text(ring.completions());
  };
  EXPECT_EQ(every_outcome(knobs, script), (Outcomes{"early", "0 1:0", "EINTR ", "ETIME "}));
}

TEST_F(SimEnteringTest, SlownessSparesLongWaits) {
  kernel_.knobs().inline_one_in = 0;
  kernel_.knobs().slow_one_in = 1;
  RawRing ring(kernel_);
  nops(ring, 1, 1);
  ring.enter(1, seconds(5));
  EXPECT_EQ(to_text(ring.completions()), "1:0");
}

TEST(SimEnteringKnobs, RequestsStayBehindUntilTheyAreWaitedFor) {
  SimKnobs knobs;
  knobs.inline_one_in = 0;
  knobs.steps_per_enter = 2;
  auto script = [](SimKernel& kernel) {
    RawRing ring(kernel);
    nops(ring, 1, 3);
    ring.enter();
    return to_text(ring.completions());
  };
  EXPECT_EQ(every_outcome(knobs, script), (Outcomes{"", "1:0", "1:0 2:0"}));
}

// --- the completion queue ------------------------------------------------------------------------

TEST_F(SimEnteringTest, WhatFindsNoRoomIsKeptInOrderAndFlagged) {
  RawRing ring(kernel_, 8);
  nops(ring, 1, 8);
  ring.enter();
  nops(ring, 9, 16);
  ring.enter();
  nops(ring, 17, 20);
  EXPECT_EQ(ring.enter(), 4);
  EXPECT_EQ(kernel_.counts().overflows, 4u);
  EXPECT_NE(*ring.ring().sq.kflags & IORING_SQ_CQ_OVERFLOW, 0u);
  Completions first = ring.completions();
  EXPECT_EQ(first.size(), 16u);
  EXPECT_EQ(to_text(ring.completions()), "");
  EXPECT_EQ(to_text(ring.run()), "17:0 18:0 19:0 20:0");
  EXPECT_EQ(*ring.ring().sq.kflags & IORING_SQ_CQ_OVERFLOW, 0u);
  EXPECT_EQ(*ring.ring().cq.koverflow, 0u);
}

// --- lies ----------------------------------------------------------------------------------------

TEST_F(SimEnteringTest, ACompletionIsRepeatedAtALaterTime) {
  kernel_.knobs().repeat_one_in = 1;
  RawRing ring(kernel_);
  nops(ring, 1, 1);
  EXPECT_EQ(to_text(ring.run(1)), "1:0 1:0");
  EXPECT_EQ(kernel_.counts().lies, 1u);
}

TEST_F(SimEnteringTest, ACompletionIsInventedThatAnswersNothing) {
  kernel_.knobs().unknown_one_in = 1;
  RawRing ring(kernel_);
  Completions invented = ring.run();
  ASSERT_EQ(invented.size(), 1u);
  EXPECT_EQ(invented[0].user_data >> 32, 0xfedcba98u);
  EXPECT_EQ(invented[0].user_data & 1, 0u);
}

TEST_F(SimEnteringTest, ALostCompletionIsOwnedUpToByTheNextWait) {
  kernel_.knobs().drop_one_in = 1;
  RawRing ring(kernel_);
  nops(ring, 1, 1);
  EXPECT_EQ(ring.enter(), 1);
  EXPECT_EQ(to_text(ring.completions()), "");
  EXPECT_EQ(*ring.ring().cq.koverflow, 1u);
  EXPECT_EQ(ring.enter(), -EBADR);
  EXPECT_EQ(ring.enter(), 0);
}

}  // namespace
}  // namespace uring::testing
