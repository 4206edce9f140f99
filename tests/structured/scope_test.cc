#include "uring/scope.h"

#include <chrono>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "tests/coroutine_testing.h"
#include "tests/ring_fixture.h"
#include "uring/as_task.h"
#include "uring/block_on.h"
#include "uring/sleep.h"
#include "uring/stop.h"
#include "uring/task.h"
#include "uring/timeout.h"

namespace uring {
namespace {

using std::chrono::milliseconds;
using testing::Root;
using testing::Tracked;

class ScopeTest : public testing::RingTest {
 protected:
  void SetUp() override { make_ring(); }
  absl::Status join(Scope& scope) { return block_on(ring(), scope.join()); }
};

Task<void> count_to(Ring& ring, int turns, int& ended) {
  for (int i = 0; i < turns; ++i) co_await yield(ring);
  ++ended;
}

Task<absl::Status> end_with(Ring& ring, int turns, absl::Status status) {
  for (int i = 0; i < turns; ++i) co_await yield(ring);
  co_return status;
}

Task<void> wait_for_ever(Ring& ring, Tracked argument) {
  const Tracked local(argument.living());
  co_await sleep_until(ring, TimePoint::max());
}

// --- joining -------------------------------------------------------------------------------------

TEST_F(ScopeTest, JoinsAllItsChildren) {
  Scope scope(ring());
  int ended = 0;
  for (int i = 0; i < 20; ++i) scope.spawn(count_to(ring(), i, ended));
  scope.spawn(end_with(ring(), 30, absl::OkStatus()));
  EXPECT_EQ(scope.running(), 21u);
  EXPECT_EQ(ended, 0) << "not before spawn returned";
  EXPECT_EQ(join(scope), absl::OkStatus());
  EXPECT_EQ(ended, 20);
  EXPECT_EQ(scope.running(), 0u);
}

TEST_F(ScopeTest, WithoutChildrenIsJoinedAtOnce) {
  Scope scope(ring());
  EXPECT_EQ(join(scope), absl::OkStatus());
  EXPECT_EQ(ring().stats().turns, 0u);
}

TEST_F(ScopeTest, MayBeJoinedAgain) {
  Scope scope(ring());
  int ended = 0;
  for (int round = 1; round <= 3; ++round) {
    scope.spawn(count_to(ring(), 2, ended));
    EXPECT_EQ(join(scope), absl::OkStatus());
    EXPECT_EQ(ended, round);
  }
}

Task<void> have_another(Ring& ring, Scope& scope, int generations, int& ended) {
  co_await yield(ring);
  if (generations > 0) scope.spawn(have_another(ring, scope, generations - 1, ended));
  ++ended;
}

TEST_F(ScopeTest, WaitsForTheChildrenOfItsChildren) {
  Scope scope(ring());
  int ended = 0;
  scope.spawn(have_another(ring(), scope, 5, ended));
  EXPECT_EQ(join(scope), absl::OkStatus());
  EXPECT_EQ(ended, 6);
}

Task<int> join_within(Ring& ring, int& ended) {
  int seen = 0;
  {
    Scope scope(ring);
    scope.spawn(count_to(ring, 3, ended));
    const absl::Status status = co_await scope.join();
    seen = status.ok() ? ended : -1;
  }
  co_return seen;
}

TEST_F(ScopeTest, ParentGoesOnAfterItsChildren) {
  int ended = 0;
  EXPECT_EQ(block_on(ring(), join_within(ring(), ended)), 1);
}

TEST_F(ScopeTest, AJoinThatIsDestroyedLeavesTheChildrenAlone) {
  Scope scope(ring());
  int ended = 0;
  scope.spawn(count_to(ring(), 5, ended));
  const auto late = block_on(ring(), with_timeout(ring(), milliseconds(0), scope.join()));
  EXPECT_TRUE(absl::IsDeadlineExceeded(late)) << late;
  EXPECT_EQ(join(scope), absl::OkStatus());
  EXPECT_EQ(ended, 1);
}

// --- errors --------------------------------------------------------------------------------------

TEST_F(ScopeTest, GivesTheFirstErrorAndCancelsTheOthers) {
  Scope scope(ring());
  int living = 0;
  scope.spawn(end_with(ring(), 1, absl::OkStatus()));
  scope.spawn(end_with(ring(), 2, absl::DataLossError("first")));
  scope.spawn(end_with(ring(), 2, absl::AbortedError("second")));
  scope.spawn(wait_for_ever(ring(), Tracked(living)));
  EXPECT_EQ(join(scope), absl::DataLossError("first"));
  EXPECT_EQ(living, 0);
  EXPECT_TRUE(scope.cancelled());
}

TEST_F(ScopeTest, OnRequestLetsTheOthersEndInSpiteOfAnError) {
  ScopeOptions options;
  options.cancel_on_error = false;
  Scope scope(ring(), std::move(options));
  int ended = 0;
  scope.spawn(end_with(ring(), 2, absl::DataLossError("first")));
  scope.spawn(count_to(ring(), 8, ended));
  scope.spawn(end_with(ring(), 4, absl::AbortedError("second")));
  EXPECT_EQ(join(scope), absl::DataLossError("first"));
  EXPECT_EQ(ended, 1);
}

#if defined(__cpp_exceptions)
Task<void> throw_later(Ring& ring) {
  co_await yield(ring);
  throw std::runtime_error("thrown");
}

TEST_F(ScopeTest, ExceptionsPassThroughTheJoin) {
  Scope scope(ring());
  int living = 0;
  scope.spawn(wait_for_ever(ring(), Tracked(living)));
  scope.spawn(throw_later(ring()));
  EXPECT_THROW(static_cast<void>(join(scope)), std::runtime_error);
  EXPECT_EQ(living, 0);
}
#endif

// --- cancelling ----------------------------------------------------------------------------------

TEST_F(ScopeTest, CancelledDestroysItsChildrenFromTheLoop) {
  Scope scope(ring());
  int living = 0;
  for (int i = 0; i < 3; ++i) scope.spawn(wait_for_ever(ring(), Tracked(living)));
  block_on(ring(), yield(ring()));
  scope.cancel();
  scope.cancel();
  EXPECT_EQ(living, 6) << "not within cancel()";
  EXPECT_TRUE(absl::IsCancelled(join(scope)));
  EXPECT_EQ(living, 0);
}

TEST_F(ScopeTest, CancelledWhenAllHaveEndedIsOk) {
  Scope scope(ring());
  int ended = 0;
  scope.spawn(count_to(ring(), 1, ended));
  EXPECT_EQ(join(scope), absl::OkStatus());
  scope.cancel();
  EXPECT_EQ(join(scope), absl::OkStatus());
}

TEST_F(ScopeTest, AfterCancelChildrenDoNotBegin) {
  Scope scope(ring());
  scope.cancel();
  int living = 0;
  scope.spawn(wait_for_ever(ring(), Tracked(living)));
  EXPECT_EQ(living, 0);
  EXPECT_TRUE(absl::IsCancelled(join(scope)));
}

Task<void> cancel_all(Ring& ring, Scope& scope, int& steps) {
  co_await yield(ring);
  scope.cancel();
  ++steps;  // on until it waits
  co_await yield(ring);
  ++steps;
}

TEST_F(ScopeTest, AChildMayCancelTheScopeItIsIn) {
  Scope scope(ring());
  int living = 0;
  int steps = 0;
  scope.spawn(wait_for_ever(ring(), Tracked(living)));
  scope.spawn(cancel_all(ring(), scope, steps));
  EXPECT_TRUE(absl::IsCancelled(join(scope)));
  EXPECT_EQ(steps, 1);
  EXPECT_EQ(living, 0);
}

TEST_F(ScopeTest, AStopTokenCancelsItFromAnotherThread) {
  std::stop_source source;
  ScopeOptions options;
  options.stop = source.get_token();
  Scope scope(ring(), std::move(options));
  int living = 0;
  for (int i = 0; i < 3; ++i) scope.spawn(wait_for_ever(ring(), Tracked(living)));
  std::thread other([&source] { source.request_stop(); });
  EXPECT_TRUE(absl::IsCancelled(join(scope)));
  other.join();
  EXPECT_EQ(living, 0);
}

TEST_F(ScopeTest, StoppedAlreadyItBeginsCancelled) {
  std::stop_source source;
  source.request_stop();
  ScopeOptions options;
  options.stop = source.get_token();
  Scope scope(ring(), std::move(options));
  int living = 0;
  scope.spawn(wait_for_ever(ring(), Tracked(living)));
  EXPECT_TRUE(absl::IsCancelled(join(scope)));
  EXPECT_EQ(ring().stats().turns, 0u);
}

Task<absl::Status> end_when_stopped(Ring& ring, Scope& scope, int& ended) {
  const absl::Status status =
      co_await with_stop(ring, scope.stop_token(), sleep_until(ring, TimePoint::max()));
  ++ended;
  co_return absl::IsCancelled(status) ? absl::OkStatus() : status;
}

TEST_F(ScopeTest, ChildrenMayEndByThemselvesWhenItsTokenSaysSo) {
  Scope scope(ring());
  int ended = 0;
  for (int i = 0; i < 3; ++i) scope.spawn(end_when_stopped(ring(), scope, ended));
  block_on(ring(), yield(ring()));
  scope.request_stop();
  EXPECT_FALSE(scope.cancelled());
  EXPECT_EQ(join(scope), absl::OkStatus());
  EXPECT_EQ(ended, 3);
}

TEST_F(ScopeTest, CancellingStopsItsToken) {
  Scope scope(ring());
  const std::stop_token before = scope.stop_token();
  scope.cancel();
  EXPECT_TRUE(before.stop_requested());
  EXPECT_TRUE(scope.stop_token().stop_requested());
  Scope other(ring());
  other.cancel();
  EXPECT_TRUE(other.stop_token().stop_requested());
}

Task<absl::Status> nest(Ring& ring, int depth, int& living) {
  Scope scope(ring);
  scope.spawn(wait_for_ever(ring, Tracked(living)));
  if (depth > 0) scope.spawn(nest(ring, depth - 1, living));
  const absl::Status status = co_await scope.join();
  co_return status;
}

TEST_F(ScopeTest, CancellingEndsScopesWithinScopes) {
  Scope scope(ring());
  int living = 0;
  scope.spawn(nest(ring(), 5, living));
  for (int i = 0; i < 10; ++i) block_on(ring(), yield(ring()));
  EXPECT_EQ(living, 12);
  scope.cancel();
  EXPECT_TRUE(absl::IsCancelled(join(scope)));
  EXPECT_EQ(living, 0);
}

// --- being destroyed -----------------------------------------------------------------------------

TEST_F(ScopeTest, DestroyedWithoutJoinDestroysItsChildrenAtOnce) {
  int living = 0;
  int ended = 0;
  std::stop_token token;
  {
    Scope scope(ring());
    token = scope.stop_token();
    scope.spawn(wait_for_ever(ring(), Tracked(living)));
    block_on(ring(), yield(ring()));
    scope.spawn(count_to(ring(), 0, ended));
    EXPECT_EQ(living, 2);
  }
  EXPECT_EQ(living, 0);
  EXPECT_TRUE(token.stop_requested());
  block_on(ring(), yield(ring()));
  EXPECT_EQ(ended, 0);
}

TEST_F(ScopeTest, DestroyedWithItsParent) {
  int living = 0;
  const auto late =
      block_on(ring(), with_timeout(ring(), milliseconds(1), nest(ring(), 3, living)));
  EXPECT_TRUE(absl::IsDeadlineExceeded(late)) << late;
  EXPECT_EQ(living, 0);
}

TEST_F(ScopeTest, DestroyedBetweenCancelAndItsEffect) {
  int living = 0;
  {
    Scope scope(ring());
    scope.spawn(wait_for_ever(ring(), Tracked(living)));
    block_on(ring(), yield(ring()));
    scope.cancel();
  }
  EXPECT_EQ(living, 0);
  block_on(ring(), yield(ring()));
}

TEST_F(ScopeTest, OutlivesItsRing) {
  int living = 0;
  Root root;
  Task<absl::Status> task = nest(ring(), 2, living);
  root.start(task);
  for (int i = 0; i < 6; ++i) block_on(ring(), yield(ring()));
  EXPECT_EQ(living, 6);
  std::optional<Scope> scope(std::in_place, ring());
  destroy_ring();
  scope->spawn(wait_for_ever(ring(), Tracked(living)));
  EXPECT_EQ(living, 6);
  task.reset();
  EXPECT_EQ(living, 0);
  EXPECT_FALSE(root.ended());
}

TEST_F(ScopeTest, TwoMayNotJoinAtOnce) {
  const auto join_twice = [] {
    Ring own = Ring::create().value();  // the child of a fork may not use another's
    int living = 0;
    Scope scope(own);
    scope.spawn(wait_for_ever(own, Tracked(living)));
    Task<absl::Status> one = as_task(scope.join());
    Task<absl::Status> two = as_task(scope.join());
    Root root;
    root.start(one);
    root.start(two);
  };
  EXPECT_DEATH(join_twice(), "joined by two");
}

}  // namespace
}  // namespace uring
