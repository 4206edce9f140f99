#include "uring/shield.h"

#include <chrono>
#include <memory>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "tests/coroutine_testing.h"
#include "tests/ring_fixture.h"
#include "uring/as_task.h"
#include "uring/block_on.h"
#include "uring/scope.h"
#include "uring/sleep.h"
#include "uring/task.h"
#include "uring/timeout.h"

namespace uring {
namespace {

using std::chrono::milliseconds;
using testing::Root;
using testing::Tracked;

static_assert(!std::is_aggregate_v<Shield<int>>);

class ShieldTest : public testing::RingTest {
 protected:
  void SetUp() override { make_ring(); }
};

template <class T>
Task<T> give_after(Ring& ring, int turns, T value) {
  for (int i = 0; i < turns; ++i) co_await yield(ring);
  co_return value;
}

Task<void> take_steps(Ring& ring, int turns, int& steps, Tracked argument) {
  const Tracked local(argument.living());
  for (int i = 0; i < turns; ++i) {
    co_await yield(ring);
    ++steps;
  }
}

TEST_F(ShieldTest, GivesTheResultOfTheTask) {
  for (const int turns : {0, 1, 5}) {
    EXPECT_EQ(block_on(ring(), shield(ring(), give_after(ring(), turns, 7))), 7);
    EXPECT_EQ(
        *block_on(ring(), shield(ring(), give_after(ring(), turns, std::make_unique<int>(8)))), 8);
    int steps = 0;
    int living = 0;
    block_on(ring(), shield(ring(), take_steps(ring(), turns, steps, Tracked(living))));
    EXPECT_EQ(steps, turns);
    EXPECT_EQ(living, 0);
  }
  block_on(ring(), shield(ring(), sleep_for(ring(), milliseconds(1))));
  EXPECT_TRUE(ring().core().spawned().empty());
}

#if defined(__cpp_exceptions)
Task<int> fail_after(Ring& ring, int turns) {
  for (int i = 0; i < turns; ++i) co_await yield(ring);
  throw std::runtime_error("failed");
}

TEST_F(ShieldTest, ExceptionsPassThroughOrAreDroppedWithTheResult) {
  for (const int turns : {0, 2}) {
    EXPECT_THROW(static_cast<void>(block_on(ring(), shield(ring(), fail_after(ring(), turns)))),
                 std::runtime_error);
  }
  Root root;
  Task<int> task = as_task(shield(ring(), fail_after(ring(), 2)));
  root.start(task);
  task.reset();
  ring().run();
}
#endif

TEST_F(ShieldTest, DestroyedWhileItWaitsLetsTheTaskRunOnToItsEnd) {
  int steps = 0;
  int living = 0;
  Root root;
  Task<void> task = as_task(shield(ring(), take_steps(ring(), 4, steps, Tracked(living))));
  root.start(task);
  block_on(ring(), yield(ring()));
  EXPECT_EQ(steps, 1);
  task.reset();
  EXPECT_EQ(living, 2);
  ring().run();
  EXPECT_EQ(steps, 4);
  EXPECT_EQ(living, 0);
  EXPECT_FALSE(root.ended());
}

TEST_F(ShieldTest, DestroyedBetweenTheTasksEndAndItsOwnResumption) {
  int steps = 0;
  int living = 0;
  Root root;
  Task<void> task = as_task(shield(ring(), take_steps(ring(), 1, steps, Tracked(living))));
  root.start(task);
  ring().core().turn();
  EXPECT_EQ(steps, 1);
  EXPECT_FALSE(root.ended());
  task.reset();
  EXPECT_EQ(living, 0);
  block_on(ring(), yield(ring()));
}

TEST_F(ShieldTest, DestroyedBeforeItIsAwaitedDestroysTheTask) {
  int steps = 0;
  int living = 0;
  {
    auto shielded = shield(ring(), take_steps(ring(), 1, steps, Tracked(living)));
    EXPECT_EQ(living, 1);
    const auto moved = std::move(shielded);
    EXPECT_EQ(living, 1);
  }
  EXPECT_EQ(living, 0);
  EXPECT_EQ(steps, 0);
}

TEST_F(ShieldTest, ATimeoutCannotCutItShort) {
  int steps = 0;
  int living = 0;
  const absl::Status late =
      block_on(ring(), with_timeout(ring(), milliseconds(-1),
                                    shield(ring(), take_steps(ring(), 5, steps, Tracked(living)))));
  EXPECT_TRUE(absl::IsDeadlineExceeded(late));
  EXPECT_LT(steps, 5);
  ring().run();
  EXPECT_EQ(steps, 5);
}

Task<absl::Status> shield_in_scope(Ring& ring, int& steps, int& living) {
  co_await shield(ring, take_steps(ring, 6, steps, Tracked(living)));
  co_return absl::OkStatus();
}

TEST_F(ShieldTest, NeitherCanAScope) {
  int steps = 0;
  int living = 0;
  Scope scope(ring());
  scope.spawn(shield_in_scope(ring(), steps, living));
  block_on(ring(), yield(ring()));
  block_on(ring(), yield(ring()));
  scope.cancel();
  EXPECT_TRUE(absl::IsCancelled(block_on(ring(), scope.join())));
  EXPECT_LT(steps, 6);
  EXPECT_EQ(living, 2);
  ring().run();
  EXPECT_EQ(steps, 6);
  EXPECT_EQ(living, 0);
}

TEST_F(ShieldTest, DestroyingTheRingDestroysTheTask) {
  for (const bool awaited : {false, true}) {
    make_ring();
    int steps = 0;
    int living = 0;
    Root root;
    Task<void> task = as_task(shield(ring(), take_steps(ring(), 4, steps, Tracked(living))));
    root.start(task);
    block_on(ring(), yield(ring()));
    if (!awaited) task.reset();
    EXPECT_EQ(living, 2);
    destroy_ring();
    EXPECT_EQ(living, 0);
    EXPECT_FALSE(root.ended());
  }
}

}  // namespace
}  // namespace uring
