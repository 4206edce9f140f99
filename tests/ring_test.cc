#include "uring/ring.h"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/fault_kernel.h"
#include "tests/ring_fixture.h"
#include "tests/ring_testing.h"
#include "uring/block_on.h"
#include "uring/frame_allocator.h"
#include "uring/sleep.h"
#include "uring/spawn.h"
#include "uring/task.h"

namespace uring {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using testing::any_in_flight;
using testing::each_completed_once;
using testing::FaultKernel;
using testing::finish;
using testing::Pipe;
using testing::Request;
using testing::RingTest;
using testing::turn_until;

// --- turns ---------------------------------------------------------------------------------------

using Turn = RingTest;

// Does a bit of everything, `steps` times.
Task<void> mixed_work(Ring& ring, const Pipe& pipe, unsigned seed, int steps) {
  std::mt19937 random(seed);
  for (int step = 0; step < steps; ++step) {
    switch (random() % 5) {
      case 0:
        co_await yield(ring);
        break;
      case 1:
        co_await sleep_for(ring, microseconds(random() % 50));
        break;
      case 2: {
        Ref<Request> nop = make_ref<Request>(ring);
        nop->nop().start();
        co_await finish(nop);
        break;
      }
      case 3: {
        Ref<Request> never = make_ref<Request>(ring);
        never->read(pipe.reader()).start();
        co_await yield(ring);
        never->abandon();
        break;
      }
      default: {
        Ref<Request> cancelled = make_ref<Request>(ring);
        cancelled->read(pipe.reader()).start();
        cancelled->cancel();
        co_await finish(cancelled);
      }
    }
  }
}

TEST_F(Turn, EntersTheKernelAtMostOnce) {
  constexpr unsigned kSeed = 20240801;
  SCOPED_TRACE(kSeed);
  ASSERT_NO_FATAL_FAILURE(make_ring());
  const Pipe pipe;
  for (unsigned task = 0; task < 16; ++task) {
    spawn(ring(), mixed_work(ring(), pipe, kSeed + task, 2000));
  }
  uint64_t turns = 0;
  for (; !ring().core().spawned().empty(); ++turns) {
    ASSERT_LT(turns, 200000u);
    const uint64_t before = kernel().counts().enters;
    ring().core().turn();
    ASSERT_LE(kernel().counts().enters - before, 1u);
    const RingStats stats = ring().stats();
    ASSERT_EQ(stats.in_flight, stats.submitted - stats.terminal);
  }
  EXPECT_GE(turns, 2000u);
  EXPECT_EQ(ring().stats().turns, turns);
  EXPECT_EQ(ring().stats().enters, kernel().counts().enters);
  EXPECT_EQ(ring().stats().stale_completions, 0u);
  ASSERT_TRUE(turn_until(ring(), [&] { return !any_in_flight(ring()); }));
  EXPECT_EQ(ring().stats().submitted + ring().stats().cancels, kernel().counts().taken);
}

TEST_F(Turn, WithNothingToTellTheKernelEntersItNotAtAll) {
  ASSERT_NO_FATAL_FAILURE(make_ring());
  block_on(ring(), yield(ring()));
  block_on(ring(), yield(ring()));
  EXPECT_EQ(kernel().counts().enters, 0u);
}

Task<void> sleep_shortly_until(Ring& ring, const Request& request, int& naps) {
  while (request.completions() == 0 && naps < 100000) {
    ++naps;
    co_await sleep_for(ring, microseconds(1500));
  }
}

Task<void> yield_until(Ring& ring, const Request& request, int& naps) {
  while (request.completions() == 0 && naps < 100000) {
    ++naps;
    co_await yield(ring);
  }
}

// With deferred task work a completion is only there once somebody asked for it.
TEST_F(Turn, TimersThatAreAlwaysDueDoNotStarveCompletions) {
  ASSERT_NO_FATAL_FAILURE(make_ring());
  const Pipe pipe;
  const Ref<Request> read = request();
  read->read(pipe.reader()).start();
  ring().core().submit();
  ASSERT_TRUE(pipe.write("x"));
  // The deadline has not come yet when the sleep begins, and has when the turn does.
  kernel().tick = milliseconds(1);
  int naps = 0;
  block_on(ring(), sleep_shortly_until(ring(), *read, naps));
  EXPECT_EQ(read->completions(), 1);
  EXPECT_LT(naps, 1000);
}

TEST_F(Turn, CoroutinesThatAreAlwaysReadyDoNotStarveCompletions) {
  ASSERT_NO_FATAL_FAILURE(make_ring());
  const Pipe pipe;
  const Ref<Request> read = request();
  read->read(pipe.reader()).start();
  ring().core().submit();
  ASSERT_TRUE(pipe.write("x"));
  int naps = 0;
  block_on(ring(), yield_until(ring(), *read, naps));
  EXPECT_EQ(read->completions(), 1);
  EXPECT_LT(naps, 1000);
}

TEST_F(Turn, ExpectedInlineCompletionIsTakenWithoutSleeping) {
  ASSERT_NO_FATAL_FAILURE(make_ring());
  const Ref<Request> nop = request();
  nop->expect_inline_completion(true);
  bool waited = false;
  kernel().enter_fault = [&waited](const FaultKernel::Enter& call) {
    waited |= call.min_complete > 0;
    return 0;
  };
  nop->nop().start();
  ring().core().turn();
  EXPECT_EQ(nop->completions(), 1);
  EXPECT_FALSE(waited);
}

TEST_F(Turn, SteadyStateAllocatesNoOperationAfresh) {
  if (!frames_are_recycled()) GTEST_SKIP() << "this build recycles nothing";
  ASSERT_NO_FATAL_FAILURE(make_ring());
  const auto run = [this] {
    const Ref<Request> nop = request();
    nop->nop().start();
    return turn_until(ring(), [&] { return nop->idle(); });
  };
  ASSERT_TRUE(run());
  const uint64_t before = frame_allocator_stats().fresh;
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(run());
  EXPECT_EQ(frame_allocator_stats().fresh, before);
}

// A request that is started again may be of another kind, and newer liburings set only what the new
// one names: flags of the old one would be refused, or mean something else.
TEST_F(Turn, RequestThatIsFilledInAnewHasNothingOfTheOneBefore) {
  ASSERT_NO_FATAL_FAILURE(make_ring());
  const Ref<Request> reused = request();
  std::memset(&reused->blank_entry(), 0xff, sizeof(io_uring_sqe));
  const io_uring_sqe& entry = reused->blank_entry();
  const io_uring_sqe blank = {};
  EXPECT_EQ(std::memcmp(&entry, &blank, sizeof blank), 0);
}

// --- the bound on requests in flight -------------------------------------------------------------

struct Sizes {
  unsigned entries;
  unsigned completion_entries;
};

class Bound : public RingTest, public ::testing::WithParamInterface<Sizes> {
 protected:
  void make() { make_small_ring(GetParam().entries, GetParam().completion_entries); }
  void expect_bound_was_kept() {
    EXPECT_LE(ring().stats().max_in_flight, ring().capabilities().completion_entries / 2);
    EXPECT_EQ(ring().stats().waiting_for_entry, 0u);
  }
};

TEST_P(Bound, RequestsBeyondItCompleteInOrderOfStart) {
  ASSERT_NO_FATAL_FAILURE(make());
  std::vector<const Request*> log;
  const std::vector<Ref<Request>> all = requests(1000);
  for (const Ref<Request>& one : all) one->nop().note_in(log).start();
  ASSERT_TRUE(turn_until(ring(), [&] { return log.size() == all.size(); }, 5000));
  for (size_t i = 0; i < all.size(); ++i) ASSERT_EQ(log[i], all[i].get()) << i;
  expect_bound_was_kept();
}

TEST_P(Bound, LateComersFindThePlacesTakenThatATurnHasMade) {
  ASSERT_NO_FATAL_FAILURE(make());
  std::vector<const Request*> log;
  const std::vector<Ref<Request>> all = requests(60);
  for (size_t i = 0; i < all.size(); ++i) {
    if (i >= 40) ring().core().turn();
    all[i]->nop().note_in(log).start();
  }
  ASSERT_TRUE(turn_until(ring(), [&] { return log.size() == all.size(); }, 500));
  for (size_t i = 0; i < all.size(); ++i) ASSERT_EQ(log[i], all[i].get()) << i;
}

Task<void> read_and_sleep(Ring& ring, const Pipe& pipe, int delay_us, int& bytes, int& done) {
  Ref<Request> read = make_ref<Request>(ring);
  read->read(pipe.reader(), 1).start();
  const int32_t got = co_await finish(read);
  bytes += got;
  co_await sleep_for(ring, microseconds(delay_us));
  ++done;
}

TEST_P(Bound, AThousandReadersOfOnePipeAndTheirSleepsAllComplete) {
  ASSERT_NO_FATAL_FAILURE(make());
  const Pipe pipe;
  int bytes = 0;
  int done = 0;
  for (int i = 0; i < 1000; ++i) {
    spawn(ring(), read_and_sleep(ring(), pipe, i % 300, bytes, done));
  }
  ring().core().turn();
  EXPECT_GT(ring().stats().waiting_for_entry, 0u);
  ASSERT_TRUE(pipe.write(std::string(1000, 'x')));
  ASSERT_TRUE(turn_until(ring(), [&] { return done == 1000; }, 20000));
  EXPECT_EQ(bytes, 1000);
  expect_bound_was_kept();
}

TEST_P(Bound, CancelsFitEvenWhenItIsReached) {
  ASSERT_NO_FATAL_FAILURE(make());
  const Pipe pipe;
  const std::vector<Ref<Request>> all = requests(300);
  for (const Ref<Request>& one : all) one->read(pipe.reader()).start();
  for (const Ref<Request>& one : all) one->cancel();
  ASSERT_TRUE(turn_until(ring(), [&] { return each_completed_once(all); }, 2000));
  for (const Ref<Request>& one : all) EXPECT_EQ(one->result(), -ECANCELED);
  expect_bound_was_kept();
}

TEST_P(Bound, AbandonedRequestsMakeRoomForTheNext) {
  ASSERT_NO_FATAL_FAILURE(make());
  const Pipe pipe;
  int living = 0;
  for (int i = 0; i < 300; ++i) {
    const Ref<Request> read = request();
    read->count_in(living).read(pipe.reader()).start();
    if (i % 3 == 0) ring().core().submit();
    read->abandon();
  }
  const Ref<Request> last = request();
  last->nop().start();
  ASSERT_TRUE(
      turn_until(ring(), [&] { return last->completions() == 1 && !any_in_flight(ring()); }, 2000));
  EXPECT_EQ(living, 0);
  EXPECT_EQ(ring().stats().orphans, 0u);
  expect_bound_was_kept();
}

INSTANTIATE_TEST_SUITE_P(SmallRings, Bound,
                         ::testing::Values(Sizes{1, 2}, Sizes{1, 8}, Sizes{2, 8}, Sizes{4, 8},
                                           Sizes{8, 16}),
                         [](const auto& tested) {
                           return std::to_string(tested.param.entries) + "_" +
                                  std::to_string(tested.param.completion_entries);
                         });

TEST_F(RingTest, AQueueOfFewCompletionsKeepsNoRequestFromBeingInFlight) {
  kernel().set_up_fault = [](unsigned, const io_uring_params& params) {
    return params.cq_entries > 32 ? ENOMEM : 0;  // a Ring that had to be made smaller
  };
  ASSERT_NO_FATAL_FAILURE(make_ring());
  ASSERT_LE(ring().capabilities().completion_entries, 32u);
  const Pipe pipe;
  const std::vector<Ref<Request>> all = requests(500);
  for (const Ref<Request>& one : all) one->read(pipe.reader(), 1).start();
  const Ref<Request> last = request();
  last->nop().start();
  ASSERT_TRUE(turn_until(ring(), [&] { return last->completions() == 1; }));
  EXPECT_EQ(ring().stats().in_flight, 500u);
  // Far more completions at once than have room in the queue.
  ASSERT_TRUE(pipe.write(std::string(500, 'x')));
  ASSERT_TRUE(turn_until(ring(), [&] { return each_completed_once(all); }));
  for (const Ref<Request>& one : all) EXPECT_EQ(one->result(), 1);
}

// --- a full submission queue ---------------------------------------------------------------------

using SubmissionQueue = RingTest;

TEST_F(SubmissionQueue, RequestBehindAFullQueueIsSentBeforeTheLoopSleeps) {
  ASSERT_NO_FATAL_FAILURE(make_small_ring(4, 64));
  const Pipe silent;
  const Pipe talking;
  ASSERT_TRUE(talking.write("hello"));
  const std::vector<Ref<Request>> pending = requests(4);
  for (const Ref<Request>& one : pending) one->read(silent.reader()).start();
  const Ref<Request> fifth = request();
  fifth->read(talking.reader()).start();
  ASSERT_TRUE(turn_until(ring(), [&] { return fifth->completions() == 1; }, 10));
  EXPECT_EQ(fifth->text(), "hello");
  EXPECT_EQ(kernel().counts().overlong_waits, 0u);
}

TEST_F(SubmissionQueue, CancelBehindAFullQueueIsSentBeforeTheLoopSleeps) {
  ASSERT_NO_FATAL_FAILURE(make_small_ring(4, 64));
  const Pipe silent;
  const std::vector<Ref<Request>> pending = requests(4);
  for (const Ref<Request>& one : pending) one->read(silent.reader()).start();
  pending[0]->cancel();
  ASSERT_TRUE(turn_until(ring(), [&] { return pending[0]->completions() == 1; }, 10));
  EXPECT_EQ(pending[0]->result(), -ECANCELED);
  EXPECT_EQ(kernel().counts().overlong_waits, 0u);
}

TEST_F(SubmissionQueue, DestructionWithAFullQueueCancelsAllAtOnce) {
  RingOptions options;
  options.entries = 4;
  options.completion_entries = 64;
  options.drain_timeout = std::chrono::minutes(1);
  ASSERT_NO_FATAL_FAILURE(make_ring(std::move(options)));
  const Pipe silent;
  const std::vector<Ref<Request>> pending = requests(20);
  for (const Ref<Request>& one : pending) one->read(silent.reader()).start();
  const TimePoint started = Clock::now();
  destroy_ring();
  EXPECT_LT(Clock::now() - started, std::chrono::seconds(20));
  EXPECT_EQ(leaks(), "");
  EXPECT_TRUE(each_completed_once(pending));
}

// Starts, cancels and abandons at random; every request completes once or was dropped.
TEST_F(SubmissionQueue, LosesNothingHoweverSmall) {
  for (const unsigned entries : {1U, 2U, 4U, 8U}) {
    constexpr unsigned kSeed = 7;
    SCOPED_TRACE("entries " + std::to_string(entries) + ", seed " + std::to_string(kSeed));
    std::mt19937 random(kSeed);
    ASSERT_NO_FATAL_FAILURE(make_small_ring(entries, 2048));
    int living = 0;
    {
      const Pipe silent;
      std::vector<Ref<Request>> kept;
      for (int i = 0; i < 600; ++i) {
        Ref<Request> one = request();
        one->count_in(living);
        random() % 2 == 0 ? one->nop() : one->read(silent.reader());
        one->start();
        kept.push_back(std::move(one));
        const size_t chosen = random() % kept.size();
        if (random() % 3 == 0) kept[chosen]->cancel();
        if (random() % 4 == 0) {
          kept[chosen]->abandon();
          kept.erase(kept.begin() + static_cast<ptrdiff_t>(chosen));
        }
        if (random() % 16 == 0) {
          // Not one that sleeps: perhaps only silent reads are in flight.
          Ref<Request> waker = request();
          waker->nop().start();
          ASSERT_TRUE(turn_until(ring(), [&] { return waker->idle(); }, 5000));
        }
      }
      for (const Ref<Request>& one : kept) one->cancel();
      const auto settled = [&] { return each_completed_once(kept) && !any_in_flight(ring()); };
      ASSERT_TRUE(turn_until(ring(), settled, 5000));
      EXPECT_EQ(living, static_cast<int>(kept.size()));
    }
    EXPECT_EQ(living, 0);
    EXPECT_EQ(ring().stats().stale_completions, 0u);
    EXPECT_EQ(ring().stats().waiting_for_entry, 0u);
    destroy_ring();
    EXPECT_EQ(leaks(), "");
  }
}

// There the kernel's thread makes the room, in its own time.
TEST_F(SubmissionQueue, LosesNothingThoughAKernelThreadEmptiesIt) {
  RingOptions options;
  options.setup = SetupRung::kPolling;
  if (const auto found = probe_capabilities(options); !found.ok()) {
    GTEST_SKIP() << found.status();
  }
  options.entries = 4;
  options.completion_entries = 1024;
  ASSERT_NO_FATAL_FAILURE(make_ring(std::move(options)));
  const Pipe silent;
  const Pipe talking;
  const std::vector<Ref<Request>> pending = requests(100);
  for (const Ref<Request>& one : pending) one->read(silent.reader()).start();
  const Ref<Request> last = request();
  last->read(talking.reader()).start();
  ASSERT_TRUE(talking.write("hello"));
  constexpr int kManyTurns = 10000000;  // it may spin until there is room
  ASSERT_TRUE(turn_until(ring(), [&] { return last->idle(); }, kManyTurns));
  EXPECT_EQ(last->text(), "hello");
  for (const Ref<Request>& one : pending) one->cancel();
  ASSERT_TRUE(turn_until(ring(), [&] { return each_completed_once(pending); }, kManyTurns));
}

TEST_F(SubmissionQueue, QueuedRequestIsCancelledWithoutTheKernel) {
  ASSERT_NO_FATAL_FAILURE(make_small_ring(1, 2));
  const Pipe silent;
  const Ref<Request> first = request();
  const Ref<Request> queued = request();
  first->read(silent.reader()).start();
  queued->read(silent.reader()).start();
  EXPECT_EQ(queued->state(), Operation::State::kQueued);
  queued->cancel();
  EXPECT_EQ(queued->completions(), 0);  // never at once
  block_on(ring(), yield(ring()));
  EXPECT_EQ(queued->completions(), 1);
  EXPECT_EQ(queued->result(), -ECANCELED);
  EXPECT_TRUE(queued->idle());
  EXPECT_EQ(ring().stats().submitted, 1u);
  EXPECT_EQ(ring().stats().cancels, 0u);
}

TEST_F(SubmissionQueue, AbandonedQueuedRequestIsFreedAtOnce) {
  ASSERT_NO_FATAL_FAILURE(make_small_ring(1, 2));
  const Pipe silent;
  int living = 0;
  const Ref<Request> first = request();
  first->read(silent.reader()).start();
  Ref<Request> queued = request();
  queued->count_in(living).read(silent.reader()).start();
  queued->abandon();
  EXPECT_TRUE(queued->idle());
  EXPECT_EQ(ring().stats().waiting_for_entry, 0u);
  queued.reset();
  EXPECT_EQ(living, 0);
}

TEST_F(SubmissionQueue, RequestThatWasCancelledInTheQueueMayBeAbandoned) {
  ASSERT_NO_FATAL_FAILURE(make_small_ring(1, 2));
  const Pipe silent;
  int living = 0;
  const Ref<Request> first = request();
  first->read(silent.reader()).start();
  Ref<Request> queued = request();
  queued->count_in(living).read(silent.reader()).start();
  queued->cancel();
  queued->abandon();
  queued.reset();
  EXPECT_EQ(living, 0);
  first->cancel();
  EXPECT_TRUE(turn_until(ring(), [&] { return first->idle(); }));
}

}  // namespace
}  // namespace uring
