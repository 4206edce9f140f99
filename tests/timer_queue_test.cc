#include "uring/timer_queue.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace uring {
namespace {

TimePoint at(int64_t tick) { return TimePoint(Clock::duration(tick)); }

class TestTimer final : public Timer {
 public:
  TestTimer() = default;
  explicit TestTimer(std::function<void()> call) : callback(std::move(call)) {}

  std::function<void()> callback;

 private:
  void expired() override {
    const std::function<void()> call = callback;  // the callback may destroy this timer
    if (call) call();
  }
};

TEST(TimerQueue, ExpiresInOrderOfDeadline) {
  TimerQueue queue;
  std::vector<int> order;
  TestTimer late([&] { order.push_back(3); });
  TestTimer early([&] { order.push_back(1); });
  TestTimer middle([&] { order.push_back(2); });
  queue.schedule(late, at(30));
  queue.schedule(early, at(10));
  queue.schedule(middle, at(20));
  EXPECT_EQ(queue.next_deadline(), at(10));
  EXPECT_EQ(queue.expire(at(9)), 0u);
  EXPECT_EQ(queue.expire(at(20)), 2u);
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
  EXPECT_EQ(queue.size(), 1u);
  EXPECT_EQ(queue.expire(at(30)), 1u);
  EXPECT_EQ(queue.next_deadline(), std::nullopt);
}

TEST(TimerQueue, EqualDeadlinesExpireInOrderOfScheduling) {
  TimerQueue queue;
  std::vector<int> order;
  std::vector<std::unique_ptr<TestTimer>> timers;
  for (int i = 0; i < 100; ++i) {
    timers.push_back(std::make_unique<TestTimer>([&order, i] { order.push_back(i); }));
    queue.schedule(*timers.back(), at(5));
  }
  queue.expire(at(5));
  ASSERT_EQ(order.size(), 100u);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(order[static_cast<size_t>(i)], i);
}

TEST(TimerQueue, NeverIsALegalDeadline) {
  TimerQueue queue;
  TestTimer timer;
  queue.schedule(timer, TimePoint::max());
  EXPECT_EQ(queue.expire(TimePoint::max() - Clock::duration(1)), 0u);
  EXPECT_TRUE(timer.scheduled());
}

TEST(TimerQueue, ReschedulingMoves) {
  TimerQueue queue;
  int calls = 0;
  TestTimer timer([&] { ++calls; });
  queue.schedule(timer, at(10));
  queue.schedule(timer, at(20));
  EXPECT_EQ(queue.size(), 1u);
  EXPECT_EQ(queue.expire(at(15)), 0u);
  EXPECT_EQ(queue.expire(at(20)), 1u);
  EXPECT_EQ(calls, 1);
}

TEST(TimerQueue, SchedulingElsewhereLeavesTheOldQueue) {
  TimerQueue first;
  TimerQueue second;
  TestTimer timer;
  first.schedule(timer, at(10));
  second.schedule(timer, at(10));
  EXPECT_EQ(first.size(), 0u);
  first.cancel(timer);  // not its queue: nothing happens
  EXPECT_EQ(second.size(), 1u);
}

TEST(TimerQueue, DestroyedTimerNeverExpires) {
  TimerQueue queue;
  {
    TestTimer timer([] { FAIL() << "expired after its death"; });
    queue.schedule(timer, at(1));
  }
  EXPECT_EQ(queue.size(), 0u);
  EXPECT_EQ(queue.expire(at(1)), 0u);
}

TEST(TimerQueue, DestroyedQueueLetsItsTimersGo) {
  TestTimer timer;
  {
    TimerQueue queue;
    queue.schedule(timer, at(1));
  }
  EXPECT_FALSE(timer.scheduled());
  TimerQueue other;
  other.schedule(timer, at(2));
  EXPECT_EQ(other.expire(at(2)), 1u);
}

TEST(TimerQueue, CallbackMayRescheduleItselfIntoThePastWithoutHoldingUpTheOthers) {
  TimerQueue queue;
  int first_calls = 0;
  int second_calls = 0;
  TestTimer first;
  TestTimer second([&] { ++second_calls; });
  first.callback = [&] {
    ++first_calls;
    queue.schedule(first, at(0));
  };
  queue.schedule(first, at(1));
  queue.schedule(second, at(2));
  EXPECT_EQ(queue.expire(at(5)), 2u);
  EXPECT_EQ(first_calls, 1);
  EXPECT_EQ(second_calls, 1);
  EXPECT_EQ(queue.next_deadline(), at(0));
}

TEST(TimerQueue, CallbackMayCancelTimersThatAreDue) {
  TimerQueue queue;
  TestTimer cancelled([] { FAIL() << "expired after cancel"; });
  TestTimer canceller([&] {
    EXPECT_EQ(queue.size(), 1u);
    EXPECT_EQ(queue.next_deadline(), TimePoint::min());
    queue.cancel(cancelled);
  });
  queue.schedule(canceller, at(1));
  queue.schedule(cancelled, at(2));
  EXPECT_EQ(queue.expire(at(5)), 1u);
  EXPECT_FALSE(cancelled.scheduled());
}

TEST(TimerQueue, CallbackMayPostponeTimersThatAreDue) {
  TimerQueue queue;
  int calls = 0;
  TestTimer postponed([&] { ++calls; });
  TestTimer postponer([&] { queue.schedule(postponed, at(9)); });
  queue.schedule(postponer, at(1));
  queue.schedule(postponed, at(2));
  EXPECT_EQ(queue.expire(at(5)), 1u);
  EXPECT_EQ(calls, 0);
  EXPECT_EQ(queue.expire(at(9)), 1u);
  EXPECT_EQ(calls, 1);
}

TEST(TimerQueue, CallbackMayDestroyItselfAndOthers) {
  TimerQueue queue;
  std::unique_ptr<TestTimer> self;
  std::unique_ptr<TestTimer> due = std::make_unique<TestTimer>([] { FAIL() << "destroyed"; });
  std::unique_ptr<TestTimer> waiting = std::make_unique<TestTimer>([] { FAIL() << "destroyed"; });
  self = std::make_unique<TestTimer>([&] {
    self.reset();
    due.reset();
    waiting.reset();
  });
  queue.schedule(*self, at(1));
  queue.schedule(*due, at(2));
  queue.schedule(*waiting, at(50));
  EXPECT_EQ(queue.expire(at(5)), 1u);
  EXPECT_EQ(queue.size(), 0u);
}

TEST(TimerQueue, AgreesWithAMultimapOnRandomOperations) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  const auto pick = [&](int64_t below) {
    return static_cast<int64_t>(random() % static_cast<uint64_t>(below));
  };

  using Oracle = std::multimap<TimePoint, int>;  // equal keys stay in order of insertion
  constexpr int kTimers = 200;
  TimerQueue queue;
  Oracle oracle;
  std::vector<int> expired;
  std::vector<std::unique_ptr<TestTimer>> timers(kTimers);
  const auto forget = [&](int index) {
    for (auto it = oracle.begin(); it != oracle.end();) {
      it = it->second == index ? oracle.erase(it) : std::next(it);
    }
  };
  int64_t now = 0;
  for (int step = 0; step < 20000; ++step) {
    const int index = static_cast<int>(pick(kTimers));
    std::unique_ptr<TestTimer>& timer = timers[static_cast<size_t>(index)];
    switch (pick(8)) {
      case 0:
      case 1:
      case 2:
      case 3: {
        if (timer == nullptr) {
          timer = std::make_unique<TestTimer>([&expired, index] { expired.push_back(index); });
        }
        const TimePoint deadline = pick(50) == 0 ? TimePoint::max() : at(now + pick(300));
        forget(index);
        oracle.emplace(deadline, index);
        queue.schedule(*timer, deadline);
        break;
      }
      case 4:
        if (timer != nullptr) queue.cancel(*timer);
        forget(index);
        break;
      case 5:
        timer.reset();
        forget(index);
        break;
      default: {
        now += pick(20);
        std::vector<int> expected;
        while (!oracle.empty() && oracle.begin()->first <= at(now)) {
          expected.push_back(oracle.begin()->second);
          oracle.erase(oracle.begin());
        }
        expired.clear();
        ASSERT_EQ(queue.expire(at(now)), expected.size());
        ASSERT_EQ(expired, expected);
        break;
      }
    }
    ASSERT_EQ(queue.size(), oracle.size());
    ASSERT_EQ(queue.next_deadline(),
              oracle.empty() ? std::nullopt : std::optional<TimePoint>(oracle.begin()->first));
  }
}

TEST(Deadline, NeverOverflows) {
  const TimePoint now = at(1000);
  EXPECT_EQ(deadline_after(now, std::chrono::nanoseconds(5)), at(1005));
  EXPECT_EQ(deadline_after(now, std::chrono::duration<double, std::nano>(4.5)), at(1005));
  EXPECT_EQ(deadline_after(now, std::chrono::hours::max()), TimePoint::max());
  EXPECT_EQ(deadline_after(now, std::chrono::nanoseconds::max()), TimePoint::max());
  EXPECT_EQ(deadline_after(TimePoint::max(), std::chrono::seconds(1)), TimePoint::max());
  EXPECT_EQ(deadline_after(now, std::chrono::hours::min()), now);
  EXPECT_EQ(deadline_after(now, std::chrono::seconds(0)), now);
}

}  // namespace
}  // namespace uring
