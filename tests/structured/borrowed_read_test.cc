// Requests on the caller's own memory, within a Scope.

#include <liburing.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "tests/coroutine_testing.h"
#include "tests/held_memory.h"
#include "tests/ring_fixture.h"
#include "tests/ring_testing.h"
#include "uring/as_task.h"
#include "uring/block_on.h"
#include "uring/file.h"
#include "uring/linux_kernel.h"
#include "uring/scope.h"
#include "uring/shield.h"
#include "uring/sleep.h"
#include "uring/spawn.h"
#include "uring/status.h"
#include "uring/task.h"
#include "uring/timeout.h"

namespace uring {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HeldMemory;
using testing::Pipe;
using testing::Root;
using testing::TemporaryFile;
using testing::turn_until;

class BorrowedRead : public testing::RingTest {
 protected:
  void SetUp() override { make_ring(); }
  File file(const TemporaryFile& file) { return File::borrow(ring(), file.fd(), file.path()); }
  File reader(const Pipe& pipe) { return File::borrow(ring(), pipe.reader(), "pipe"); }
  File writer(const Pipe& pipe) { return File::borrow(ring(), pipe.writer(), "pipe"); }
  size_t in_flight() { return ring().stats().in_flight; }
};

// --- what it reads -------------------------------------------------------------------------------

TEST_F(BorrowedRead, ReadsStraightIntoTheCallersMemory) {
  const TemporaryFile contents("0123456789");
  std::array<char, 4> memory = {};
  Scope scope(ring());
  EXPECT_EQ(block_on(ring(), scope.read(file(contents), memory, 3)).value(), 4u);
  EXPECT_EQ(std::string_view(memory.data(), 4), "3456");
  EXPECT_EQ(block_on(ring(), scope.read(file(contents), memory, 8)).value(), 2u);
  EXPECT_EQ(std::string_view(memory.data(), 2), "89");
  EXPECT_EQ(block_on(ring(), scope.read(file(contents), memory, 10)).value(), 0u);
  EXPECT_EQ(ring().stats().held_back_so_far, 0u);
}

TEST_F(BorrowedRead, ReadExactFillsAllOrSaysWhyNot) {
  const TemporaryFile contents("0123456789");
  std::array<char, 6> memory = {};
  Scope scope(ring());
  EXPECT_EQ(block_on(ring(), scope.read_exact(file(contents), memory, 0)).value(), 6u);
  EXPECT_EQ(std::string_view(memory.data(), 6), "012345");
  EXPECT_TRUE(
      absl::IsDataLoss(block_on(ring(), scope.read_exact(file(contents), memory, 6)).status()));
  EXPECT_TRUE(
      absl::IsOutOfRange(block_on(ring(), scope.read_exact(file(contents), memory, 10)).status()));
}

TEST_F(BorrowedRead, WritesStraightFromTheCallersMemory) {
  const Pipe pipe;
  Scope scope(ring());
  std::array<char, 16> memory = {};
  EXPECT_EQ(block_on(ring(), scope.write_all(writer(pipe), "written")).value(), 7u);
  EXPECT_EQ(block_on(ring(), scope.write(writer(pipe), ", twice")).value(), 7u);
  EXPECT_EQ(block_on(ring(), scope.read(reader(pipe), memory)).value(), 14u);
  EXPECT_EQ(std::string_view(memory.data(), 14), "written, twice");
}

TEST_F(BorrowedRead, NamesTheFileInItsErrors) {
  const TemporaryFile contents("x");
  std::array<char, 4> memory = {};
  Scope scope(ring());
  const File wrong = File::borrow(ring(), -1, "nothing");
  const absl::Status status = block_on(ring(), scope.read(wrong, memory)).status();
  EXPECT_EQ(errno_of(status), EBADF);
  EXPECT_NE(status.message().find("nothing"), std::string::npos) << status;
}

// Into memory of the child's own, which lives in its frame.
Task<absl::Status> read_into_frame(Scope& scope, File file, std::string& got) {
  std::array<char, 64> memory;
  const absl::StatusOr<size_t> count = co_await scope.read(file, memory);
  if (!count.ok()) co_return count.status();
  got.assign(memory.data(), *count);
  co_return absl::OkStatus();
}

TEST_F(BorrowedRead, ChildrenReadAtOnce) {
  std::vector<std::string> got(10);
  const std::vector<Pipe> pipes(10);
  Scope scope(ring());
  for (size_t i = 0; i < pipes.size(); ++i) {
    scope.spawn(read_into_frame(scope, reader(pipes[i]), got[i]));
  }
  block_on(ring(), yield(ring()));
  block_on(ring(), yield(ring()));
  EXPECT_EQ(in_flight(), 10u);
  for (const Pipe& pipe : pipes) ASSERT_TRUE(pipe.write("to all"));
  EXPECT_EQ(block_on(ring(), scope.join()), absl::OkStatus());
  for (const std::string& one : got) EXPECT_EQ(one, "to all");
}

// --- ending early, by the loop -------------------------------------------------------------------

TEST_F(BorrowedRead, CancellingTheScopeLetsTheLoopWaitForTheKernel) {
  const Pipe silent;
  std::string got;
  Scope scope(ring());
  for (int i = 0; i < 5; ++i) scope.spawn(read_into_frame(scope, reader(silent), got));
  block_on(ring(), yield(ring()));
  block_on(ring(), yield(ring()));
  EXPECT_EQ(in_flight(), 5u);
  const uint64_t enters = ring().stats().enters;
  scope.cancel();
  EXPECT_EQ(in_flight(), 5u) << "cancel() waited";
  EXPECT_EQ(ring().stats().enters, enters);
  EXPECT_TRUE(absl::IsCancelled(block_on(ring(), scope.join())));
  EXPECT_EQ(in_flight(), 0u);
}

TEST_F(BorrowedRead, AStopTokenEndsItFromAnotherThread) {
  const Pipe silent;
  std::string got;
  std::stop_source source;
  ScopeOptions options;
  options.stop = source.get_token();
  Scope scope(ring(), std::move(options));
  scope.spawn(read_into_frame(scope, reader(silent), got));
  std::thread other([&source] { source.request_stop(); });
  EXPECT_TRUE(absl::IsCancelled(block_on(ring(), scope.join())));
  other.join();
}

TEST_F(BorrowedRead, OnACancelledScopeItDoesNotBegin) {
  const Pipe pipe;
  ASSERT_TRUE(pipe.write("there"));
  std::array<char, 4> memory = {};
  Scope scope(ring());
  scope.cancel();
  const auto count = block_on(ring(), scope.read(reader(pipe), memory));
  EXPECT_TRUE(absl::IsCancelled(count.status())) << count.status();
  EXPECT_EQ(ring().stats().submitted, 0u);
}

TEST_F(BorrowedRead, JoinWaitsForThoseOfTheParent) {
  const Pipe pipe;
  std::array<char, 16> memory = {};
  Scope scope(ring());
  Root reading;
  Root joining;
  Task<absl::StatusOr<size_t>> read = as_task(scope.read(reader(pipe), memory));
  Task<absl::Status> join = as_task(scope.join());
  reading.start(read);
  joining.start(join);
  EXPECT_FALSE(joining.ended());
  ASSERT_TRUE(pipe.write("at last"));
  EXPECT_TRUE(turn_until(
      ring(), [&] { return joining.ended(); }, 5));
  EXPECT_TRUE(reading.ended());
  EXPECT_EQ(join.result(), absl::OkStatus());
}

// --- being destroyed -----------------------------------------------------------------------------

TEST_F(BorrowedRead, DestroyedWhileItWaitsIsOverWhenTheDestructorReturns) {
  const Pipe silent;
  std::string got;
  Scope scope(ring());
  for (const bool submit_first : {false, true}) {
    Root root;
    Task<absl::Status> task = read_into_frame(scope, reader(silent), got);
    root.start(task);
    EXPECT_EQ(in_flight(), 1u);
    if (submit_first) ring().core().submit();
    task.reset();
    EXPECT_EQ(in_flight(), 0u);
    EXPECT_FALSE(root.ended());
  }
  EXPECT_EQ(ring().stats().buried, 0u);
}

TEST_F(BorrowedRead, MayRunOutOfTime) {
  const Pipe silent;
  std::array<char, 16> memory = {};
  Scope scope(ring());
  const auto late =
      block_on(ring(), with_timeout(ring(), milliseconds(1), scope.read(reader(silent), memory)));
  EXPECT_TRUE(absl::IsDeadlineExceeded(late.status())) << late.status();
  EXPECT_EQ(in_flight(), 0u);
  EXPECT_EQ(block_on(ring(), scope.join()), absl::OkStatus());
}

Task<void> count_turns(Ring& ring, int& turns) {
  for (;;) {
    co_await yield(ring);
    ++turns;
  }
}

TEST_F(BorrowedRead, NobodyIsResumedWhileADestructorWaits) {
  const Pipe silent;
  std::string got;
  int turns = 0;
  spawn(ring(), count_turns(ring(), turns));
  std::optional<Scope> scope(std::in_place, ring());
  for (int i = 0; i < 300; ++i) scope->spawn(read_into_frame(*scope, reader(silent), got));
  for (int i = 0; i < 4; ++i) ring().core().turn();
  EXPECT_EQ(in_flight(), 300u);
  const int before = turns;
  const uint64_t enters = ring().stats().enters;
  scope.reset();
  EXPECT_EQ(in_flight(), 0u);
  EXPECT_EQ(turns, before);
  EXPECT_LT(ring().stats().enters - enters, 100u) << "the cancels went out one by one";
}

// Whatever the drain takes off the queue reaches whom it is for.
TEST_F(BorrowedRead, ADestructorThatWaitsTakesNobodysCompletionAway) {
  const Pipe silent;
  const Pipe other;
  std::string got;
  std::string others;
  Scope scope(ring());
  Scope lasting(ring());
  lasting.spawn(read_into_frame(lasting, reader(other), others));
  Root root;
  Task<absl::Status> task = read_into_frame(scope, reader(silent), got);
  root.start(task);
  block_on(ring(), yield(ring()));
  block_on(ring(), yield(ring()));
  ASSERT_TRUE(other.write("mine"));
  task.reset();
  EXPECT_EQ(others, "");
  EXPECT_EQ(block_on(ring(), lasting.join()), absl::OkStatus());
  EXPECT_EQ(others, "mine");
}

TEST_F(BorrowedRead, TheScopeDoesNotGoBeforeThoseOfOthersThanItsChildren) {
  const Pipe silent;
  std::array<char, 16> memory = {};
  std::optional<Scope> scope(std::in_place, ring());
  Root root;
  Task<absl::StatusOr<size_t>> read = as_task(shield(ring(), scope->read(reader(silent), memory)));
  root.start(read);
  block_on(ring(), yield(ring()));
  EXPECT_EQ(in_flight(), 1u);
  scope.reset();
  EXPECT_EQ(in_flight(), 0u);
  EXPECT_FALSE(root.ended());
  EXPECT_TRUE(turn_until(
      ring(), [&] { return root.ended(); }, 3));
  EXPECT_TRUE(absl::IsCancelled(read.result().status()));
}

TEST_F(BorrowedRead, TheRingMayBeDestroyedFirst) {
  const Pipe silent;
  std::string got;
  std::optional<Scope> scope(std::in_place, ring());
  scope->spawn(read_into_frame(*scope, reader(silent), got));
  block_on(ring(), yield(ring()));
  block_on(ring(), yield(ring()));
  EXPECT_EQ(in_flight(), 1u);
  destroy_ring();
  scope.reset();
  EXPECT_EQ(leaks(), "");
}

TEST_F(BorrowedRead, SurvivesFailingSystemCallsWhileItsDestructorWaits) {
  const Pipe silent;
  std::string got;
  Scope scope(ring());
  Root root;
  Task<absl::Status> task = read_into_frame(scope, reader(silent), got);
  root.start(task);
  ring().core().submit();
  int calls = 0;
  kernel().enter_fault = [&calls](const testing::FaultKernel::Enter&) {
    constexpr int kErrors[] = {EINTR, EAGAIN, EBUSY, ENOMEM, 0};
    return kErrors[calls++ % 5];
  };
  task.reset();
  EXPECT_EQ(in_flight(), 0u);
  EXPECT_GE(calls, 5);
}

// --- with reads that cannot be cancelled ---------------------------------------------------------

// Has workers of the kernel do the reads: on the thread that submits them, a page that holds the
// kernel up would hold that thread up.
class OffloadingKernel final : public LinuxKernel {
 public:
  int enter(io_uring& ring, unsigned to_submit, unsigned min_complete, unsigned flags,
            const __kernel_timespec* timeout) override {
    const unsigned first = *ring.sq.khead;
    for (unsigned at = first; at != first + to_submit; ++at) {
      io_uring_sqe& entry = ring.sq.sqes[at & *ring.sq.kring_mask];
      if (entry.opcode == IORING_OP_READ) entry.flags |= IOSQE_ASYNC;
    }
    return LinuxKernel::enter(ring, to_submit, min_complete, flags, timeout);
  }
};

Task<absl::Status> read_page(Scope& scope, File file, std::span<char> page) {
  const absl::StatusOr<size_t> count = co_await scope.read_exact(file, page, 0);
  co_return count.status();
}

class HeldRead : public ::testing::Test {
 protected:
  HeldRead() : file_(std::string(HeldMemory::kSize, 'Q')) {}
  void SetUp() override {
    if (!memory_.why_not().empty()) GTEST_SKIP() << memory_.why_not();
    make_ring(seconds(30));
  }
  void make_ring(std::chrono::nanoseconds drain_timeout) {
    RingOptions options = testing::modest_options();
    options.drain_timeout = drain_timeout;
    options.kernel = &kernel_;
    options.on_leak = [this](std::string_view report) { leaks_ += report; };
    absl::StatusOr<Ring> made = Ring::create(std::move(options));
    ASSERT_TRUE(made.ok()) << made.status();
    ring_.emplace(*std::move(made));
  }
  Ring& ring() { return *ring_; }
  void destroy_ring() { ring_.reset(); }
  const std::string& leaks() const { return leaks_; }
  HeldMemory& memory() { return memory_; }
  std::span<char> page() { return {const_cast<char*>(memory_.data()), HeldMemory::kSize}; }
  // A scope with a child whose read the kernel is in the middle of.
  void start_read(std::optional<Scope>& scope) {
    scope.emplace(ring());
    scope->spawn(read_page(*scope, File::borrow(ring(), file_.fd(), "held.bin"), page()));
    block_on(ring(), yield(ring()));
    block_on(ring(), yield(ring()));
    ring().core().submit();
    ASSERT_TRUE(memory_.holds_somebody());
  }

 private:
  HeldMemory memory_;
  const TemporaryFile file_;
  OffloadingKernel kernel_;
  std::string leaks_;
  std::optional<Ring> ring_;
};

TEST_F(HeldRead, DestroyingTheScopeWaitsUntilTheKernelIsDone) {
  std::optional<Scope> scope;
  ASSERT_NO_FATAL_FAILURE(start_read(scope));
  std::atomic<bool> released = false;
  std::thread other([&] {
    std::this_thread::sleep_for(milliseconds(30));
    released = true;
    memory().let_go();
  });
  scope.reset();
  EXPECT_TRUE(released) << "the scope went while the kernel was writing";
  EXPECT_EQ(page()[0], 'Q');
  EXPECT_EQ(ring().stats().in_flight, 0u);
  other.join();
}

TEST_F(HeldRead, CancellingTheScopeKeepsTheLoopRunning) {
  std::optional<Scope> scope;
  ASSERT_NO_FATAL_FAILURE(start_read(scope));
  scope->cancel();
  for (int i = 0; i < 3; ++i) block_on(ring(), sleep_for(ring(), milliseconds(1)));
  EXPECT_EQ(scope->running(), 1u)
      << "a child that borrows is not destroyed before the kernel is done";
  memory().let_go();
  block_on(ring(), scope->join()).IgnoreError();
  EXPECT_EQ(page()[0], 'Q');
  EXPECT_EQ(ring().stats().in_flight, 0u);
}

using HeldReadDeathTest = HeldRead;

TEST_F(HeldReadDeathTest, AKernelThatIsNotDoneInTimeEndsTheProcessBeforeTheMemoryGoes) {
  const auto outstay = [this] {
    HeldMemory own;  // the child of a fork may not use another's
    make_ring(milliseconds(100));
    std::optional<Scope> scope(std::in_place, ring());
    const TemporaryFile contents(std::string(HeldMemory::kSize, 'Q'));
    scope->spawn(read_page(*scope, File::borrow(ring(), contents.fd(), "held.bin"),
                           {const_cast<char*>(own.data()), HeldMemory::kSize}));
    block_on(ring(), yield(ring()));
    block_on(ring(), yield(ring()));
    ring().core().submit();
    if (own.holds_somebody()) scope.reset();
  };
  EXPECT_DEATH(outstay(), "read held.bin: the memory that it borrows goes");
}

TEST_F(HeldReadDeathTest, NorMayItGoAfterARingThatCouldNotDrain) {
  const auto outlive = [this] {
    HeldMemory own;
    make_ring(milliseconds(100));
    std::optional<Scope> scope(std::in_place, ring());
    const TemporaryFile contents(std::string(HeldMemory::kSize, 'Q'));
    scope->spawn(read_page(*scope, File::borrow(ring(), contents.fd(), "held.bin"),
                           {const_cast<char*>(own.data()), HeldMemory::kSize}));
    block_on(ring(), yield(ring()));
    block_on(ring(), yield(ring()));
    ring().core().submit();
    if (!own.holds_somebody()) return;
    destroy_ring();
    if (leaks().find("read held.bin") == std::string::npos) return;
    std::fputs("leaked, and now the memory goes: ", stderr);
    scope.reset();
  };
  EXPECT_DEATH(outlive(), "leaked, and now the memory goes: .*read held.bin: the memory that it");
}

}  // namespace
}  // namespace uring
