// Owned calls whose Ring ends, or cannot go on, before the kernel is done with their buffers.

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "tests/guard_memory.h"
#include "tests/held_memory.h"
#include "tests/ownership/owned_testing.h"
#include "uring/block_on.h"
#include "uring/linux_kernel.h"
#include "uring/read_owned.h"
#include "uring/spawn.h"
#include "uring/status.h"

namespace uring {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::GuardMemory;
using testing::HeldMemory;
using testing::Pipe;
using testing::ResourceBuffer;
using testing::TemporaryFile;
using testing::turn_until;
using testing::Waiting;

using LostRing = testing::GuardedOwnedTest;

Task<> read_into(File file, ResourceBuffer buffer) {
  auto done = co_await read_owned(file, std::move(buffer));
}

TEST_F(LostRing, BeforeTheCallGivesTheBufferBack) {
  const Pipe pipe;
  auto call = read_owned(borrow(pipe.reader()), std::string("kept"));
  destroy_ring();
  ASSERT_NO_FATAL_FAILURE(make_ring());  // to run on
  auto [result, buffer] = block_on(ring(), call);
  EXPECT_EQ(result.status().code(), absl::StatusCode::kFailedPrecondition) << result.status();
  EXPECT_EQ(buffer, "kept");
}

TEST_F(LostRing, DrainsAndTheWaiterGoesLater) {
  Pipe pipe;
  const int fd = pipe.reader();
  Waiting call(read_owned(File(ring(), pipe.take_reader()), buffer()));
  ring().core().submit();
  destroy_ring();
  EXPECT_EQ(leaks(), "");
  EXPECT_EQ(fcntl(fd, F_GETFD), -1) << "closed when the kernel was done";
  EXPECT_FALSE(call.over());
  call.call().cancel();
  call.destroy();
  EXPECT_TRUE(all_freed());
}

TEST_F(LostRing, TakesSpawnedWaitersAlong) {
  const Pipe silent;
  spawn(ring(), read_into(borrow(silent.reader()), buffer()));
  ring().core().turn();
  ring().core().submit();
  ASSERT_EQ(ring().stats().in_flight, 1u);
  destroy_ring();
  EXPECT_TRUE(all_freed());
  EXPECT_EQ(leaks(), "");
}

TEST_F(LostRing, WhileCallsWaitForAnEntryFreesThem) {
  const Pipe silent;
  ASSERT_NO_FATAL_FAILURE(make_small_ring(8, 16));
  const File file = borrow(silent.reader());
  for (int i = 0; i < 12; ++i) spawn(ring(), read_into(file, buffer()));
  ring().core().turn();
  ASSERT_GT(ring().stats().waiting_for_entry, 0u);
  destroy_ring();
  EXPECT_TRUE(all_freed());
}

// The kernel refuses to go on while a request is in flight: nobody can know when it is done.
TEST(StrandedCall, GivesAnEmptyBufferBackAndLeaksItsOwn) {
  static GuardMemory memory;  // what is leaked stays for ever
  static testing::FaultKernel kernel;
  std::string leaks;
  RingOptions options = testing::modest_options();
  options.kernel = &kernel;
  options.on_leak = [&](std::string_view report) { leaks += report; };
  std::optional<Ring> ring = Ring::create(std::move(options)).value();
  const Pipe silent;
  {
    Waiting in_flight(
        read_owned(File::borrow(*ring, silent.reader(), "lost"), ResourceBuffer(memory, 64)));
    ring->core().submit();
    kernel.fail_enters(EBADR);
    ASSERT_TRUE(turn_until(
        *ring, [&] { return in_flight.over(); }, 5));
    EXPECT_FALSE(in_flight->result.ok());
    EXPECT_EQ(errno_of(in_flight->result.status()), EBADR);
    EXPECT_TRUE(in_flight->buffer.empty());
    in_flight.call().cancel();
    auto [result, buffer] =
        block_on(*ring, read_owned(File::borrow(*ring, silent.reader()), std::string("kept")));
    EXPECT_FALSE(result.ok());
    EXPECT_EQ(buffer, "kept") << "the kernel never had it";
  }
  ring.reset();
  EXPECT_NE(leaks.find("read lost, 64 bytes"), std::string::npos) << leaks;
  EXPECT_EQ(memory.retired(), 0u);
}

// Sends everything to the kernel's worker threads, so that nobody else is held up.
class OffloadingKernel final : public LinuxKernel {
 public:
  int enter(io_uring& ring, unsigned to_submit, unsigned min_complete, unsigned flags,
            const __kernel_timespec* timeout) override {
    const unsigned head = io_uring_smp_load_acquire(ring.sq.khead);
    for (unsigned i = 0; i < to_submit; ++i) {
      io_uring_sqe& entry = ring.sq.sqes[(head + i) & *ring.sq.kring_mask];
      if (entry.opcode == IORING_OP_READ) entry.flags |= IOSQE_ASYNC;
    }
    return LinuxKernel::enter(ring, to_submit, min_complete, flags, timeout);
  }
};

class HeldRead : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!memory_.why_not().empty()) GTEST_SKIP() << memory_.why_not();
    RingOptions options = testing::modest_options();
    options.kernel = &kernel_;
    options.drain_timeout = milliseconds(200);
    options.on_leak = [this](std::string_view report) { leaks_ += report; };
    ring_.emplace(Ring::create(std::move(options)).value());
    call_.emplace(read_owned(File::borrow(*ring_, file_.fd(), "held.bin"),
                             ResourceBuffer(memory_, HeldMemory::kSize), 0));
    ring_->core().submit();
    ASSERT_TRUE(memory_.holds_somebody());  // the kernel is in the middle of its copy
  }

  OffloadingKernel kernel_;
  HeldMemory memory_;
  TemporaryFile file_{std::string(4096, 'Q')};
  std::string leaks_;
  std::optional<Ring> ring_;
  std::optional<Waiting<BufferCall<ResourceBuffer>>> call_;
};

TEST_F(HeldRead, CannotBeCancelledAndHandsItsBytesBack) {
  call_->call().cancel();
  for (int i = 0; i < 3; ++i) ring_->core().submit();
  EXPECT_FALSE(call_->over());
  memory_.let_go();
  ASSERT_TRUE(call_->finish(*ring_));
  ASSERT_TRUE((*call_)->result.ok()) << (*call_)->result.status();
  EXPECT_EQ((*call_)->buffer.view(), std::string(4096, 'Q'));
  EXPECT_EQ(memory_.freed(), 0);
}

TEST_F(HeldRead, WhoseWaiterIsDestroyedKeepsItsMemoryUntilTheKernelIsDone) {
  call_->destroy();
  EXPECT_EQ(ring_->stats().orphaned_bytes, HeldMemory::kSize);
  for (int i = 0; i < 3; ++i) ring_->core().submit();
  EXPECT_EQ(memory_.freed(), 0);
  memory_.let_go();
  ASSERT_TRUE(turn_until(*ring_, [&] { return ring_->stats().in_flight == 0; }));
  EXPECT_EQ(memory_.freed(), 1);
  EXPECT_EQ(memory_.data()[0], 'Q');
}

TEST_F(HeldRead, OutlivesItsRingAndItsWaiterByBeingLeaked) {
  ring_.reset();
  EXPECT_NE(leaks_.find("read held.bin, 4096 bytes"), std::string::npos) << leaks_;
  EXPECT_FALSE(call_->over());
  call_->destroy();
  EXPECT_EQ(memory_.freed(), 0);
  memory_.let_go();
  const TimePoint give_up = Clock::now() + seconds(5);
  while (memory_.data()[0] != 'Q' && Clock::now() < give_up) std::this_thread::yield();
  EXPECT_EQ(memory_.data()[0], 'Q') << "the kernel writes long after";
  EXPECT_EQ(memory_.freed(), 0);
}

}  // namespace
}  // namespace uring
