#include "uring/spawn.h"

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "gtest/gtest.h"
#include "tests/coroutine_testing.h"
#include "uring/block_on.h"
#include "uring/frame_allocator.h"
#include "uring/ring.h"
#include "uring/sleep.h"
#include "uring/task.h"
#include "uring/when_all.h"
#include "uring/when_any.h"

namespace uring {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using testing::StackProbe;
using testing::Tracked;

class RingTest : public ::testing::Test {
 protected:
  RingTest() {
    absl::StatusOr<Ring> made = Ring::create();
    if (made.ok()) ring_.emplace(*std::move(made));
  }
  void SetUp() override { ASSERT_TRUE(ring_.has_value()) << Ring::create().status(); }
  Ring& ring() { return *ring_; }
  void destroy_ring() { ring_.reset(); }

 private:
  std::optional<Ring> ring_;
};

Task<int> give(int value) { co_return value; }

Task<int> give_after(Ring& ring, milliseconds delay, int value) {
  co_await sleep_for(ring, delay);
  co_return value;
}

// --- block_on ------------------------------------------------------------------------------------

using BlockOn = RingTest;

TEST_F(BlockOn, GivesTheResultOfATaskThatEndsAtOnce) {
  EXPECT_EQ(block_on(ring(), give(3)), 3);
  EXPECT_EQ(ring().stats().turns, 0u);
}

TEST_F(BlockOn, RunsTheRingUntilTheTaskHasEnded) {
  EXPECT_EQ(block_on(ring(), give_after(ring(), milliseconds(1), 4)), 4);
}

TEST_F(BlockOn, TakesAnyAwaitable) {
  block_on(ring(), sleep_for(ring(), milliseconds(1)));
  block_on(ring(), yield(ring()));
  const auto both = block_on(ring(), when_all(give(1), yield(ring())));
  EXPECT_EQ(std::get<0>(both), 1);
}

#if defined(__cpp_exceptions)
Task<int> fail(Ring& ring) {
  co_await yield(ring);
  throw std::runtime_error("failed");
}

TEST_F(BlockOn, ExceptionsPassThrough) {
  EXPECT_THROW(static_cast<void>(block_on(ring(), fail(ring()))), std::runtime_error);
  EXPECT_EQ(block_on(ring(), give(3)), 3);
}
#endif

Task<int> block_within(Ring& outer, Ring& inner) {
  co_await yield(outer);
  const int value = block_on(inner, give(5));
  co_return value;
}

TEST_F(BlockOn, WithinACoroutineOfTheSameRingIsAFailedCheck) {
  const auto block_twice = [] {
    Ring own = Ring::create().value();  // the child of a fork may not use another's
    block_on(own, block_within(own, own));
  };
  EXPECT_DEATH(block_twice(), "co_await instead");
}

TEST_F(BlockOn, WithinACoroutineOfAnotherRingWorks) {
  absl::StatusOr<Ring> inner = Ring::create();
  ASSERT_TRUE(inner.ok());
  EXPECT_EQ(block_on(ring(), block_within(ring(), *inner)), 5);
}

// --- spawn ---------------------------------------------------------------------------------------

using Spawn = RingTest;

Task<void> append(Ring& ring, std::vector<int>& log, int value, int times) {
  for (int i = 0; i < times; ++i) {
    log.push_back(value);
    co_await yield(ring);
  }
}

TEST_F(Spawn, TasksTakeTurnsInOrder) {
  std::vector<int> log;
  spawn(ring(), append(ring(), log, 1, 3));
  spawn(ring(), append(ring(), log, 2, 2));
  EXPECT_TRUE(log.empty());  // not before a turn
  ring().run();
  EXPECT_EQ(log, (std::vector<int>{1, 2, 1, 2, 1}));
}

Task<void> hold_for(Ring& ring, milliseconds delay, Tracked argument) {
  const Tracked local(argument.living());
  co_await sleep_for(ring, delay);
}

TEST_F(Spawn, TaskIsFreedAtItsEnd) {
  int living = 0;
  for (const milliseconds delay : {milliseconds(0), milliseconds(1)}) {
    spawn(ring(), hold_for(ring(), delay, Tracked(living)));
    EXPECT_EQ(living, 1);
    ring().run();
    EXPECT_EQ(living, 0);
    EXPECT_TRUE(ring().core().spawned().empty());
  }
}

TEST_F(Spawn, DestroyedRingDestroysItsTasks) {
  int living = 0;
  spawn(ring(), hold_for(ring(), hours(1), Tracked(living)));
  block_on(ring(), yield(ring()));
  EXPECT_EQ(living, 2);  // suspended in its body
  spawn(ring(), hold_for(ring(), hours(1), Tracked(living)));
  EXPECT_EQ(living, 3);  // not started
  destroy_ring();
  EXPECT_EQ(living, 0);
}

// Spawns another task when it is destroyed.
class SpawnsAtItsEnd {
 public:
  SpawnsAtItsEnd(Ring& ring, int& living) : ring_(ring), living_(living) {}
  SpawnsAtItsEnd(const SpawnsAtItsEnd&) = delete;
  SpawnsAtItsEnd& operator=(const SpawnsAtItsEnd&) = delete;
  ~SpawnsAtItsEnd() { spawn(ring_, hold_for(ring_, hours(1), Tracked(living_))); }

 private:
  Ring& ring_;
  int& living_;
};

Task<void> spawn_at_end(Ring& ring, int& living) {
  const SpawnsAtItsEnd guard(ring, living);
  co_await sleep_until(ring, TimePoint::max());
}

TEST_F(Spawn, TasksThatAreSpawnedDuringTeardownAreDestroyedToo) {
  int living = 0;
  spawn(ring(), spawn_at_end(ring(), living));
  block_on(ring(), yield(ring()));
  destroy_ring();
  EXPECT_EQ(living, 0);
}

TEST_F(Spawn, SteadyStateAllocatesNothing) {
  if (!frames_are_recycled()) GTEST_SKIP() << "this build recycles nothing";
  int living = 0;
  const auto spawn_many = [&] {
    for (int i = 0; i < 100; ++i) spawn(ring(), hold_for(ring(), milliseconds(0), Tracked(living)));
    ring().run();
  };
  spawn_many();
  const uint64_t before = frame_allocator_stats().fresh;
  spawn_many();
  EXPECT_EQ(frame_allocator_stats().fresh, before);
}

#if defined(__cpp_exceptions)
Task<void> throw_away(Ring& ring) {
  co_await yield(ring);
  throw std::runtime_error("nobody listens");
}

TEST_F(Spawn, ExceptionThatLeavesATaskEndsTheProcess) {
  const auto run = [] {
    Ring own = Ring::create().value();  // the child of a fork may not use another's
    spawn(own, throw_away(own));
    own.run();
  };
  EXPECT_DEATH(run(), "nobody listens");
}
#endif

// --- sleep and yield -----------------------------------------------------------------------------

using Sleeping = RingTest;

TEST_F(Sleeping, LastsAtLeastAsLongAsAsked) {
  const TimePoint before = Clock::now();
  block_on(ring(), sleep_for(ring(), milliseconds(3)));
  EXPECT_GE(Clock::now() - before, milliseconds(3));
}

TEST_F(Sleeping, UntilThePastDoesNotSuspend) {
  block_on(ring(), sleep_until(ring(), TimePoint::min()));
  block_on(ring(), sleep_for(ring(), milliseconds(-5)));
  EXPECT_EQ(ring().stats().turns, 0u);
}

Task<void> sleep_and_log(Ring& ring, std::vector<int>& log, int value, milliseconds delay) {
  co_await sleep_for(ring, delay);
  log.push_back(value);
}

TEST_F(Sleeping, SleepersWakeInOrderOfDeadline) {
  std::vector<int> log;
  block_on(ring(), when_all(sleep_and_log(ring(), log, 3, milliseconds(6)),
                            sleep_and_log(ring(), log, 1, milliseconds(2)),
                            sleep_and_log(ring(), log, 2, milliseconds(4))));
  EXPECT_EQ(log, (std::vector<int>{1, 2, 3}));
}

TEST_F(Sleeping, DestroyedSleeperLeavesNoTimer) {
  const auto first = block_on(
      ring(), when_any(sleep_for(ring(), hours::max()), sleep_for(ring(), milliseconds(1))));
  EXPECT_EQ(first.index(), 1u);
  EXPECT_EQ(ring().core().timers().size(), 0u);
}

TEST_F(Sleeping, SleeperMayOutliveItsRing) {
  int living = 0;
  testing::Root root;
  Task<void> task = hold_for(ring(), milliseconds(1), Tracked(living));
  root.start(task);
  destroy_ring();
  EXPECT_EQ(living, 2);
  task.reset();
  EXPECT_EQ(living, 0);
}

Task<void> yield_often(Ring& ring, StackProbe& stack, int times) {
  for (int i = 0; i < times; ++i) {
    co_await yield(ring);
    stack.note();
  }
}

TEST_F(Sleeping, YieldsDoNotGrowTheStack) {
  StackProbe stack;
  block_on(ring(), when_all(yield_often(ring(), stack, 20000), yield_often(ring(), stack, 20000)));
  EXPECT_LT(stack.spread(), 4096u);
}

}  // namespace
}  // namespace uring
