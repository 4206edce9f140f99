// Rings whose system calls fail, whose completions are wrong, and whose users are.

#include <sys/time.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/fault_kernel.h"
#include "tests/ring_fixture.h"
#include "tests/ring_testing.h"
#include "uring/block_on.h"
#include "uring/ring.h"
#include "uring/sleep.h"
#include "uring/spawn.h"
#include "uring/status.h"
#include "uring/task.h"

namespace uring {
namespace {

using std::chrono::milliseconds;
using testing::each_completed_once;
using testing::FaultKernel;
using testing::finish;
using testing::Pipe;
using testing::Request;
using testing::RingTest;
using testing::turn_until;

// --- failing system calls ------------------------------------------------------------------------

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
  const TimePoint started = kernel().now();
  destroy_ring();
  EXPECT_LT(kernel().now() - started, std::chrono::seconds(2));
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
  const TimePoint started = kernel().now();
  destroy_ring();
  EXPECT_LT(kernel().now() - started, std::chrono::seconds(2));
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

// --- completions that should not be --------------------------------------------------------------

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

// --- misuse --------------------------------------------------------------------------------------

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
