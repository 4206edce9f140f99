// ScopeOptions::max_running: how many children run, in which order, and who waits for room.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <numeric>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "tests/coroutine_testing.h"
#include "tests/structured/virtual_time.h"
#include "uring/block_on.h"
#include "uring/scope.h"
#include "uring/sleep.h"
#include "uring/task.h"
#include "uring/timeout.h"

namespace uring {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using testing::Tracked;

// What the children of a test did.
struct Log {
  std::vector<int> begun;
  int running = 0;
  int most = 0;
  int ended = 0;
};

class Work {
 public:
  Work(Log& log, int number) : log_(log) {
    log_.begun.push_back(number);
    log_.most = std::max(log_.most, ++log_.running);
  }
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;
  ~Work() { --log_.running; }

 private:
  Log& log_;
};

Task<absl::Status> work(Ring& ring, Log& log, int number, milliseconds length,
                        absl::Status status = absl::OkStatus()) {
  const Work doing(log, number);
  co_await sleep_for(ring, length);
  ++log.ended;
  co_return status;
}

std::vector<int> up_to(int n) {
  std::vector<int> numbers(static_cast<size_t>(n));
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

class ScopeLimitTest : public testing::VirtualTimeTest {
 protected:
  absl::Status join(Scope& scope) { return block_on(ring(), scope.join()); }
};

TEST_F(ScopeLimitTest, AsManyRunAsMayAndTheOthersBeginInOrder) {
  for (const size_t limit : {size_t{1}, size_t{3}, size_t{100}, size_t{0}}) {
    SCOPED_TRACE(limit);
    Log log;
    Scope scope(ring(), {.max_running = limit});
    // The long ones first, so that they end out of order.
    for (int i = 0; i < 20; ++i) scope.spawn(work(ring(), log, i, milliseconds(100 - 3 * i)));
    const bool bounded = limit > 0 && limit < 20;
    EXPECT_EQ(scope.running(), 20u);
    EXPECT_EQ(scope.waiting(), bounded ? 20 - limit : 0);
    EXPECT_EQ(join(scope), absl::OkStatus());
    EXPECT_EQ(log.most, bounded ? static_cast<int>(limit) : 20);
    EXPECT_EQ(log.begun, up_to(20));
    EXPECT_EQ(log.ended, 20);
    EXPECT_EQ(scope.waiting(), 0u);
  }
}

TEST_F(ScopeLimitTest, AChildThatEndsAtOnceMakesRoom) {
  Log log;
  Scope scope(ring(), {.max_running = 1});
  for (int i = 0; i < 100; ++i) scope.spawn(work(ring(), log, i, milliseconds(0)));
  EXPECT_EQ(join(scope), absl::OkStatus());
  EXPECT_EQ(log.begun, up_to(100));
  EXPECT_EQ(log.most, 1);
}

TEST_F(ScopeLimitTest, CancelDropsWhoWaitsInLine) {
  Log log;
  int living = 0;
  Scope scope(ring(), {.max_running = 2});
  const auto child = [](Ring& on, Log& its, int number, Tracked) -> Task<void> {
    const Work doing(its, number);
    co_await sleep_for(on, hours(1));
  };
  for (int i = 0; i < 10; ++i) scope.spawn(child(ring(), log, i, Tracked(living)));
  EXPECT_EQ(living, 10);
  block_on(ring(), yield(ring()));
  scope.cancel();
  EXPECT_EQ(scope.waiting(), 0u);
  EXPECT_TRUE(absl::IsCancelled(join(scope)));
  EXPECT_EQ(log.begun, up_to(2));
  EXPECT_EQ(living, 0);
}

TEST_F(ScopeLimitTest, AnErrorDropsThemToo) {
  Log log;
  Scope scope(ring(), {.max_running = 2});
  scope.spawn(work(ring(), log, 0, milliseconds(1), absl::DataLossError("first")));
  for (int i = 1; i < 10; ++i) scope.spawn(work(ring(), log, i, milliseconds(5)));
  EXPECT_EQ(join(scope), absl::DataLossError("first"));
  EXPECT_EQ(log.begun, up_to(2));
  EXPECT_EQ(log.ended, 1);
}

TEST_F(ScopeLimitTest, TheirDeadlineCountsWhileTheyWait) {
  Log log;
  Scope scope(ring(), {.deadline = started() + milliseconds(25), .max_running = 1});
  for (int i = 0; i < 10; ++i) scope.spawn(work(ring(), log, i, milliseconds(10)));
  EXPECT_TRUE(absl::IsDeadlineExceeded(join(scope)));
  EXPECT_EQ(log.begun, up_to(3));
  EXPECT_EQ(log.ended, 2);
}

TEST_F(ScopeLimitTest, DestroyedWithALine) {
  Log log;
  {
    Scope scope(ring(), {.max_running = 1});
    for (int i = 0; i < 10; ++i) scope.spawn(work(ring(), log, i, milliseconds(10)));
    block_on(ring(), sleep_for(ring(), milliseconds(15)));
  }
  EXPECT_EQ(log.begun, up_to(2));
  EXPECT_EQ(log.running, 0);
}

// --- room ----------------------------------------------------------------------------------------

// Spawns when there is room, and notes how many ever waited in line.
Task<absl::Status> feed(Ring& ring, Scope& scope, Log& log, int count, size_t& longest_line) {
  for (int i = 0; i < count; ++i) {
    const absl::Status room = co_await scope.room();
    if (!room.ok()) co_return room;
    scope.spawn(work(ring, log, i, milliseconds(10)));
    longest_line = std::max(longest_line, scope.waiting());
  }
  co_return absl::OkStatus();
}

TEST_F(ScopeLimitTest, WhoAsksForRoomKeepsNobodyInLine) {
  Log log;
  size_t line = 0;
  Scope scope(ring(), {.max_running = 3});
  EXPECT_EQ(block_on(ring(), feed(ring(), scope, log, 100, line)), absl::OkStatus());
  EXPECT_EQ(join(scope), absl::OkStatus());
  EXPECT_EQ(line, 0u);
  EXPECT_EQ(log.most, 3);
  EXPECT_EQ(log.begun, up_to(100));
  EXPECT_EQ(passed(), milliseconds(340));
}

TEST_F(ScopeLimitTest, ThereIsAlwaysRoomWithoutALimit) {
  Scope scope(ring());
  const uint64_t turns = ring().stats().turns;
  EXPECT_EQ(block_on(ring(), scope.room()), absl::OkStatus());
  EXPECT_EQ(ring().stats().turns, turns);
}

TEST_F(ScopeLimitTest, SeveralWhoAskAreAllServed) {
  Log log;
  size_t line = 0;
  Scope scope(ring(), {.max_running = 2});
  Scope feeders(ring());
  for (int i = 0; i < 4; ++i) feeders.spawn(feed(ring(), scope, log, 25, line));
  EXPECT_EQ(join(feeders), absl::OkStatus());
  EXPECT_EQ(join(scope), absl::OkStatus());
  EXPECT_EQ(log.ended, 100);
  EXPECT_EQ(log.most, 2);
  EXPECT_LE(line, 3u) << "one for each, but for the one who got the room";
}

TEST_F(ScopeLimitTest, CancelEndsTheWaitForRoom) {
  Log log;
  size_t line = 0;
  {
    Scope scope(ring(), {.deadline = started() + milliseconds(25), .max_running = 1});
    EXPECT_TRUE(absl::IsDeadlineExceeded(block_on(ring(), feed(ring(), scope, log, 100, line))));
    EXPECT_EQ(passed(), milliseconds(25));
    EXPECT_TRUE(absl::IsDeadlineExceeded(block_on(ring(), scope.room())));
  }
  Scope scope(ring(), {.max_running = 1});
  scope.cancel();
  EXPECT_TRUE(absl::IsCancelled(block_on(ring(), scope.room())));
}

TEST_F(ScopeLimitTest, AWaitForRoomMayBeDestroyed) {
  Log log;
  Scope scope(ring(), {.max_running = 1});
  scope.spawn(work(ring(), log, 0, milliseconds(100)));
  EXPECT_TRUE(absl::IsDeadlineExceeded(
      block_on(ring(), with_timeout(ring(), milliseconds(10), scope.room()))));
  EXPECT_EQ(join(scope), absl::OkStatus());
  EXPECT_EQ(block_on(ring(), scope.room()), absl::OkStatus());
}

}  // namespace
}  // namespace uring
