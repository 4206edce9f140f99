#include "uring/stop.h"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <memory>
#include <optional>
#include <semaphore>
#include <stop_token>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "tests/coroutine_testing.h"
#include "tests/ring_fixture.h"
#include "tests/ring_testing.h"
#include "tests/structured/parked.h"
#include "uring/block_on.h"
#include "uring/sleep.h"
#include "uring/spawn.h"
#include "uring/stop_link.h"
#include "uring/task.h"
#include "uring/when_any.h"

namespace uring {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using testing::Parked;
using testing::Pipe;
using testing::Request;
using testing::Root;
using testing::Tracked;
using testing::turn_until;

static_assert(std::is_same_v<WithStop<void>::Result, absl::Status>);
static_assert(std::is_same_v<WithStop<absl::StatusOr<int>>::Result, absl::StatusOr<int>>);
static_assert(!std::is_aggregate_v<WithStop<int>>);

class StopTest : public testing::RingTest {
 protected:
  void SetUp() override { make_ring(); }
  bool quiet_within(int turns) {
    return turn_until(
        ring(), [this] { return ring().stats().in_flight == 0; }, turns);
  }
};

template <class T>
Task<T> give_after(Ring& ring, milliseconds delay, T value) {
  co_await sleep_for(ring, delay);
  co_return value;
}

Task<void> wait_for_ever(Ring& ring, Tracked argument) {
  const Tracked local(argument.living());
  co_await sleep_until(ring, TimePoint::max());
}

Task<void> stop_later(Ring& ring, std::stop_source& source) {
  co_await yield(ring);
  source.request_stop();
}

// --- outcomes ------------------------------------------------------------------------------------

TEST_F(StopTest, GivesTheResultOfATaskThatNobodyStops) {
  std::stop_source source;
  for (const milliseconds delay : {milliseconds(0), milliseconds(1)}) {
    for (const std::stop_token& token : {source.get_token(), std::stop_token()}) {
      const auto limited = [&]<class T>(T value) {
        return block_on(ring(),
                        with_stop(ring(), token, give_after(ring(), delay, std::move(value))));
      };
      EXPECT_EQ(limited(7).value(), 7);
      EXPECT_EQ(*limited(std::make_unique<int>(8)).value(), 8);
      EXPECT_EQ(limited(absl::StatusOr<int>(absl::DataLossError("x"))).status(),
                absl::DataLossError("x"));
      EXPECT_EQ(limited(absl::AbortedError("y")), absl::AbortedError("y"));
      EXPECT_TRUE(block_on(ring(), with_stop(ring(), token, sleep_for(ring(), delay))).ok());
    }
  }
  EXPECT_TRUE(quiet_within(3));
}

TEST_F(StopTest, StoppedBeforeItBeganItDoesNotBegin) {
  std::stop_source source;
  source.request_stop();
  int living = 0;
  const absl::Status status = block_on(
      ring(), with_stop(ring(), source.get_token(), wait_for_ever(ring(), Tracked(living))));
  EXPECT_TRUE(absl::IsCancelled(status)) << status;
  EXPECT_EQ(living, 0);
  EXPECT_EQ(ring().stats().turns, 0u);
}

Task<int> look_when_stopped(Ring& ring, std::stop_token token, int& living) {
  const absl::Status status = co_await with_stop(ring, token, wait_for_ever(ring, Tracked(living)));
  EXPECT_TRUE(absl::IsCancelled(status)) << status;
  co_return living;
}

TEST_F(StopTest, StoppedOnTheRingsThreadDestroysTheTaskBeforeTheParentGoesOn) {
  std::stop_source source;
  int living = 0;
  spawn(ring(), stop_later(ring(), source));
  EXPECT_EQ(block_on(ring(), look_when_stopped(ring(), source.get_token(), living)), 0);
  EXPECT_EQ(living, 0);
}

TEST_F(StopTest, StoppedOnAnotherThreadWakesTheLoop) {
  std::stop_source source;
  std::counting_semaphore<> sleeping(0);
  kernel().enter_fault = [&sleeping](const testing::FaultKernel::Enter& call) {
    if (call.min_complete > 0) sleeping.release();
    return 0;
  };
  std::thread other([&] {
    sleeping.acquire();
    source.request_stop();
  });
  int living = 0;
  EXPECT_EQ(block_on(ring(), look_when_stopped(ring(), source.get_token(), living)), 0);
  other.join();
  EXPECT_EQ(living, 0);
  EXPECT_TRUE(quiet_within(3));
}

Task<int> stop_oneself(Ring& ring, std::stop_source& source, int& steps) {
  ++steps;
  source.request_stop();
  ++steps;  // on until it waits
  co_await yield(ring);
  ++steps;
  co_return 1;
}

TEST_F(StopTest, ATaskMayAskForItsOwnStop) {
  std::stop_source source;
  int steps = 0;
  const auto result =
      block_on(ring(), with_stop(ring(), source.get_token(), stop_oneself(ring(), source, steps)));
  EXPECT_TRUE(absl::IsCancelled(result.status()));
  EXPECT_EQ(steps, 2);
}

Task<int> stop_oneself_and_end(std::stop_source& source) {
  source.request_stop();
  co_return 5;
}

TEST_F(StopTest, ATaskThatEndsAtOnceHasAResultThoughItWasStopped) {
  std::stop_source source;
  const auto result =
      block_on(ring(), with_stop(ring(), source.get_token(), stop_oneself_and_end(source)));
  EXPECT_EQ(result.value(), 5);
}

// --- being destroyed -----------------------------------------------------------------------------

TEST_F(StopTest, DestroyedWhileItWaitsDestroysTheTaskAndHearsNothingMore) {
  std::stop_source source;
  int living = 0;
  Root root;
  Task<int> task = look_when_stopped(ring(), source.get_token(), living);
  root.start(task);
  EXPECT_EQ(living, 3);
  task.reset();
  EXPECT_EQ(living, 0);
  source.request_stop();
  EXPECT_TRUE(quiet_within(3));
  EXPECT_FALSE(root.ended());
}

TEST_F(StopTest, DestroyedAfterTheRequestAndBeforeItTookEffect) {
  std::stop_source source;
  int living = 0;
  Root root;
  Task<int> task = look_when_stopped(ring(), source.get_token(), living);
  root.start(task);
  source.request_stop();
  EXPECT_EQ(living, 3) << "never within request_stop";
  task.reset();
  EXPECT_EQ(living, 0);
  EXPECT_TRUE(quiet_within(3));
  EXPECT_FALSE(root.ended());
}

TEST_F(StopTest, OutlivesItsRing) {
  std::stop_source source;
  int living = 0;
  Root root;
  Task<int> task = look_when_stopped(ring(), source.get_token(), living);
  root.start(task);
  block_on(ring(), yield(ring()));
  EXPECT_EQ(ring().stats().in_flight, 1u);
  destroy_ring();
  source.request_stop();
  task.reset();
  EXPECT_EQ(living, 0);
  EXPECT_FALSE(root.ended());
}

Task<void> lose_race(Ring& ring, std::stop_token token, int& living) {
  co_await when_any(look_when_stopped(ring, token, living), sleep_for(ring, milliseconds(1)));
}

TEST_F(StopTest, MayLoseARace) {
  std::stop_source source;
  int living = 0;
  block_on(ring(), lose_race(ring(), source.get_token(), living));
  EXPECT_EQ(living, 0);
}

// --- threads -------------------------------------------------------------------------------------

Task<void> until_stopped(Ring& ring, std::stop_token token, int& cancelled, int& ended) {
  const absl::Status status =
      co_await with_stop(ring, token, sleep_for(ring, std::chrono::microseconds(200)));
  ++(status.ok() ? ended : cancelled);
}

// Stop is requested at every moment: before, while and after the task ends.
TEST_F(StopTest, EachEndsOnceWhenStopRacesWithTheEnd) {
  constexpr int kRounds = 2000;
  int cancelled = 0;
  int ended = 0;
  for (int round = 0; round < kRounds; ++round) {
    std::stop_source source;
    std::atomic<bool> go = false;
    std::thread other([&, spins = round % 300] {
      while (!go) {
      }
      for (std::atomic<int> i = 0; i < spins * 100; ++i) {
      }
      source.request_stop();
    });
    spawn(ring(), until_stopped(ring(), source.get_token(), cancelled, ended));
    go = true;
    ring().run();
    other.join();
  }
  EXPECT_EQ(cancelled + ended, kRounds);
  EXPECT_TRUE(quiet_within(5));
}

TEST_F(StopTest, ManyAreStoppedByOneRequest) {
  constexpr int kMany = 300;
  std::stop_source source;
  int living = 0;
  std::vector<Task<int>> tasks;
  std::vector<std::unique_ptr<Root>> roots;
  for (int i = 0; i < kMany; ++i) {
    tasks.push_back(look_when_stopped(ring(), source.get_token(), living));
    roots.push_back(std::make_unique<Root>());
    roots.back()->start(tasks.back());
  }
  std::thread other([&] { source.request_stop(); });
  EXPECT_TRUE(turn_until(
      ring(),
      [&] {
        for (const auto& root : roots) {
          if (!root->ended()) return false;
        }
        return true;
      },
      10000));
  other.join();
  EXPECT_EQ(living, 0);
}

// --- asking the kernel ---------------------------------------------------------------------------

TEST_F(StopTest, CancelOnStopHasTheKernelCancelAndLosesNoCompletion) {
  const Pipe silent;
  std::stop_source source;
  const Ref<Request> read = request();
  read->read(silent.reader()).start();
  CancelOnStop cancel;
  ASSERT_TRUE(cancel.arm(ring().core(), source.get_token(), *read).ok());
  ring().core().submit();
  std::thread other([&] { source.request_stop(); });
  EXPECT_TRUE(turn_until(
      ring(), [&] { return read->completions() == 1; }, 100000));
  other.join();
  EXPECT_EQ(read->result(), -ECANCELED);
  EXPECT_EQ(ring().stats().buried, 0u);
}

TEST_F(StopTest, ADisarmedCancelOnStopCancelsNothing) {
  const Pipe pipe;
  std::stop_source source;
  const Ref<Request> read = request();
  read->read(pipe.reader()).start();
  CancelOnStop cancel;
  ASSERT_TRUE(cancel.arm(ring().core(), source.get_token(), *read).ok());
  source.request_stop();
  cancel.disarm();
  ring().core().submit();
  ASSERT_TRUE(pipe.write("still here"));
  EXPECT_TRUE(turn_until(ring(), [&] { return read->completions() == 1; }));
  EXPECT_EQ(read->text(), "still here");
  EXPECT_EQ(ring().stats().cancels, 0u);
}

TEST_F(StopTest, ATokenThatNobodyCanStopCostsNothing) {
  const int before = testing::open_descriptors();
  const Pipe pipe;
  const Ref<Request> read = request();
  CancelOnStop cancel;
  EXPECT_TRUE(cancel.arm(ring().core(), std::stop_token(), *read).ok());
  block_on(ring(), with_stop(ring(), std::stop_token(), sleep_for(ring(), milliseconds(1))))
      .IgnoreError();
  EXPECT_EQ(testing::open_descriptors(), before + 2);
  EXPECT_EQ(ring().stats().submitted, 0u);
}

}  // namespace
}  // namespace uring
