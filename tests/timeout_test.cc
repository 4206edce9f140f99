#include "uring/timeout.h"

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "tests/coroutine_testing.h"
#include "uring/block_on.h"
#include "uring/ring.h"
#include "uring/sleep.h"
#include "uring/task.h"
#include "uring/when_any.h"

namespace uring {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using testing::StackProbe;
using testing::Tracked;

class WithTimeoutTest : public ::testing::Test {
 protected:
  WithTimeoutTest() {
    absl::StatusOr<Ring> made = Ring::create();
    if (made.ok()) ring_.emplace(*std::move(made));
  }
  void SetUp() override { ASSERT_TRUE(ring_.has_value()) << Ring::create().status(); }
  Ring& ring() { return *ring_; }
  size_t timers() { return ring().core().timers().size(); }

 private:
  std::optional<Ring> ring_;
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

static_assert(std::is_same_v<WithTimeout<void>::Result, absl::Status>);
static_assert(std::is_same_v<WithTimeout<absl::Status>::Result, absl::Status>);
static_assert(std::is_same_v<WithTimeout<int>::Result, absl::StatusOr<int>>);
static_assert(std::is_same_v<WithTimeout<absl::StatusOr<int>>::Result, absl::StatusOr<int>>);
static_assert(!std::is_aggregate_v<WithTimeout<int>>);

TEST_F(WithTimeoutTest, GivesTheResultOfATaskThatIsInTime) {
  for (const milliseconds delay : {milliseconds(0), milliseconds(1)}) {
    const auto limited = [&]<class T>(T value) {
      return block_on(ring(),
                      with_timeout(ring(), hours(1), give_after(ring(), delay, std::move(value))));
    };
    EXPECT_EQ(limited(7).value(), 7);
    EXPECT_EQ(*limited(std::make_unique<int>(8)).value(), 8);
    EXPECT_EQ(limited(absl::StatusOr<int>(9)).value(), 9);
    EXPECT_EQ(limited(absl::StatusOr<int>(absl::DataLossError("x"))).status(),
              absl::DataLossError("x"));
    EXPECT_EQ(limited(absl::AbortedError("y")), absl::AbortedError("y"));
    EXPECT_EQ(block_on(ring(), with_timeout(ring(), hours(1), sleep_for(ring(), delay))),
              absl::OkStatus());
    EXPECT_EQ(timers(), 0u);
  }
}

TEST_F(WithTimeoutTest, SaysHowMuchTimeThereWas) {
  const absl::StatusOr<int> late = block_on(
      ring(), with_timeout(ring(), milliseconds(2), give_after(ring(), milliseconds(3600000), 1)));
  EXPECT_EQ(late.status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(late.status().message(), "timed out after 2ms");
}

struct Seen {
  explicit Seen(int living_value) : living(living_value) {}
  int living;
};

Seen look(const absl::Status& status, const int& living) {
  EXPECT_TRUE(absl::IsDeadlineExceeded(status));
  return Seen(living);
}

Task<int> time_out(Ring& ring, int& living) {
  const Seen seen = look(
      co_await with_timeout(ring, milliseconds(1), wait_for_ever(ring, Tracked(living))), living);
  co_return seen.living;
}

TEST_F(WithTimeoutTest, LateTaskIsDestroyedBeforeTheParentGoesOn) {
  int living = 0;
  EXPECT_EQ(block_on(ring(), time_out(ring(), living)), 1);  // the temporary
  EXPECT_EQ(living, 0);
  EXPECT_EQ(timers(), 0u);
}

TEST_F(WithTimeoutTest, ZeroTimeStillServesWhatIsReady) {
  const auto now =
      block_on(ring(), with_timeout(ring(), milliseconds(0), sleep_for(ring(), milliseconds(0))));
  EXPECT_TRUE(now.ok());
  const auto never =
      block_on(ring(), with_timeout(ring(), milliseconds(-1), sleep_for(ring(), hours(1))));
  EXPECT_TRUE(absl::IsDeadlineExceeded(never));
}

TEST_F(WithTimeoutTest, DestroyedWhileItWaitsDestroysTheTask) {
  int living = 0;
  testing::Root root;
  Task<absl::Status> task =
      as_task(with_timeout(ring(), hours(1), wait_for_ever(ring(), Tracked(living))));
  root.start(task);
  EXPECT_EQ(living, 2);
  EXPECT_EQ(timers(), 2u);
  task.reset();
  EXPECT_EQ(living, 0);
  EXPECT_EQ(timers(), 0u);
}

TEST_F(WithTimeoutTest, TimeoutsNest) {
  const absl::Status inner = block_on(
      ring(), with_timeout(ring(), hours(1),
                           with_timeout(ring(), milliseconds(1), sleep_for(ring(), hours(1)))));
  EXPECT_EQ(inner.message(), "timed out after 1ms");
  const absl::Status outer =
      block_on(ring(), with_timeout(ring(), milliseconds(1),
                                    with_timeout(ring(), hours(1), sleep_for(ring(), hours(1)))));
  EXPECT_EQ(outer.message(), "timed out after 1ms");
  EXPECT_EQ(timers(), 0u);
}

// The winner of when_any may have been made ready by its timer in the turn in which it is dropped.
TEST_F(WithTimeoutTest, TwoTimeoutsAtOnceGiveOneWinner) {
  for (int i = 0; i < 20; ++i) {
    const auto first = block_on(
        ring(), when_any(with_timeout(ring(), milliseconds(1), sleep_for(ring(), hours(1))),
                         with_timeout(ring(), milliseconds(1), sleep_for(ring(), hours(1)))));
    EXPECT_TRUE(absl::IsDeadlineExceeded(
        std::visit([](const absl::Status& status) { return status; }, first)));
    EXPECT_EQ(timers(), 0u);
  }
}

#if defined(__cpp_exceptions)
Task<int> fail(Ring& ring) {
  co_await yield(ring);
  throw std::runtime_error("failed");
}

TEST_F(WithTimeoutTest, ExceptionsPassThrough) {
  EXPECT_THROW(static_cast<void>(block_on(ring(), with_timeout(ring(), hours(1), fail(ring())))),
               std::runtime_error);
  EXPECT_EQ(timers(), 0u);
}
#endif

Task<int> probe(StackProbe& stack, int value) {
  stack.note();
  co_return value;
}

Task<void> await_many(Ring& ring, StackProbe& stack) {
  for (int i = 0; i < 1'000'000; ++i) {
    const absl::StatusOr<int> value = co_await with_timeout(ring, hours(1), probe(stack, i));
    if (!value.ok() || *value != i) ADD_FAILURE() << i;
  }
}

TEST_F(WithTimeoutTest, MillionReadyTasksGrowNoStackAndTouchNoTimer) {
  StackProbe stack;
  block_on(ring(), await_many(ring(), stack));
  EXPECT_LT(stack.spread(), 1024u);
  EXPECT_EQ(ring().stats().turns, 0u);
}

}  // namespace
}  // namespace uring
