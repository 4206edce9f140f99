// Rings that die while the kernel works for them.

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/coroutine_testing.h"
#include "tests/fault_kernel.h"
#include "tests/held_memory.h"
#include "tests/ring_testing.h"
#include "uring/block_on.h"
#include "uring/open.h"
#include "uring/sleep.h"
#include "uring/spawn.h"
#include "uring/task.h"

namespace uring {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::FaultKernel;
using testing::finish;
using testing::HeldMemory;
using testing::Pipe;
using testing::Reading;
using testing::Request;
using testing::Root;
using testing::TemporaryFile;
using testing::turn_until;

class Destruction : public ::testing::Test {
 protected:
  RingOptions options() {
    RingOptions options = testing::modest_options();
    options.kernel = &kernel_;
    options.on_leak = [this](std::string_view report) { leaks_ += report; };
    return options;
  }
  void make_ring(RingOptions options) {
    absl::StatusOr<Ring> made = Ring::create(std::move(options));
    ASSERT_TRUE(made.ok()) << made.status();
    ring_.emplace(*std::move(made));
  }
  void make_ring() { make_ring(options()); }
  Ring& ring() { return *ring_; }
  std::optional<Ring>& ring_owner() { return ring_; }
  FaultKernel& kernel() { return kernel_; }
  const std::string& leaks() const { return leaks_; }
  void destroy_ring() { ring_.reset(); }

 private:
  FaultKernel kernel_;
  std::string leaks_;
  std::optional<Ring> ring_;
};

TEST_F(Destruction, DrainsReadsInFlight) {
  ASSERT_NO_FATAL_FAILURE(make_ring());
  const Pipe silent;
  int living = 0;
  for (int i = 0; i < 600; ++i) {  // more than there are entries
    const Ref<Request> read = make_ref<Request>(ring());
    read->count_in(living).read(silent.reader()).start();
    if (i == 100) ring().core().submit();
    if (i % 2 == 0) read->abandon();
  }
  const Ref<RingCore> core(&ring().core());
  destroy_ring();
  EXPECT_EQ(core->stats().in_flight, 0u);
  EXPECT_EQ(core->stats().orphans, 0u);
  EXPECT_EQ(living, 0);
  EXPECT_EQ(leaks(), "");
  EXPECT_EQ(kernel().counts().tear_downs, 1u);
}

Task<void> read_pipe(Ring& ring, const Pipe& pipe, int& results, int& living) {
  Ref<Request> read = make_ref<Request>(ring);
  read->count_in(living).read(pipe.reader()).start();
  const int32_t got = co_await finish(read);
  results += got;
}

TEST_F(Destruction, DestroysSpawnedTasksAndTheirReads) {
  ASSERT_NO_FATAL_FAILURE(make_ring());
  const Pipe silent;
  int results = 0;
  int living = 0;
  for (int i = 0; i < 50; ++i) spawn(ring(), read_pipe(ring(), silent, results, living));
  block_on(ring(), yield(ring()));
  block_on(ring(), yield(ring()));
  EXPECT_EQ(living, 50);
  EXPECT_EQ(ring().stats().in_flight, 50u);
  destroy_ring();
  EXPECT_EQ(living, 0);
  EXPECT_EQ(results, 0);
  EXPECT_EQ(leaks(), "");
}

// Each of three may go first, second or third.
TEST_F(Destruction, RingTaskAndReadingMayGoInAnyOrder) {
  const std::vector<std::string> orders = {"rto", "rot", "tro", "tor", "ort", "otr"};
  for (const std::string& order : orders) {
    SCOPED_TRACE(order);
    ASSERT_NO_FATAL_FAILURE(make_ring());
    int results = 0;
    int living = 0;
    Pipe silent;
    Pipe other;
    Root root;
    Task<void> task = read_pipe(ring(), silent, results, living);
    root.start(task);
    std::optional<Reading> reading;
    reading.emplace(ring(), other.take_reader("the pipe"), ReadKind::kStream);
    reading->start();
    ring().core().submit();
    EXPECT_EQ(ring().stats().in_flight, 2u);
    for (const char one : order) {
      if (one == 'r') destroy_ring();
      if (one == 't') task.reset();
      if (one == 'o') reading.reset();
    }
    EXPECT_EQ(living, 0);
    EXPECT_EQ(results, 0);
    EXPECT_EQ(leaks(), "");
  }
  EXPECT_EQ(kernel().counts().faults, 0u);
}

TEST_F(Destruction, TellsAnOwnerThatItsReadWasCancelled) {
  ASSERT_NO_FATAL_FAILURE(make_ring());
  Pipe silent;
  Reading reading(ring(), silent.take_reader(), ReadKind::kStream);
  reading.start();
  ring().core().submit();
  destroy_ring();
  EXPECT_EQ(reading.completed(), 1);
  EXPECT_EQ(reading.result(), -ECANCELED);
}

TEST_F(Destruction, DescriptorsAreClosedWithTheLastRequest) {
  const int before = testing::open_descriptors();
  ASSERT_NO_FATAL_FAILURE(make_ring());
  {
    Pipe silent;
    Reading reading(ring(), silent.take_reader(), ReadKind::kStream);
    reading.start();
    ring().core().submit();
  }
  destroy_ring();
  EXPECT_EQ(testing::open_descriptors(), before);
}

Task<void> open_and_drop(Ring& ring, std::string path) {
  const auto opened = co_await open_file(ring, path);
  static_cast<void>(opened);
}

TEST_F(Destruction, ClosesWhatAnOpenThatNobodyAwaitsAnyMoreOpened) {
  const TemporaryFile file("contents");
  const int before = testing::open_descriptors();
  for (const bool submit_first : {false, true}) {
    for (const bool ring_first : {false, true}) {
      SCOPED_TRACE(::testing::Message() << submit_first << ring_first);
      ASSERT_NO_FATAL_FAILURE(make_ring());
      Root root;
      Task<void> task = open_and_drop(ring(), file.path());
      root.start(task);
      if (submit_first) ring().core().submit();
      if (ring_first) destroy_ring();
      task.reset();
      destroy_ring();
      EXPECT_EQ(testing::open_descriptors(), before);
    }
  }
}

TEST_F(Destruction, AbsorbsInterruptionsWhileItDrains) {
  ASSERT_NO_FATAL_FAILURE(make_ring());
  const Pipe silent;
  int living = 0;
  for (int i = 0; i < 10; ++i) {
    const Ref<Request> read = make_ref<Request>(ring());
    read->count_in(living).read(silent.reader()).start();
  }
  ring().core().submit();
  int calls = 0;
  kernel().enter_fault = [&calls](const FaultKernel::Enter&) {
    constexpr int kErrors[] = {EINTR, EAGAIN, EBUSY, 0};
    return kErrors[calls++ % 4];
  };
  kernel().most_taken = 1;
  destroy_ring();
  EXPECT_EQ(living, 0);
  EXPECT_EQ(leaks(), "");
}

TEST_F(Destruction, OfAMovedFromRingDoesNothing) {
  ASSERT_NO_FATAL_FAILURE(make_ring());
  Ring other = std::move(ring());
  destroy_ring();
  EXPECT_EQ(kernel().counts().tear_downs, 0u);
  block_on(other, sleep_for(other, milliseconds(1)));
}

TEST_F(Destruction, ByAssignmentTearsDownTheOldRing) {
  ASSERT_NO_FATAL_FAILURE(make_ring());
  const Pipe silent;
  const Ref<Request> read = make_ref<Request>(ring());
  read->read(silent.reader()).start();
  ring().core().submit();
  ring() = Ring::create().value();
  EXPECT_EQ(kernel().counts().tear_downs, 1u);
  EXPECT_EQ(read->result(), -ECANCELED);
  block_on(ring(), sleep_for(ring(), milliseconds(1)));
}

// --- on another thread ---------------------------------------------------------------------------

TEST_F(Destruction, OfAnIdleRingOnAnotherThreadWorks) {
  ASSERT_NO_FATAL_FAILURE(make_ring());
  block_on(ring(), sleep_for(ring(), milliseconds(1)));
  std::thread([this] { destroy_ring(); }).join();
  EXPECT_EQ(kernel().counts().tear_downs, 1u);
  EXPECT_EQ(leaks(), "");
}

class DestructionOfRung : public Destruction, public ::testing::WithParamInterface<SetupRung> {};

// The numbers of registered ring descriptors are the thread's own.
TEST_P(DestructionOfRung, OnAnotherThreadLeavesThatThreadsRingAlone) {
  RingOptions forced = options();
  forced.setup = GetParam();
  ASSERT_NO_FATAL_FAILURE(make_ring(std::move(forced)));
  absl::Status after;
  int completions = 0;
  constexpr int kRings = 8;
  std::thread([this, &after, &completions] {
    std::vector<Ring> own;
    for (int i = 0; i < kRings; ++i) {
      RingOptions same;
      same.entries = 8;
      same.completion_entries = 16;
      same.setup = GetParam();
      absl::StatusOr<Ring> made = Ring::create(std::move(same));
      after.Update(made.status());
      if (made.ok()) own.push_back(*std::move(made));
    }
    destroy_ring();
    for (Ring& one : own) {
      const Ref<Request> nop = make_ref<Request>(one);
      nop->nop().start();
      one.core().submit();
      after.Update(one.core().status());
      if (after.ok()) turn_until(one, [&] { return nop->idle(); });
      completions += nop->completions();
    }
  }).join();
  EXPECT_TRUE(after.ok()) << after;
  EXPECT_EQ(completions, kRings);
}

INSTANTIATE_TEST_SUITE_P(Rungs, DestructionOfRung,
                         ::testing::Values(SetupRung::kDeferred, SetupRung::kCooperative,
                                           SetupRung::kPlain),
                         [](const auto& tested) {
                           return std::string(setup_rung_name(tested.param));
                         });

TEST_F(Destruction, OnAnotherThreadWithRequestsInFlightLeaksAndReports) {
  ASSERT_NO_FATAL_FAILURE(make_ring());
  const Pipe silent;
  int living = 0;
  Ref<Request> read = make_ref<Request>(ring(), "the read");
  read->count_in(living).read(silent.reader()).start();
  ring().core().submit();
  std::thread([this] { destroy_ring(); }).join();
  EXPECT_EQ(kernel().counts().tear_downs, 0u);
  EXPECT_NE(leaks().find("on another thread than its own"), std::string::npos) << leaks();
  EXPECT_NE(leaks().find("the read, 64 bytes"), std::string::npos) << leaks();
  read.reset();
  EXPECT_EQ(living, 1);
}

TEST_F(Destruction, InAForkedChildLeavesTheParentsRequestsAlone) {
  ASSERT_NO_FATAL_FAILURE(make_ring());
  const Pipe pipe;
  const Ref<Request> read = make_ref<Request>(ring());
  read->read(pipe.reader()).start();
  ring().core().submit();
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    destroy_ring();
    _exit(kernel().counts().tear_downs == 0 && leaks().empty() ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  ASSERT_TRUE(pipe.write("still here"));
  ASSERT_TRUE(turn_until(ring(), [&] { return read->idle(); }));
  EXPECT_EQ(read->text(), "still here");
}

// --- with requests that cannot be cancelled ------------------------------------------------------

TEST_F(Destruction, GivesUpAtItsTimeLimitLeaksReportsAndFreesNothing) {
  HeldMemory memory;
  if (!memory.why_not().empty()) GTEST_SKIP() << memory.why_not();
  const TemporaryFile file(std::string(4096, 'Q'));
  RingOptions bounded = options();
  bounded.buffer_memory = &memory;
  bounded.fixed_buffers = false;
  bounded.drain_timeout = milliseconds(200);
  ASSERT_NO_FATAL_FAILURE(make_ring(std::move(bounded)));
  const int fd = dup(file.fd());
  {
    Reading reading(ring(), make_ref<Descriptor>(fd, Descriptor::Ownership::kOwned, "held.bin"),
                    ReadKind::kPositional);
    reading.start(0, /*offload=*/true);
    ring().core().submit();
    ASSERT_TRUE(memory.holds_somebody());  // the kernel is in the middle of its copy
  }
  EXPECT_EQ(ring().stats().orphans, 1u);
  const TimePoint started = Clock::now();
  destroy_ring();
  const auto lasted = Clock::now() - started;
  EXPECT_GE(lasted, milliseconds(200));
  EXPECT_LT(lasted, seconds(3));
  EXPECT_NE(leaks().find("with 1 requests in flight"), std::string::npos) << leaks();
  EXPECT_NE(leaks().find("read held.bin, 4096 bytes"), std::string::npos) << leaks();
  EXPECT_EQ(memory.freed(), 0);
  EXPECT_NE(fcntl(fd, F_GETFD), -1);  // still open
  // The proof that freeing would have been wrong: the kernel writes, long after the Ring is gone.
  memory.let_go();
  const TimePoint give_up = Clock::now() + seconds(5);
  while (memory.data()[0] != 'Q' && Clock::now() < give_up) std::this_thread::yield();
  EXPECT_EQ(memory.data()[0], 'Q');
  EXPECT_EQ(memory.freed(), 0);
  close(fd);
}

TEST_F(Destruction, WaitsForAReadThatCannotBeCancelledButEndsInTime) {
  HeldMemory memory;
  if (!memory.why_not().empty()) GTEST_SKIP() << memory.why_not();
  const TemporaryFile file(std::string(4096, 'Q'));
  RingOptions bounded = options();
  bounded.buffer_memory = &memory;
  bounded.fixed_buffers = false;
  bounded.drain_timeout = seconds(30);
  ASSERT_NO_FATAL_FAILURE(make_ring(std::move(bounded)));
  {
    Reading reading(ring(), file.borrow(), ReadKind::kPositional);
    reading.start(0, /*offload=*/true);
    ring().core().submit();
    ASSERT_TRUE(memory.holds_somebody());
  }
  // Orphans whose cancel fails are still orphans. The wait of the drain lets it go, by the hook.
  int waits = 0;
  kernel().enter_fault = [&](const FaultKernel::Enter& call) {
    if (call.min_complete > 0 && ++waits == 2) memory.let_go();
    return 0;
  };
  destroy_ring();
  EXPECT_GE(waits, 2);
  EXPECT_EQ(memory.freed(), 1);
  EXPECT_EQ(leaks(), "");
}

}  // namespace
}  // namespace uring
