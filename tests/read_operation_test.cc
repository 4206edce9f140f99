#include "uring/read_operation.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/fault_kernel.h"
#include "tests/ring_testing.h"
#include "uring/frame_allocator.h"
#include "uring/ring.h"

namespace uring {
namespace {

using testing::FaultKernel;
using testing::Pipe;
using testing::Reading;
using testing::TemporaryFile;
using testing::turn_until;

class ReadOperationTest : public ::testing::Test {
 protected:
  void SetUp() override {
    RingOptions options = testing::modest_options();
    options.kernel = &kernel_;
    absl::StatusOr<Ring> made = Ring::create(std::move(options));
    ASSERT_TRUE(made.ok()) << made.status();
    ring_.emplace(*std::move(made));
  }
  Ring& ring() { return *ring_; }
  FaultKernel& kernel() { return kernel_; }
  bool finish(const Reading& reading) {
    return turn_until(ring(), [&] { return reading.done(); });
  }
  // How many requests took a submission entry since the last call.
  uint64_t sent() {
    const uint64_t now = ring().stats().submitted;
    return now - std::exchange(sent_before_, now);
  }
  // Has the next requests answered with these results instead of their own; 1 is their own.
  void answer(std::vector<int> results) {
    kernel_.alter_completion = [results = std::move(results),
                                next = size_t{0}](io_uring_cqe& completion) mutable {
      const bool request = (completion.user_data & 1) == 0;
      if (request && next < results.size()) {
        const int result = results[next++];
        if (result != 1) completion.res = result;
      }
    };
  }

 private:
  FaultKernel kernel_;
  std::optional<Ring> ring_;
  uint64_t sent_before_ = 0;
};

TEST_F(ReadOperationTest, ReadsAPipeAndItsEnd) {
  Pipe pipe;
  Reading reading(ring(), pipe.take_reader(), ReadKind::kStream);
  reading.start();
  ring().core().submit();
  ASSERT_TRUE(pipe.write("first"));
  ASSERT_TRUE(finish(reading));
  EXPECT_EQ(reading.text(), "first");
  reading.start();
  pipe.close_writer();
  ASSERT_TRUE(finish(reading));
  EXPECT_EQ(reading.result(), 0);
  EXPECT_EQ(reading.completed(), 2);
  EXPECT_EQ(sent(), 2u);
}

TEST_F(ReadOperationTest, ReadsAFileAtThePositionThatItIsTold) {
  const TemporaryFile file("0123456789");
  Reading first(ring(), file.borrow(), ReadKind::kPositional);
  Reading second(ring(), file.borrow(), ReadKind::kPositional);
  first.start_of(4, 0);
  second.start_of(4, 4);
  ASSERT_TRUE(finish(first));
  ASSERT_TRUE(finish(second));
  EXPECT_EQ(first.text(), "0123");
  EXPECT_EQ(second.text(), "4567");
  first.start_of(4, 8);  // short
  second.start_of(4, 10);
  ASSERT_TRUE(finish(first));
  ASSERT_TRUE(finish(second));
  EXPECT_EQ(first.text(), "89");
  EXPECT_EQ(second.result(), 0);
  EXPECT_EQ(lseek(file.fd(), 0, SEEK_CUR), 10);  // where writing left it
}

TEST_F(ReadOperationTest, ReadsAStreamFromItsOwnPosition) {
  const TemporaryFile file("0123456789");
  ASSERT_EQ(lseek(file.fd(), 3, SEEK_SET), 3);
  Reading reading(ring(), file.borrow(), ReadKind::kStream);
  reading.start_of(4, 99);  // says nothing here
  ASSERT_TRUE(finish(reading));
  EXPECT_EQ(reading.text(), "3456");
  reading.start_of(4);
  ASSERT_TRUE(finish(reading));
  EXPECT_EQ(reading.text(), "789");
}

TEST_F(ReadOperationTest, ReadsASocket) {
  for (const BufferKind kind : {BufferKind::kHeap, BufferKind::kFixed}) {
    int ends[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    Reading reading(ring(), make_ref<Descriptor>(ends[0]), ReadKind::kSocket, 4096, kind);
    reading.start();
    ring().core().submit();
    ASSERT_EQ(send(ends[1], "hello", 5, 0), 5);
    ASSERT_TRUE(finish(reading));
    EXPECT_EQ(reading.text(), "hello");
    reading.start();
    close(ends[1]);
    ASSERT_TRUE(finish(reading));
    EXPECT_EQ(reading.result(), 0);
  }
}

TEST_F(ReadOperationTest, ReadsAnEventDescriptor) {
  const int fd = eventfd(0, EFD_CLOEXEC);
  Reading reading(ring(), make_ref<Descriptor>(fd), ReadKind::kStream);
  reading.start();
  ring().core().submit();
  const uint64_t one = 1;
  ASSERT_EQ(write(fd, &one, sizeof one), 8);
  ASSERT_TRUE(finish(reading));
  EXPECT_EQ(reading.result(), 8);
}

TEST_F(ReadOperationTest, ReadsIntoThePartOfTheBufferThatItIsTold) {
  const TemporaryFile file("abc");
  Reading reading(ring(), file.borrow(), ReadKind::kPositional);
  std::fill_n(reading.buffer().data(), 16, '.');
  reading.operation().read({Ref<Buffer>(&reading.buffer()), 5, 2, 1}, false, false);
  ASSERT_TRUE(turn_until(ring(), [&] { return reading.operation().idle(); }));
  EXPECT_EQ(std::string(reading.buffer().data(), 10), ".....bc...");
}

TEST_F(ReadOperationTest, OffloadedReadsTheSame) {
  const TemporaryFile file("from a worker");
  Reading reading(ring(), file.borrow(), ReadKind::kPositional);
  kernel().recording = true;
  reading.start(0, /*offload=*/true);
  ASSERT_TRUE(finish(reading));
  EXPECT_EQ(reading.text(), "from a worker");
  EXPECT_NE(kernel().taken().back().flags & IOSQE_ASYNC, 0);
}

struct BadDescriptor {
  const char* name;
  int error;
  int (*open)();
};

class BadRead : public ReadOperationTest, public ::testing::WithParamInterface<BadDescriptor> {};

TEST_P(BadRead, GivesTheErrno) {
  const int fd = GetParam().open();
  for (const ReadKind kind : {ReadKind::kPositional, ReadKind::kStream}) {
    const auto ownership =
        fd < 0 ? Descriptor::Ownership::kBorrowed : Descriptor::Ownership::kOwned;
    Reading reading(ring(), make_ref<Descriptor>(fd < 0 ? 9999 : dup(fd), ownership), kind);
    reading.start();
    ASSERT_TRUE(finish(reading));
    EXPECT_EQ(reading.result(), -GetParam().error);
    reading.start();  // it may be used again
    ASSERT_TRUE(finish(reading));
    EXPECT_EQ(reading.result(), -GetParam().error);
  }
  if (fd >= 0) close(fd);
}

INSTANTIATE_TEST_SUITE_P(
    Descriptors, BadRead,
    ::testing::Values(
        BadDescriptor{"none", EBADF, [] { return -1; }},
        BadDescriptor{"folder", EISDIR, [] { return open("/tmp", O_RDONLY | O_CLOEXEC); }},
        BadDescriptor{"write_only", EBADF, [] { return open("/dev/null", O_WRONLY | O_CLOEXEC); }},
        BadDescriptor{"no_memory_there", EIO,
                      [] { return open("/proc/self/mem", O_RDONLY | O_CLOEXEC); }}),
    [](const auto& tested) { return std::string(tested.param.name); });

// --- what is absorbed ----------------------------------------------------------------------------

TEST_F(ReadOperationTest, InterruptionsAreAbsorbed) {
  const TemporaryFile file("contents");
  answer({-EINTR, -EINTR, -EINTR});
  Reading reading(ring(), file.borrow(), ReadKind::kPositional);
  reading.start();
  ASSERT_TRUE(finish(reading));
  EXPECT_EQ(reading.text(), "contents");
  EXPECT_EQ(reading.completed(), 1);
  EXPECT_EQ(sent(), 4u);
}

TEST_F(ReadOperationTest, NotReadyIsAbsorbedByAPoll) {
  const TemporaryFile file("contents");
  answer({-EAGAIN, 1, -EAGAIN, -EINTR, 1, 1});  // read, poll, read, poll, poll, read
  kernel().recording = true;
  Reading reading(ring(), file.borrow(), ReadKind::kPositional);
  reading.start();
  ASSERT_TRUE(finish(reading));
  EXPECT_EQ(reading.text(), "contents");
  std::vector<int> opcodes;
  for (const io_uring_sqe& entry : kernel().taken()) opcodes.push_back(entry.opcode);
  EXPECT_EQ(opcodes, (std::vector<int>{IORING_OP_READ, IORING_OP_POLL_ADD, IORING_OP_READ,
                                       IORING_OP_POLL_ADD, IORING_OP_POLL_ADD, IORING_OP_READ}));
}

TEST_F(ReadOperationTest, NotReadyForEverIsBelievedInTheEnd) {
  const TemporaryFile file("contents");
  kernel().alter_completion = [](io_uring_cqe& completion) {
    if (completion.res == 8) completion.res = -EAGAIN;  // reads, not polls
  };
  Reading reading(ring(), file.borrow(), ReadKind::kPositional);
  reading.start();
  ASSERT_TRUE(turn_until(ring(), [&] { return reading.done(); }, 10000));
  EXPECT_EQ(reading.result(), -EAGAIN);
}

TEST_F(ReadOperationTest, NonBlockingPipeIsWaitedFor) {
  Pipe pipe(O_NONBLOCK);
  Reading reading(ring(), pipe.take_reader(), ReadKind::kStream);
  reading.start();
  ring().core().submit();
  ASSERT_TRUE(pipe.write("late"));
  ASSERT_TRUE(finish(reading));
  EXPECT_EQ(reading.text(), "late");
}

TEST_F(ReadOperationTest, ErrorOfThePollIsTheReads) {
  const TemporaryFile file("contents");
  answer({-EAGAIN, -ENOMEM});
  Reading reading(ring(), file.borrow(), ReadKind::kPositional);
  reading.start();
  ASSERT_TRUE(finish(reading));
  EXPECT_EQ(reading.result(), -ENOMEM);
}

TEST_F(ReadOperationTest, CancelThatNobodyAskedForIsTold) {
  const TemporaryFile file("contents");
  answer({-ECANCELED});
  Reading reading(ring(), file.borrow(), ReadKind::kPositional);
  reading.start();
  ASSERT_TRUE(finish(reading));
  EXPECT_EQ(reading.result(), -ECANCELED);
}

TEST_F(ReadOperationTest, UnheardOfErrorIsPassedOn) {
  const TemporaryFile file("contents");
  for (const int error : {-512, -9999, INT32_MIN}) {
    answer({error});
    Reading reading(ring(), file.borrow(), ReadKind::kPositional);
    reading.start();
    ASSERT_TRUE(finish(reading));
    EXPECT_EQ(reading.result(), error);
  }
}

// A request that is sent again is a new one, which the cancel does not concern.
TEST_F(ReadOperationTest, CancelledIsNotSentAgainWhateverTheKernelSays) {
  for (const int said : {-EINTR, -EAGAIN}) {
    SCOPED_TRACE(said);
    Pipe silent;
    Reading reading(ring(), silent.take_reader(), ReadKind::kStream);
    reading.start();
    ring().core().submit();
    sent();
    answer({said});
    ring().core().cancel(reading.operation());
    ASSERT_TRUE(turn_until(ring(), [&] { return reading.done(); }, 10));
    EXPECT_LT(reading.result(), 0);
    EXPECT_EQ(sent(), 0u);
  }
}

TEST_F(ReadOperationTest, CancelledWhileItPollsIsNotSentAgain) {
  for (const int poll_said : {-ECANCELED, -EINTR, 1 << 3}) {
    SCOPED_TRACE(poll_said);
    answer({-EAGAIN, poll_said});
    const TemporaryFile file("contents");
    Reading polling(ring(), file.borrow(), ReadKind::kPositional);
    polling.start();
    ring().core().turn();  // the read said EAGAIN, a poll is queued
    ASSERT_FALSE(polling.done());
    ring().core().cancel(polling.operation());
    sent();
    ASSERT_TRUE(turn_until(ring(), [&] { return polling.done(); }, 10));
    EXPECT_LT(polling.result(), 0);
    EXPECT_EQ(sent(), 0u);
  }
}

// The kernel is asked to cancel what it has done already.
TEST_F(ReadOperationTest, CancelThatComesTooLateLosesNoByte) {
  const TemporaryFile file("contents");
  Reading reading(ring(), file.borrow(), ReadKind::kPositional);
  reading.start();
  ring().core().submit();
  ring().core().cancel(reading.operation());
  ASSERT_TRUE(finish(reading));
  EXPECT_EQ(reading.text(), "contents");
}

// --- letting go ----------------------------------------------------------------------------------

TEST_F(ReadOperationTest, LettingGoFreesBufferAndDescriptorAfterTheCompletion) {
  const int before = testing::open_descriptors();
  {
    Pipe silent;
    Reading reading(ring(), silent.take_reader("a pipe"), ReadKind::kStream);
    reading.start();
    ring().core().submit();
    reading.let_go();
    EXPECT_EQ(ring().stats().orphans, 1u);
    EXPECT_EQ(ring().stats().orphaned_bytes, 4096u);
    EXPECT_EQ(ring().buffer_stats().live_bytes, 4096u);
    EXPECT_EQ(ring().orphans().at(0).what, "read a pipe");
    ASSERT_TRUE(turn_until(ring(), [&] { return ring().stats().in_flight == 0; }, 10));
    EXPECT_EQ(reading.completed(), 0);
  }
  EXPECT_EQ(ring().buffer_stats().live_bytes, 0u);
  EXPECT_EQ(testing::open_descriptors(), before);
}

TEST_F(ReadOperationTest, LettingGoOfAnInterruptedReadDoesNotSendItAgain) {
  Pipe silent;
  answer({-EINTR});
  Reading reading(ring(), silent.take_reader(), ReadKind::kStream);
  reading.start();
  ring().core().submit();
  sent();
  reading.let_go();
  ASSERT_TRUE(turn_until(ring(), [&] { return ring().stats().in_flight == 0; }, 10));
  EXPECT_EQ(sent(), 0u);
}

TEST_F(ReadOperationTest, GivingUpTellsTheEndAndKeepsNothing) {
  Pipe silent;
  Reading reading(ring(), silent.take_reader(), ReadKind::kStream);
  reading.start();
  ring().core().submit();
  reading.operation().give_up();
  ASSERT_TRUE(turn_until(ring(), [&] { return reading.done(); }, 10));
  EXPECT_FALSE(reading.operation().take_buffer());
}

TEST_F(ReadOperationTest, SteadyStateAllocatesNothing) {
  if (!frames_are_recycled()) GTEST_SKIP() << "this build recycles nothing";
  const TemporaryFile file("contents");
  const auto read_once = [&] {
    Reading reading(ring(), file.borrow(), ReadKind::kPositional);
    reading.start();
    return finish(reading);
  };
  ASSERT_TRUE(read_once());
  const uint64_t frames = frame_allocator_stats().fresh;
  const uint64_t buffers = ring().buffer_stats().allocated;
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(read_once());
  EXPECT_EQ(frame_allocator_stats().fresh, frames);
  EXPECT_EQ(ring().buffer_stats().allocated, buffers);
}

// --- misuse --------------------------------------------------------------------------------------

using ReadOperationDeathTest = ReadOperationTest;

void read_badly(ReadOperation::Target target) {
  Ring ring = Ring::create().value();  // a death test forks
  Pipe pipe;
  Reading reading(ring, pipe.take_reader(), ReadKind::kStream);
  target.buffer = Ref<Buffer>(&reading.buffer());
  reading.operation().read(target, false, false);
}

TEST_F(ReadOperationDeathTest, TargetOutsideOfTheBufferFails) {
  constexpr const char* kMessage = "a read's target is not within its buffer";
  EXPECT_DEATH(read_badly({nullptr, 0, 0, 0}), kMessage);
  EXPECT_DEATH(read_badly({nullptr, 0, 4097, 0}), kMessage);
  EXPECT_DEATH(read_badly({nullptr, 1, 4096, 0}), kMessage);
  EXPECT_DEATH(read_badly({nullptr, SIZE_MAX, 2, 0}), kMessage);
}

TEST_F(ReadOperationDeathTest, SecondReadWhileOneIsInFlightFails) {
  const auto read_twice = [] {
    Ring own = Ring::create().value();
    Pipe pipe;
    Reading reading(own, pipe.take_reader(), ReadKind::kStream);
    reading.start();
    reading.start();
  };
  EXPECT_DEATH(read_twice(), "a read was started while another one is in flight");
}

TEST_F(ReadOperationDeathTest, KernelThatReadsMoreThanItWasAskedForFails) {
  const auto read_too_much = [] {
    FaultKernel liar;
    liar.alter_completion = [](io_uring_cqe& completion) { completion.res = 4097; };
    RingOptions options;
    options.kernel = &liar;
    Ring own = Ring::create(std::move(options)).value();
    const TemporaryFile file("x");
    Reading reading(own, file.borrow(), ReadKind::kPositional);
    reading.start();
    turn_until(own, [&] { return reading.done(); }, 10);
  };
  EXPECT_DEATH(read_too_much(), "the kernel says it read more than it was asked for");
}

TEST_F(ReadOperationDeathTest, FreeingAnOperationInFlightFails) {
  const auto free_early = [] {
    Ring own = Ring::create().value();
    Pipe pipe;
    auto* request = new testing::Request(own);
    request->read(pipe.reader()).start();
    delete request;
  };
  EXPECT_DEATH(free_early(), "an operation was freed while the kernel may still write to it");
}

}  // namespace
}  // namespace uring
