#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/sim/descriptors.h"
#include "tests/sim/outcomes.h"
#include "tests/sim/raw_ring.h"
#include "uring/sanitizer.h"
#include "uring/testing/sim_kernel.h"
#include "uring/testing/sim_memory.h"

// What a library must never do to a kernel, done to a simulated one: it has to notice.

namespace uring::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class SimViolationTest : public ::testing::Test {
 protected:
  SimViolationTest() { kernel_.watch(memory_); }

  SeededChoices choices_{1};
  SimMemory memory_;
  SimKernel kernel_{choices_};
};

TEST_F(SimViolationTest, MemoryFreedUnderAReadIsReportedAndNotTouched) {
  auto [fd, other_end] = make_pipe();
  auto stream = kernel_.attach_stream(fd.get());
  RawRing ring(kernel_);
  void* buffer = memory_.allocate(16, 16);
  std::memset(buffer, '.', 16);
  ring.read(1, fd.get(), buffer, 16);
  ring.enter();
  memory_.deallocate(buffer, 16, 16);
  stream->feed("late");
  EXPECT_EQ(to_text(ring.run(1)), "1:4");
  EXPECT_THAT(kernel_.violations(), ElementsAre(HasSubstr("memory was freed")));
  unpoison(buffer, 16);
  EXPECT_EQ(std::memcmp(buffer, "................", 16), 0);
  poison(buffer, 16);
}

TEST_F(SimViolationTest, MemoryFreedBeforeACancelIsAnsweredIsReportedThoughNothingIsCopied) {
  auto [fd, other_end] = make_pipe();
  kernel_.attach_stream(fd.get());
  RawRing ring(kernel_);
  void* buffer = memory_.allocate(16, 16);
  ring.read(1, fd.get(), buffer, 16);
  ring.enter();
  ring.cancel(2, 1);
  memory_.deallocate(buffer, 16, 16);
  EXPECT_EQ(to_text(ring.run(2)), "2:0 1:ECANCELED");
  EXPECT_THAT(kernel_.violations(), ElementsAre(HasSubstr("memory was freed")));
}

TEST_F(SimViolationTest, MemoryFreedUnderAWriteIsReported) {
  auto [fd, other_end] = make_sockets();
  auto stream = kernel_.attach_stream(fd.get());
  stream->set_room(0);
  RawRing ring(kernel_);
  void* buffer = memory_.allocate(16, 16);
  io_uring_prep_send(ring.entry(1), fd.get(), buffer, 16, 0);
  ring.enter();
  memory_.deallocate(buffer, 16, 16);
  stream->set_room(100);
  ring.enter(1);
  EXPECT_THAT(kernel_.violations(), ElementsAre(HasSubstr("memory was freed")));
}

// A zero-copy send that has told its result reads its bytes until it notifies.
class ZeroCopyViolationTest : public SimViolationTest {
 protected:
  // Sends 16 bytes of `buffer`, and stops between the two.
  void send(RawRing& ring, int fd, void* buffer) {
    kernel_.knobs().inline_one_in = 0;
    kernel_.knobs().steps_per_enter = 1;
    io_uring_sqe* entry = ring.entry(1);
    io_uring_prep_send(entry, fd, buffer, 16, MSG_NOSIGNAL);
    entry->opcode = IORING_OP_SEND_ZC;
    EXPECT_EQ(to_text(ring.run(1)), "1:16");
    EXPECT_EQ(kernel_.in_flight(), 1u);
    EXPECT_THAT(kernel_.violations(), IsEmpty());
  }
};

TEST_F(ZeroCopyViolationTest, MemoryFreedBeforeTheNotificationIsReported) {
  auto [fd, other_end] = make_sockets();
  auto stream = kernel_.attach_stream(fd.get());
  RawRing ring(kernel_);
  void* buffer = memory_.allocate(16, 16);
  send(ring, fd.get(), buffer);
  memory_.deallocate(buffer, 16, 16);
  EXPECT_EQ(to_text(ring.run(1)), "1:0");
  EXPECT_THAT(kernel_.violations(), ElementsAre(HasSubstr("memory was freed")));
}

TEST_F(ZeroCopyViolationTest, BytesChangedBeforeTheNotificationAreReported) {
  auto [fd, other_end] = make_sockets();
  auto stream = kernel_.attach_stream(fd.get());
  RawRing ring(kernel_);
  std::string buffer(16, 'a');
  send(ring, fd.get(), buffer.data());
  buffer[7] = 'b';
  EXPECT_EQ(to_text(ring.run(1)), "1:0");
  EXPECT_THAT(kernel_.violations(), ElementsAre(HasSubstr("bytes were changed")));
}

TEST_F(SimViolationTest, ASendThatRaisesASignalIsReported) {
  auto [fd, other_end] = make_sockets();
  kernel_.attach_stream(fd.get())->hang_up();
  RawRing ring(kernel_);
  for (int flags : {int{MSG_NOSIGNAL}, 0}) {
    EXPECT_THAT(kernel_.violations(), IsEmpty());
    io_uring_prep_send(ring.entry(1), fd.get(), "abc", 3, flags);
    EXPECT_EQ(to_text(ring.run(1)), "1:EPIPE");
  }
  EXPECT_THAT(kernel_.violations(), ElementsAre(HasSubstr("SIGPIPE")));
}

TEST_F(SimViolationTest, MemoryFreedWhenTheRingIsTornDownIsReported) {
  OwnedFd fd = empty_file();
  kernel_.attach_file(fd.get(), "written late");
  RawRing ring(kernel_);
  void* buffer = memory_.allocate(16, 16);
  kernel_.hold(true);
  ring.read(1, fd.get(), buffer, 16);
  ring.enter();
  ring.tear_down();
  memory_.deallocate(buffer, 16, 16);
  EXPECT_THAT(kernel_.violations(), IsEmpty());
  kernel_.hold(false);
  EXPECT_EQ(kernel_.in_flight(), 1u);
  kernel_.finish_torn_down();
  EXPECT_EQ(kernel_.in_flight(), 0u);
  EXPECT_THAT(kernel_.violations(), ElementsAre(HasSubstr("memory was freed")));
}

TEST_F(SimViolationTest, MemoryThatOutlivesItsRingIsWrittenLateAndThatIsFine) {
  OwnedFd fd = empty_file();
  kernel_.attach_file(fd.get(), "written late");
  RawRing ring(kernel_);
  std::string buffer(12, '.');
  kernel_.hold(true);
  ring.read(1, fd.get(), buffer.data(), 12);
  ring.enter();
  ring.tear_down();
  EXPECT_FALSE(kernel_.step());
  kernel_.hold(false);
  EXPECT_EQ(buffer, "............");
  EXPECT_TRUE(kernel_.step());
  EXPECT_EQ(buffer, "written late");
  EXPECT_EQ(kernel_.counts().written_late, 12u);
  EXPECT_FALSE(kernel_.step());
  EXPECT_THAT(kernel_.violations(), IsEmpty());
}

TEST_F(SimViolationTest, AWaitingReadEndsWithItsRingOrReadsLate) {
  for (bool late : {false, true}) {
    kernel_.knobs().cancel_late_one_in = late ? 1 : 0;
    auto [fd, other_end] = make_pipe();
    auto stream = kernel_.attach_stream(fd.get());
    RawRing ring(kernel_);
    char buffer[4];
    for (uint64_t i = 0; i < 20; ++i) {
      ring.read(i, fd.get(), buffer, 1);
      ring.enter();
    }
    ring.tear_down();
    stream->feed("xxxxxxxxxxxxxxxxxxxx");
    EXPECT_EQ(kernel_.in_flight(), late ? 20u : 0u);
    kernel_.finish_torn_down();
    EXPECT_EQ(kernel_.in_flight(), 0u);
    EXPECT_EQ(stream->unread() < 20, late);
  }
}

TEST_F(SimViolationTest, ADescriptorClosedUnderARequestIsReported) {
  auto [fd, other_end] = make_pipe();
  auto stream = kernel_.attach_stream(fd.get());
  RawRing ring(kernel_);
  char buffer[4];
  ring.read(1, fd.get(), buffer, 4);
  ring.enter();
  fd = OwnedFd();
  stream->feed("ab");
  EXPECT_EQ(to_text(ring.run(1)), "1:2");  // the request has a share in what it names
  EXPECT_THAT(kernel_.violations(), ElementsAre(HasSubstr("a descriptor was closed")));
}

TEST_F(SimViolationTest, ADescriptorsNumberGivenAwayUnderARequestIsReported) {
  auto [fd, other_end] = make_pipe();
  auto stream = kernel_.attach_stream(fd.get());
  RawRing ring(kernel_);
  char buffer[4];
  ring.read(1, fd.get(), buffer, 4);
  ring.enter();
  int number = fd.get();
  fd = OwnedFd();
  OwnedFd next = empty_file();
  ASSERT_EQ(next.get(), number);
  stream->feed("ab");
  EXPECT_EQ(to_text(ring.run(1)), "1:2");
  EXPECT_THAT(kernel_.violations(), ElementsAre(HasSubstr("given to another file")));
}

TEST_F(SimViolationTest, ADescriptorClosedByARequestWhileAnotherNamesItIsReported) {
  auto [fd, other_end] = make_pipe();
  kernel_.attach_stream(fd.get());
  RawRing ring(kernel_);
  char buffer[4];
  ring.read(1, fd.get(), buffer, 4);
  io_uring_prep_close(ring.entry(2), fd.release());
  ring.cancel(3, 1);
  EXPECT_EQ(to_text(ring.run(3)), "2:0 3:0 1:ECANCELED");
  EXPECT_THAT(kernel_.violations(), ElementsAre(HasSubstr("a descriptor was closed")));
}

TEST_F(SimViolationTest, ADescriptorIsLookedAtWhileNothingElseHappens) {
  auto [fd, other_end] = make_pipe();
  kernel_.attach_stream(fd.get());
  RawRing ring(kernel_);
  char buffer[4];
  ring.read(1, fd.get(), buffer, 4);
  ring.enter();
  fd = OwnedFd();
  for (int i = 0; i < 10; ++i) ring.enter();
  EXPECT_THAT(kernel_.violations(), ElementsAre(HasSubstr("a descriptor was closed")));
}

// The same without anybody watching: AddressSanitizer has to see it.
TEST(SimViolationDeathTest, ReadingIntoFreedMemoryIsReportedByAddressSanitizer) {
  if (!kAddressSanitizer) GTEST_SKIP() << "built without AddressSanitizer";
  SeededChoices choices(1);
  SimKernel kernel(choices);
  auto [fd, other_end] = make_pipe();
  auto stream = kernel.attach_stream(fd.get());
  RawRing ring(kernel);
  auto buffer = std::make_unique<char[]>(4096);
  ring.read(1, fd.get(), buffer.get(), 4096);
  ring.enter();
  stream->feed(std::string(100, 'x'));
  buffer.reset();
  EXPECT_DEATH(ring.enter(), "heap-use-after-free");
}

TEST(SimViolationDeathTest, ReadingBeyondAllocatedMemoryIsReportedByAddressSanitizer) {
  if (!kAddressSanitizer) GTEST_SKIP() << "built without AddressSanitizer";
  SeededChoices choices(1);
  SimKernel kernel(choices);
  OwnedFd fd = empty_file();
  kernel.attach_file(fd.get(), std::string(200, 'x'));
  RawRing ring(kernel);
  auto buffer = std::make_unique<char[]>(99);
  ring.read(1, fd.get(), buffer.get(), 100);
  EXPECT_DEATH(ring.enter(), "heap-buffer-overflow");
}

// The library poisons what is not on loan; the kernel may write there all the same.
TEST(SimCopy, WritesToWhatWasPoisonedByHand) {
  SeededChoices choices(1);
  SimKernel kernel(choices);
  OwnedFd fd = empty_file();
  std::string bytes = "The quick brown fox jumps over the lazy dog, twice in a row.";
  kernel.attach_file(fd.get(), bytes);
  RawRing ring(kernel);
  for (size_t from : {0U, 1U, 7U, 8U, 13U, 24U}) {
    for (size_t to : {25U, 31U, 32U, 40U, 57U, 64U}) {
      auto buffer = std::make_unique<char[]>(64);
      poison(buffer.get() + from, to - from);
      ring.read(1, fd.get(), buffer.get(), 64);
      ASSERT_EQ(to_text(ring.run()), "1:" + std::to_string(bytes.size()));
      unpoison(buffer.get(), 64);
      EXPECT_EQ(std::string(buffer.get(), bytes.size()), bytes) << from << " to " << to;
    }
  }
}

}  // namespace
}  // namespace uring::testing
