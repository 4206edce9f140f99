// Limits of time within limits of time: the nearest strikes, and only that is heard of.

#include <algorithm>
#include <chrono>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bufio/descriptor.h"
#include "bufio/reader.h"
#include "gtest/gtest.h"
#include "tests/coroutine_testing.h"
#include "tests/sim/descriptors.h"
#include "tests/structured/virtual_time.h"
#include "uring/block_on.h"
#include "uring/scope.h"
#include "uring/sleep.h"
#include "uring/task.h"
#include "uring/timeout.h"

namespace uring {
namespace {

using std::chrono::milliseconds;
using testing::Tracked;

class DeadlineTest : public testing::VirtualTimeTest {
 protected:
  TimePoint at(milliseconds after) { return started() + after; }
};

Task<void> wait_for_ever(Ring& ring, Tracked argument) {
  const Tracked local(argument.living());
  co_await sleep_until(ring, TimePoint::max());
}

// What the inner call was told; untouched if it never came to that.
const absl::Status kUnheard = absl::UnknownError("unheard");

Task<absl::Status> within_timeout(Ring& ring, milliseconds limit, int& living,
                                  absl::Status& heard) {
  heard = co_await with_timeout(ring, limit, wait_for_ever(ring, Tracked(living)));
  co_return heard;
}

Task<absl::Status> within_deadline(Ring& ring, TimePoint deadline, int& living,
                                   absl::Status& heard) {
  heard = co_await with_deadline(ring, deadline, wait_for_ever(ring, Tracked(living)));
  co_return heard;
}

struct Nesting {
  milliseconds outer;
  milliseconds inner;
  std::string_view told;  // what the outermost says
  bool inner_hears;
  milliseconds takes;
};

constexpr Nesting kNestings[] = {
    {milliseconds(20), milliseconds(10), "timed out after 10ms", true, milliseconds(10)},
    {milliseconds(10), milliseconds(20), "timed out after 10ms", false, milliseconds(10)},
    {milliseconds(10), milliseconds(10), "timed out after 10ms", false, milliseconds(10)},
    {milliseconds(10), milliseconds(0), "timed out after 0", true, milliseconds(0)},
    {milliseconds(0), milliseconds(10), "timed out after 0", false, milliseconds(0)},
};

TEST_F(DeadlineTest, TheNearestOfTwoTimeoutsStrikesAndOnlyThat) {
  for (const Nesting& nesting : kNestings) {
    SCOPED_TRACE(nesting.outer.count() * 1000 + nesting.inner.count());
    const std::chrono::nanoseconds before = passed();
    int living = 0;
    absl::Status heard = kUnheard;
    const absl::Status told = block_on(
        ring(),
        with_timeout(ring(), nesting.outer, within_timeout(ring(), nesting.inner, living, heard)));
    EXPECT_EQ(told, absl::DeadlineExceededError(
                        absl::string_view(nesting.told.data(), nesting.told.size())));
    EXPECT_EQ(heard, nesting.inner_hears ? told : kUnheard);
    EXPECT_EQ(passed() - before, nesting.takes);
    EXPECT_EQ(living, 0);
    EXPECT_EQ(timers(), 0u);
  }
}

TEST_F(DeadlineTest, TheNearestOfTwoDeadlinesStrikes) {
  for (const auto& [outer, inner] : {std::pair(20, 10), std::pair(30, 40), std::pair(50, 50)}) {
    int living = 0;
    absl::Status heard = kUnheard;
    const absl::Status told = block_on(
        ring(), with_deadline(ring(), at(milliseconds(outer)),
                              within_deadline(ring(), at(milliseconds(inner)), living, heard)));
    EXPECT_EQ(told, absl::DeadlineExceededError("the deadline has passed"));
    EXPECT_EQ(heard, inner < outer ? told : kUnheard);
    EXPECT_EQ(passed(), milliseconds(std::min(inner, outer)));
    EXPECT_EQ(living, 0);
    EXPECT_EQ(timers(), 0u);
  }
}

TEST_F(DeadlineTest, OfTwoThatAreDueInOneTurnTheOuterOneSpeaks) {
  int living = 0;
  absl::Status heard = kUnheard;
  testing::Root root;
  auto call = [this](int& alive, absl::Status& inner) -> Task<absl::Status> {
    absl::Status told = co_await with_timeout(
        ring(), milliseconds(20), within_timeout(ring(), milliseconds(10), alive, inner));
    co_return told;
  };
  Task<absl::Status> task = call(living, heard);
  root.start(task);
  kernel().advance(milliseconds(1000));
  block_on(ring(), yield(ring()));
  ASSERT_TRUE(root.ended());
  EXPECT_EQ(task.result(), absl::DeadlineExceededError("timed out after 20ms"));
  EXPECT_EQ(heard, kUnheard);
  EXPECT_EQ(living, 0);
}

TEST_F(DeadlineTest, ADeadlineThatHasPassedServesWhatEndsAtOnce) {
  const TimePoint past = ring().now() - milliseconds(1);
  EXPECT_EQ(block_on(ring(), with_deadline(ring(), past, sleep_until(ring(), past))),
            absl::OkStatus());
  int living = 0;
  EXPECT_TRUE(absl::IsDeadlineExceeded(
      block_on(ring(), with_deadline(ring(), past, wait_for_ever(ring(), Tracked(living))))));
  EXPECT_EQ(passed(), milliseconds(0));
  EXPECT_EQ(living, 0);
}

TEST_F(DeadlineTest, NoDeadlineIsNone) {
  EXPECT_EQ(block_on(ring(), with_deadline(ring(), TimePoint::max(),
                                           sleep_for(ring(), std::chrono::hours(9)))),
            absl::OkStatus());
}

Task<int> call_in_turn(Ring& ring, TimePoint deadline, int calls) {
  for (int done = 0; done < calls; ++done) {
    const absl::Status status =
        co_await with_deadline(ring, deadline, sleep_for(ring, milliseconds(10)));
    if (!status.ok()) co_return done;
  }
  co_return calls;
}

TEST_F(DeadlineTest, CoversSeveralCallsInTurn) {
  EXPECT_EQ(block_on(ring(), call_in_turn(ring(), at(milliseconds(35)), 9)), 3);
  EXPECT_EQ(passed(), milliseconds(35));
}

// --- Readers -------------------------------------------------------------------------------------

TEST_F(DeadlineTest, AReadersOwnDeadlineComposesAndNoByteIsLost) {
  auto [reading, writing] = testing::make_pipe();
  const auto stream = kernel().attach_stream(reading.get());
  bufio::Reader reader = bufio::read_descriptor(ring(), reading.take());
  reader.set_deadline(at(milliseconds(10)));
  absl::StatusOr<bufio::Token> line =
      block_on(ring(), with_deadline(ring(), at(milliseconds(20)), reader.read_line()));
  EXPECT_TRUE(absl::IsDeadlineExceeded(line.status()));
  EXPECT_NE(line.status().message(), "the deadline has passed") << "the Reader names itself";
  EXPECT_EQ(passed(), milliseconds(10));
  stream->feed("hal");
  reader.set_deadline(at(milliseconds(60)));
  line = block_on(ring(), with_deadline(ring(), at(milliseconds(50)), reader.read_line()));
  EXPECT_EQ(line.status(), absl::DeadlineExceededError("the deadline has passed"));
  EXPECT_EQ(passed(), milliseconds(50));
  stream->feed("lo\n");
  line = block_on(ring(), with_deadline(ring(), at(milliseconds(70)), reader.read_line()));
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(std::string(**line), "hallo");
}

// --- scopes --------------------------------------------------------------------------------------

TEST_F(DeadlineTest, AScopesDeadlineEndsItsChildren) {
  int living = 0;
  Scope scope(ring(), {.deadline = at(milliseconds(30))});
  for (int i = 0; i < 3; ++i) scope.spawn(wait_for_ever(ring(), Tracked(living)));
  EXPECT_EQ(block_on(ring(), scope.join()),
            absl::DeadlineExceededError("the scope's deadline has passed"));
  EXPECT_EQ(passed(), milliseconds(30));
  EXPECT_EQ(living, 0);
  EXPECT_TRUE(scope.cancelled());
  EXPECT_EQ(timers(), 0u);
  scope.spawn(wait_for_ever(ring(), Tracked(living)));
  EXPECT_EQ(living, 0) << "nobody begins any more";
  EXPECT_TRUE(absl::IsDeadlineExceeded(block_on(ring(), scope.join())));
}

Task<absl::Status> end_after(Ring& ring, milliseconds delay, absl::Status status) {
  co_await sleep_for(ring, delay);
  co_return status;
}

TEST_F(DeadlineTest, AScopeThatIsInTimeHearsNothingOfIt) {
  {
    Scope scope(ring(), {.deadline = at(milliseconds(30))});
    scope.spawn(end_after(ring(), milliseconds(10), absl::OkStatus()));
    EXPECT_EQ(block_on(ring(), scope.join()), absl::OkStatus());
    block_on(ring(), sleep_for(ring(), milliseconds(50)));
    EXPECT_EQ(block_on(ring(), scope.join()), absl::OkStatus());
    EXPECT_TRUE(scope.cancelled());
  }
  EXPECT_EQ(timers(), 0u);
  {
    const Scope scope(ring(), {.deadline = at(milliseconds(1000))});
    EXPECT_EQ(timers(), 1u);
  }
  EXPECT_EQ(timers(), 0u);
}

TEST_F(DeadlineTest, AnErrorThatCameFirstIsWhatJoinSays) {
  Scope scope(ring(), {.cancel_on_error = false, .deadline = at(milliseconds(30))});
  int living = 0;
  scope.spawn(end_after(ring(), milliseconds(10), absl::DataLossError("first")));
  scope.spawn(wait_for_ever(ring(), Tracked(living)));
  EXPECT_EQ(block_on(ring(), scope.join()), absl::DataLossError("first"));
  EXPECT_EQ(passed(), milliseconds(30));
}

Task<absl::Status> heed(Ring& ring, std::stop_token token) {
  while (!token.stop_requested()) co_await sleep_for(ring, milliseconds(7));
  co_return absl::CancelledError("by itself");
}

TEST_F(DeadlineTest, WhatChildrenSayAfterItDoesNotHideIt) {
  Scope scope(ring(), {.cancel_on_error = false, .deadline = at(milliseconds(30))});
  scope.spawn(heed(ring(), scope.stop_token()));
  EXPECT_TRUE(absl::IsDeadlineExceeded(block_on(ring(), scope.join())));
}

Task<absl::Status> scope_within(Ring& ring, TimePoint deadline, int& living, absl::Status& heard) {
  Scope inner(ring, {.deadline = deadline});
  for (int i = 0; i < 3; ++i) inner.spawn(wait_for_ever(ring, Tracked(living)));
  heard = co_await inner.join();
  co_return heard;
}

TEST_F(DeadlineTest, TheNearestOfTwoScopesDeadlinesStrikes) {
  for (const auto& [outer, inner] : {std::pair(20, 10), std::pair(30, 40), std::pair(50, 50)}) {
    int living = 0;
    absl::Status heard = kUnheard;
    Scope scope(ring(), {.deadline = at(milliseconds(outer))});
    scope.spawn(scope_within(ring(), at(milliseconds(inner)), living, heard));
    EXPECT_TRUE(absl::IsDeadlineExceeded(block_on(ring(), scope.join())));
    EXPECT_EQ(absl::IsDeadlineExceeded(heard), inner < outer);
    EXPECT_EQ(passed(), milliseconds(std::min(inner, outer)));
    EXPECT_EQ(living, 0);
  }
}

}  // namespace
}  // namespace uring
