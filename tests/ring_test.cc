#include "uring/ring.h"

#include <sys/time.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/fault_kernel.h"
#include "tests/ring_testing.h"
#include "uring/block_on.h"
#include "uring/frame_allocator.h"
#include "uring/sleep.h"
#include "uring/spawn.h"
#include "uring/status.h"
#include "uring/task.h"

namespace uring {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using testing::FaultKernel;
using testing::finish;
using testing::Pipe;
using testing::Request;
using testing::turn_until;

// A Ring over a FaultKernel. Nothing may wait for ever, fault, or be in flight uncounted.
class RingTest : public ::testing::Test {
 protected:
  void make_ring(RingOptions options = testing::modest_options()) {
    options.kernel = &kernel_;
    if (!options.on_leak) {
      options.on_leak = [this](std::string_view report) { leaks_ += report; };
    }
    absl::StatusOr<Ring> made = Ring::create(std::move(options));
    ASSERT_TRUE(made.ok()) << made.status();
    ring_.emplace(*std::move(made));
  }
  void make_small_ring(unsigned entries, unsigned completion_entries) {
    RingOptions options;
    options.entries = entries;
    options.completion_entries = completion_entries;
    make_ring(std::move(options));
  }
  Ring& ring() { return *ring_; }
  FaultKernel& kernel() { return kernel_; }
  const std::string& leaks() const { return leaks_; }
  void expect_faults(uint64_t count) { expected_faults_ = count; }
  void destroy_ring() { ring_.reset(); }
  Ref<Request> request(std::string name = "request") {
    return make_ref<Request>(ring(), std::move(name));
  }
  std::vector<Ref<Request>> requests(size_t count) {
    std::vector<Ref<Request>> made;
    for (size_t i = 0; i < count; ++i) made.push_back(request());
    return made;
  }

  void TearDown() override {
    ring_.reset();
    EXPECT_EQ(kernel_.counts().faults, expected_faults_);
    EXPECT_EQ(kernel_.counts().overlong_waits, 0u);
    EXPECT_EQ(kernel_.counts().set_ups, kernel_.counts().tear_downs);
  }

 private:
  FaultKernel kernel_;
  uint64_t expected_faults_ = 0;
  std::string leaks_;
  std::optional<Ring> ring_;
};

bool each_completed_once(const std::vector<Ref<Request>>& requests) {
  return std::all_of(requests.begin(), requests.end(),
                     [](const Ref<Request>& one) { return one->completions() == 1; });
}

bool any_in_flight(const Ring& ring) { return ring.stats().in_flight > 0; }

// --- turns
// ----------------------------------------------------------------------------------------

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

// --- the bound on requests in flight
// ----------------------------------------------------------------

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

// --- a full submission queue
// ----------------------------------------------------------------------------

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
  options.drain_timeout = std::chrono::seconds(3);
  ASSERT_NO_FATAL_FAILURE(make_ring(std::move(options)));
  const Pipe silent;
  const std::vector<Ref<Request>> pending = requests(20);
  for (const Ref<Request>& one : pending) one->read(silent.reader()).start();
  const TimePoint started = Clock::now();
  destroy_ring();
  EXPECT_LT(Clock::now() - started, std::chrono::seconds(2));
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

// --- failing system calls
// -------------------------------------------------------------------------------

struct Failure {
  const char* name;
  int error;
  uint64_t times;
};

class Transient : public RingTest, public ::testing::WithParamInterface<Failure> {};

TEST_P(Transient, FailureOfEnterIsAbsorbed) {
  ASSERT_NO_FATAL_FAILURE(make_ring());
  const std::vector<Ref<Request>> all = requests(50);
  for (const Ref<Request>& one : all) one->nop().start();
  kernel().fail_enters(GetParam().error, GetParam().times);
  ASSERT_TRUE(turn_until(ring(), [&] { return each_completed_once(all); }, 2000));
  EXPECT_TRUE(ring().core().status().ok());
  EXPECT_EQ(kernel().counts().taken, 50u);
  const bool interruption = GetParam().error == EINTR || GetParam().error == ETIME;
  EXPECT_EQ(ring().stats().submit_errors, interruption ? 0 : GetParam().times);
}

INSTANTIATE_TEST_SUITE_P(
    Errors, Transient,
    ::testing::Values(Failure{"EINTR_once", EINTR, 1}, Failure{"EINTR_often", EINTR, 1500},
                      Failure{"ETIME_once", ETIME, 1}, Failure{"EAGAIN_once", EAGAIN, 1},
                      Failure{"EAGAIN_often", EAGAIN, 500}, Failure{"EBUSY_once", EBUSY, 1},
                      Failure{"EBUSY_often", EBUSY, 500}, Failure{"ENOMEM_once", ENOMEM, 1},
                      Failure{"ENOMEM_often", ENOMEM, 500}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST_F(Transient, FailuresWithCompletionsInBetweenAreAbsorbedForEver) {
  ASSERT_NO_FATAL_FAILURE(make_ring());
  int calls = 0;
  kernel().enter_fault = [&calls](const FaultKernel::Enter&) {
    return ++calls % 100 == 0 ? 0 : EAGAIN;
  };
  for (int i = 0; i < 50; ++i) {
    const Ref<Request> one = request();
    one->nop().start();
    ASSERT_TRUE(turn_until(ring(), [&] { return one->idle(); }));
  }
  EXPECT_GT(ring().stats().submit_errors, 4000u);
}

volatile sig_atomic_t signals_seen = 0;

// The wait of io_uring_enter ends with EINTR even where SA_RESTART is set.
TEST_F(RingTest, RealSignalsAreAbsorbed) {
  ASSERT_NO_FATAL_FAILURE(make_ring());
  struct sigaction count;
  std::memset(&count, 0, sizeof count);
  count.sa_handler = [](int) { signals_seen = signals_seen + 1; };
  count.sa_flags = SA_RESTART;
  struct sigaction old;
  ASSERT_EQ(sigaction(SIGALRM, &count, &old), 0);
  const itimerval often = {{0, 300}, {0, 300}};
  ASSERT_EQ(setitimer(ITIMER_REAL, &often, nullptr), 0);
  const TimePoint started = Clock::now();
  block_on(ring(), sleep_for(ring(), milliseconds(20)));
  const auto lasted = Clock::now() - started;
  const itimerval never = {};
  ASSERT_EQ(setitimer(ITIMER_REAL, &never, nullptr), 0);
  ASSERT_EQ(sigaction(SIGALRM, &old, nullptr), 0);
  EXPECT_GE(lasted, milliseconds(20));
  EXPECT_GT(signals_seen, 0);
  EXPECT_TRUE(ring().core().status().ok());
}

TEST_F(RingTest, EntriesThatWereNotTakenAreSubmittedExactlyOnce) {
  for (const unsigned most : {1U, 3U, 0U}) {
    SCOPED_TRACE(most);
    ASSERT_NO_FATAL_FAILURE(make_ring());
    const uint64_t taken_before = kernel().counts().taken;
    kernel().most_taken = most;
    int calls = 0;
    kernel().enter_fault = [&](const FaultKernel::Enter&) {
      if (most == 0) kernel().most_taken = static_cast<unsigned>(calls++ % 2);
      return 0;
    };
    const std::vector<Ref<Request>> all = requests(200);
    for (const Ref<Request>& one : all) one->nop().start();
    ASSERT_TRUE(turn_until(ring(), [&] { return each_completed_once(all); }, 5000));
    EXPECT_EQ(kernel().counts().taken - taken_before, 200u);
    EXPECT_EQ(ring().stats().submitted, 200u);
    EXPECT_EQ(ring().stats().stale_completions, 0u);
    kernel().most_taken = ~0U;
    kernel().enter_fault = nullptr;
    destroy_ring();
  }
}

Task<int> wait_for(Ref<Request> request) {
  const int32_t result = co_await finish(request);
  static_cast<void>(result);
  co_return request->strandings();
}

class Persistent : public RingTest, public ::testing::WithParamInterface<int> {};

TEST_P(Persistent, FailureOfEnterTellsTheWaitersKeepsTheMemoryAndReportsTheLeak) {
  ASSERT_NO_FATAL_FAILURE(make_ring());
  const Pipe silent;
  int living = 0;
  Ref<Request> read = request("the read");
  read->count_in(living).read(silent.reader()).start();
  ring().core().submit();  // it is in the kernel's hands
  kernel().fail_enters(GetParam());
  EXPECT_EQ(block_on(ring(), wait_for(read)), 1);
  EXPECT_EQ(read->completions(), 0);
  EXPECT_EQ(errno_of(ring().core().status()), GetParam());
  EXPECT_EQ(ring().stats().in_flight, 1u);

  // What is started now is refused, in a coming turn.
  const Ref<Request> late = request();
  late->nop().start();
  EXPECT_EQ(late->completions(), 0);
  block_on(ring(), yield(ring()));
  EXPECT_EQ(late->completions(), 1);
  EXPECT_EQ(late->result(), -ECANCELED);

  read.reset();
  EXPECT_EQ(living, 1);
  const TimePoint started = Clock::now();
  destroy_ring();
  EXPECT_LT(Clock::now() - started, std::chrono::seconds(2));
  EXPECT_EQ(living, 1);
  EXPECT_NE(leaks().find("1 requests in flight"), std::string::npos) << leaks();
  EXPECT_NE(leaks().find("the read, 64 bytes"), std::string::npos) << leaks();
}

TEST_P(Persistent, FailureOfEnterWhileTheRingIsDestroyedReportsTheLeakAndReturns) {
  RingOptions options = testing::modest_options();
  options.drain_timeout = std::chrono::seconds(3);
  ASSERT_NO_FATAL_FAILURE(make_ring(std::move(options)));
  const Pipe silent;
  Ref<Request> read = request("the read");
  int living = 0;
  read->count_in(living).read(silent.reader()).start();
  ring().core().submit();
  kernel().fail_enters(EAGAIN, 3);  // an unlucky time already
  ring().core().submit();
  kernel().fail_enters(GetParam());
  const TimePoint started = Clock::now();
  destroy_ring();
  EXPECT_LT(Clock::now() - started, std::chrono::seconds(2));
  EXPECT_LE(read->strandings(), 1);
  read.reset();
  EXPECT_EQ(living, 1);
  EXPECT_NE(leaks().find("the read"), std::string::npos) << leaks();
}

INSTANTIATE_TEST_SUITE_P(Errors, Persistent, ::testing::Values(EPERM, EBADR, EBADF, EAGAIN, EBUSY));

Task<void> sleep_for_ever(Ring& ring) { co_await sleep_until(ring, TimePoint::max()); }

TEST_F(Persistent, FailureLeavesTimersWorking) {
  ASSERT_NO_FATAL_FAILURE(make_ring());
  const Ref<Request> nop = request();
  nop->nop().start();
  kernel().fail_enters(EPERM);
  ring().core().submit();
  block_on(ring(), sleep_for(ring(), milliseconds(2)));
  EXPECT_FALSE(ring().core().status().ok());
}

// --- completions that should not be
// -------------------------------------------------------------------------

using Completion = RingTest;

TEST_F(Completion, OfNoRequestIsIgnoredAndCounted) {
  ASSERT_NO_FATAL_FAILURE(make_ring());
  const Pipe silent;
  const Ref<Request> read = request();
  read->read(silent.reader()).start();
  ring().core().submit();
  uint64_t expected = 0;
  for (const uint64_t forged :
       {~uint64_t{0}, uint64_t{0xfffffffe}, uint64_t{1} << 20, uint64_t{7} << 32, uint64_t{2}}) {
    SCOPED_TRACE(forged);
    kernel().forge_completion(forged, 0);
    ASSERT_TRUE(turn_until(ring(), [&] { return ring().stats().stale_completions > expected; }, 5));
    EXPECT_EQ(ring().stats().stale_completions, ++expected);
  }
  EXPECT_EQ(read->completions(), 0);
  EXPECT_EQ(ring().stats().in_flight, 1u);
}

TEST_F(Completion, OfACancelThatWasNeverSentIsIgnoredAndCounted) {
  ASSERT_NO_FATAL_FAILURE(make_ring());
  const Pipe silent;
  const Ref<Request> read = request();
  read->read(silent.reader()).start();
  ring().core().submit();
  kernel().forge_completion(1, 0);  // slot 0, generation 0, a cancel
  ring().core().turn();
  EXPECT_EQ(ring().stats().stale_completions, 1u);
  EXPECT_EQ(read->completions(), 0);
}

TEST_F(Completion, RepeatedReachesNobody) {
  ASSERT_NO_FATAL_FAILURE(make_ring());
  kernel().recording = true;
  const Pipe silent;
  const Ref<Request> first = request();
  first->nop().start();
  ASSERT_TRUE(turn_until(ring(), [&] { return first->idle(); }));
  const uint64_t old = kernel().completions().back().user_data;

  kernel().forge_completion(old, 0);
  const Ref<Request> other = request();
  other->read(silent.reader()).start();  // takes the slot over
  ASSERT_TRUE(turn_until(ring(), [&] { return ring().stats().stale_completions == 1; }, 5));
  kernel().forge_completion(old, 0);
  ASSERT_TRUE(turn_until(ring(), [&] { return ring().stats().stale_completions == 2; }, 5));
  EXPECT_EQ(first->completions(), 1);
  EXPECT_EQ(other->completions(), 0);
  EXPECT_EQ(ring().stats().in_flight, 1u);
  EXPECT_EQ(ring().stats().terminal, 1u);
}

TEST_F(Completion, LateCancelCannotHitTheSlotsNextRequest) {
  ASSERT_NO_FATAL_FAILURE(make_ring());
  kernel().recording = true;
  const Pipe pipe;
  const Ref<Request> first = request();
  first->nop().start();
  ASSERT_TRUE(turn_until(ring(), [&] { return first->idle(); }));
  const uint64_t old = kernel().taken().back().user_data;

  const Ref<Request> next = request();
  next->read(pipe.reader()).start();
  kernel().forge_cancel(old);
  ASSERT_TRUE(turn_until(ring(), [&] { return ring().stats().stale_completions == 1; }, 5));
  EXPECT_EQ(static_cast<uint32_t>(kernel().taken().back().user_data), static_cast<uint32_t>(old))
      << "the test needs both to have the same slot";
  EXPECT_EQ(next->completions(), 0);
  ASSERT_TRUE(pipe.write("here"));
  ASSERT_TRUE(turn_until(ring(), [&] { return next->idle(); }, 5));
  EXPECT_EQ(next->text(), "here");
}

TEST_F(Completion, EveryRequestOfASlotHasUserDataOfItsOwn) {
  ASSERT_NO_FATAL_FAILURE(make_ring());
  kernel().recording = true;
  const Ref<Request> one = request();
  for (int i = 0; i < 100; ++i) {
    one->nop().start();
    ASSERT_TRUE(turn_until(ring(), [&] { return one->idle(); }));
  }
  std::set<uint64_t> seen;
  for (const io_uring_sqe& entry : kernel().taken()) seen.insert(entry.user_data);
  EXPECT_EQ(seen.size(), 100u);
  EXPECT_EQ(one->completions(), 100);
}

TEST_F(Completion, CancelThatComesTooLateChangesNothing) {
  ASSERT_NO_FATAL_FAILURE(make_ring());
  const Pipe pipe;
  const Ref<Request> read = request();
  read->read(pipe.reader()).start();
  ring().core().submit();
  ASSERT_TRUE(pipe.write("bytes"));
  read->cancel();
  read->cancel();  // a second one is not sent
  ASSERT_TRUE(turn_until(ring(), [&] { return read->idle(); }));
  // Either may have won; never both.
  EXPECT_EQ(read->completions(), 1);
  EXPECT_TRUE(read->text() == "bytes" || read->result() == -ECANCELED) << read->result();
  EXPECT_EQ(ring().stats().cancels, 1u);
}

TEST_F(Completion, FaultIsCounted) {
  ASSERT_NO_FATAL_FAILURE(make_ring());
  const Pipe pipe;
  ASSERT_TRUE(pipe.write("bytes"));
  const Ref<Request> read = request();
  read->read(pipe.reader());
  read->entry().addr = 4096;  // nothing is mapped there
  read->start();
  ASSERT_TRUE(turn_until(ring(), [&] { return read->idle(); }));
  EXPECT_EQ(read->result(), -EFAULT);
  EXPECT_EQ(ring().stats().faults, 1u);
  expect_faults(1);
}

// --- misuse
// ---------------------------------------------------------------------------------------------------

using RingDeathTest = RingTest;

TEST_F(RingDeathTest, SleepingForEverWithNothingInFlightFails) {
  const auto sleep = [] {
    Ring own = Ring::create().value();  // a death test forks
    block_on(own, sleep_for_ever(own));
  };
  EXPECT_DEATH(sleep(), "would sleep for ever: a coroutine waits for something");
}

TEST_F(RingDeathTest, SleepingForEverOnARingThatFailedFails) {
  const auto sleep = [] {
    FaultKernel broken;
    RingOptions options;
    options.kernel = &broken;
    Ring own = Ring::create(std::move(options)).value();
    const Ref<Request> nop = make_ref<Request>(own);
    nop->nop().start();
    broken.fail_enters(EPERM);
    own.core().submit();
    block_on(own, sleep_for_ever(own));
  };
  EXPECT_DEATH(sleep(), "io_uring_enter ring: Operation not permitted");
}

TEST_F(RingDeathTest, UseOnAnotherThreadFails) {
  const auto misuse = [](auto call) {
    Ring own = Ring::create().value();
    std::thread([&own, call] { call(own); }).join();
  };
  EXPECT_DEATH(misuse([](Ring& own) { own.core().turn(); }),
               "RingCore::turn: called from another thread than the one that made the Ring");
  EXPECT_DEATH(misuse([](Ring& own) { own.core().submit(); }),
               "RingCore::submit: called from another thread");
  EXPECT_DEATH(misuse([](Ring& own) { block_on(own, yield(own)); }),
               "block_on: called from another thread");
  EXPECT_DEATH(misuse([](Ring& own) { spawn(own, sleep_for_ever(own)); }),
               "spawn: called from another thread");
  EXPECT_DEATH(misuse([](Ring& own) { make_ref<Request>(own)->nop().start(); }),
               "RingCore::start: called from another thread");
}

TEST_F(RingDeathTest, UseInAForkedChildFails) {
  ASSERT_NO_FATAL_FAILURE(make_ring());
  // The death test's own child is the forked one.
  EXPECT_DEATH(ring().core().turn(), "RingCore::turn: a Ring cannot be used in a forked child");
  EXPECT_DEATH(request()->nop().start(), "RingCore::start: a Ring cannot be used in a forked");
}

TEST_F(RingDeathTest, StartingAnOperationInFlightFails) {
  const auto start_twice = [] {
    Ring own = Ring::create().value();
    const Ref<Request> nop = make_ref<Request>(own);
    nop->nop().start();
    nop->start();
  };
  EXPECT_DEATH(start_twice(), "an operation was started that is not idle");
}

TEST_F(RingDeathTest, StartingOnADestroyedRingFails) {
  const auto start_late = [] {
    std::optional<Ring> own = Ring::create().value();
    const Ref<Request> nop = make_ref<Request>(*own);
    own.reset();
    nop->nop().start();
  };
  EXPECT_DEATH(start_late(), "an operation was started on a Ring that was destroyed");
}

}  // namespace
}  // namespace uring
