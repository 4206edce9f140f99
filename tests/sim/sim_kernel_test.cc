#include "uring/testing/sim_kernel.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/sim/descriptors.h"
#include "tests/sim/outcomes.h"
#include "tests/sim/raw_ring.h"

// What each kind of request does on a simulated kernel that behaves well, entry by entry.

namespace uring::testing {
namespace {

using Completions = std::vector<Completion>;

class SimKernelTest : public ::testing::Test {
 protected:
  SeededChoices choices_{1};
  SimKernel kernel_{choices_};
};

TEST_F(SimKernelTest, ReadsAFileWhileItIsSubmitted) {
  OwnedFd fd = empty_file();
  kernel_.attach_file(fd.get(), "hello world");
  RawRing ring(kernel_);
  std::string buffer(5, '.');
  ring.read(7, fd.get(), buffer.data(), 5, 6);
  EXPECT_EQ(ring.enter(), 1);
  EXPECT_EQ(ring.completions(), (Completions{{7, 5}}));
  EXPECT_EQ(buffer, "world");
  EXPECT_EQ(kernel_.in_flight(), 0u);
}

TEST_F(SimKernelTest, ReadsAFileFromItsPositionAndUpToItsEnd) {
  OwnedFd fd = empty_file();
  kernel_.attach_file(fd.get(), "abcde");
  RawRing ring(kernel_);
  char buffer[8];
  ring.read(1, fd.get(), buffer, 3, SimObject::kPosition);
  ring.read(2, fd.get(), buffer, 8, SimObject::kPosition);
  ring.read(3, fd.get(), buffer, 8, SimObject::kPosition);
  ring.read(4, fd.get(), buffer, 8, 100);
  EXPECT_EQ(to_text(ring.run()), "1:3 2:2 3:0 4:0");
}

TEST_F(SimKernelTest, AStreamIsReadWhenItHasBytesAndEndsAfterThem) {
  auto [fd, other_end] = make_sockets();
  auto stream = kernel_.attach_stream(fd.get());
  RawRing ring(kernel_);
  std::string buffer(8, '.');
  ring.read(1, fd.get(), buffer.data(), 8);
  EXPECT_EQ(to_text(ring.run()), "");
  EXPECT_EQ(kernel_.in_flight(), 1u);
  stream->feed("ab");
  EXPECT_EQ(to_text(ring.run(1)), "1:2");
  stream->feed("cd");
  stream->end();
  io_uring_prep_recv(ring.entry(2), fd.get(), buffer.data() + 2, 6, 0);
  io_uring_prep_recv(ring.entry(3), fd.get(), buffer.data() + 4, 4, 0);
  EXPECT_EQ(to_text(ring.run()), "2:2 3:0");
  EXPECT_EQ(buffer, "abcd....");
}

TEST_F(SimKernelTest, AStreamFailsOnceAfterItsBytes) {
  auto [fd, other_end] = make_sockets();
  auto stream = kernel_.attach_stream(fd.get());
  stream->feed("ab");
  stream->fail(ECONNRESET);
  RawRing ring(kernel_);
  char buffer[8];
  for (uint64_t i = 1; i <= 3; ++i) ring.read(i, fd.get(), buffer, 8);
  EXPECT_EQ(to_text(ring.run()), "1:2 2:ECONNRESET");
  ring.cancel(4, 3);
  EXPECT_EQ(to_text(ring.run(2)), "4:0 3:ECANCELED");
}

TEST_F(SimKernelTest, ReadvFillsItsPartsInOrder) {
  OwnedFd fd = empty_file();
  kernel_.attach_file(fd.get(), "abcdefgh");
  RawRing ring(kernel_);
  std::string first(2, '.');
  std::string second(4, '.');
  {
    iovec parts[] = {{first.data(), 2}, {nullptr, 0}, {second.data(), 4}};
    io_uring_prep_readv(ring.entry(1), fd.get(), parts, 3, 1);
    ring.enter();
  }
  EXPECT_EQ(to_text(ring.completions()), "1:6");
  EXPECT_EQ(first + second, "bcdefg");
}

TEST_F(SimKernelTest, IovecsAreReadWhenTheEntryIsTaken) {
  auto [fd, other_end] = make_pipe();
  auto stream = kernel_.attach_stream(fd.get());
  RawRing ring(kernel_);
  std::string first(2, '.');
  std::string second(4, '.');
  iovec parts[] = {{first.data(), 2}, {second.data(), 4}};
  io_uring_prep_readv(ring.entry(1), fd.get(), parts, 2, 0);
  ring.enter();
  parts[0] = parts[1] = {nullptr, 1000};
  stream->feed("abcd");
  EXPECT_EQ(to_text(ring.run()), "1:4");
  EXPECT_EQ(first + second, "abcd..");
}

TEST_F(SimKernelTest, WritesGrowAFileAndReachAStream) {
  OwnedFd fd = empty_file();
  auto file = kernel_.attach_file(fd.get(), "ab");
  auto [socket, other_end] = make_sockets();
  auto stream = kernel_.attach_stream(socket.get());
  RawRing ring(kernel_);
  io_uring_prep_write(ring.entry(1), fd.get(), "xyz", 3, 4);
  io_uring_prep_send(ring.entry(2), socket.get(), "sent", 4, 0);
  iovec parts[] = {{const_cast<char*>("to"), 2}, {const_cast<char*>("gether"), 6}};
  io_uring_prep_writev(ring.entry(3), socket.get(), parts, 2, 0);
  io_uring_prep_fsync(ring.entry(4), fd.get(), 0);
  EXPECT_EQ(to_text(ring.run()), "1:3 2:4 3:8 4:0");
  EXPECT_EQ(file->bytes(), std::string("ab\0\0xyz", 7));
  EXPECT_EQ(stream->written(), "senttogether");
}

TEST_F(SimKernelTest, AWriterWaitsForRoomAndIsToldOfAHangUp) {
  auto [fd, other_end] = make_sockets();
  auto stream = kernel_.attach_stream(fd.get());
  stream->set_room(2);
  RawRing ring(kernel_);
  io_uring_prep_send(ring.entry(1), fd.get(), "abc", 3, 0);
  io_uring_prep_send(ring.entry(2), fd.get(), "def", 3, 0);
  EXPECT_EQ(to_text(ring.run()), "1:2");
  stream->set_room(8);
  EXPECT_EQ(to_text(ring.run()), "2:3");
  stream->hang_up();
  io_uring_prep_send(ring.entry(3), fd.get(), "ghi", 3, 0);
  EXPECT_EQ(to_text(ring.run()), "3:EPIPE");
  EXPECT_EQ(stream->written(), "abdef");
}

TEST_F(SimKernelTest, AWriterWaitsThoughTheOtherDirectionHasEnded) {
  auto [fd, other_end] = make_sockets();
  auto stream = kernel_.attach_stream(fd.get());
  stream->set_room(0);
  stream->fail(ECONNRESET);
  stream->end();
  RawRing ring(kernel_);
  io_uring_prep_send(ring.entry(1), fd.get(), "abc", 3, 0);
  EXPECT_EQ(to_text(ring.run()), "");
  stream->set_room(3);
  EXPECT_EQ(to_text(ring.run()), "1:3");
}

TEST_F(SimKernelTest, ADuplicateStandsForTheSame) {
  auto [fd, other_end] = make_sockets();
  auto stream = kernel_.attach_stream(fd.get());
  OwnedFd duplicate = own(fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
  kernel_.attach_duplicate(duplicate.get());
  fd = OwnedFd();
  stream->feed("abc");
  RawRing ring(kernel_);
  char buffer[8];
  io_uring_prep_recv(ring.entry(1), duplicate.get(), buffer, 8, 0);
  EXPECT_EQ(to_text(ring.run()), "1:3");
}

TEST_F(SimKernelTest, PollWaitsForWhatWasAskedFor) {
  auto [fd, other_end] = make_sockets();
  auto stream = kernel_.attach_stream(fd.get());
  RawRing ring(kernel_);
  io_uring_prep_poll_add(ring.entry(1), fd.get(), POLLIN);
  io_uring_prep_poll_add(ring.entry(2), fd.get(), POLLOUT);
  EXPECT_EQ(ring.run(), (Completions{{2, POLLOUT}}));
  stream->feed("x");
  EXPECT_EQ(ring.run(1), (Completions{{1, POLLIN}}));
  EXPECT_EQ(stream->unread(), 1u);
}

TEST_F(SimKernelTest, OpensAndClosesForReal) {
  RawRing ring(kernel_);
  {
    std::string path = "/proc/self/exe";
    io_uring_prep_openat(ring.entry(1), AT_FDCWD, path.c_str(), O_RDONLY | O_CLOEXEC, 0);
    ring.enter();
  }
  Completions completions = ring.completions();
  ASSERT_EQ(completions.size(), 1u);
  int fd = completions[0].result;
  ASSERT_GE(fd, 0);
  char magic[4];
  ring.read(2, fd, magic, sizeof magic);
  EXPECT_EQ(to_text(ring.run()), "2:4");
  EXPECT_EQ(std::string(magic + 1, 3), "ELF");
  io_uring_prep_close(ring.entry(3), fd);
  io_uring_prep_close(ring.entry(4), fd);
  io_uring_prep_openat(ring.entry(5), AT_FDCWD, "/no such file", O_RDONLY, 0);
  EXPECT_EQ(to_text(ring.run()), "3:0 4:EBADF 5:ENOENT");
  EXPECT_EQ(fcntl(fd, F_GETFD), -1);
}

TEST_F(SimKernelTest, OtherDescriptorsAreServedByTheSystem) {
  OwnedFd event = own(eventfd(0, EFD_CLOEXEC));
  auto [reading, writing] = make_pipe();
  RawRing ring(kernel_);
  uint64_t count = 0;
  char buffer[8];
  ring.read(1, event.get(), &count, sizeof count);
  ring.read(2, reading.get(), buffer, sizeof buffer);
  io_uring_prep_write(ring.entry(3), writing.get(), "piped", 5, 0);
  EXPECT_EQ(to_text(ring.run(2)), "3:5 2:5");
  ASSERT_EQ(eventfd_write(event.get(), 3), 0);
  EXPECT_EQ(to_text(ring.run(1)), "1:8");
  EXPECT_EQ(count, 3u);
}

TEST_F(SimKernelTest, WhatCannotWorkIsRefusedWithTheKernelsErrors) {
  auto [reading, writing] = make_pipe();
  kernel_.attach_stream(reading.get());
  OwnedFd directory = own(open("/", O_RDONLY | O_DIRECTORY));
  RawRing ring(kernel_, 32, IORING_SETUP_SUBMIT_ALL);
  char buffer[8];
  ring.read(1, 9999, buffer, 8);
  ring.read(2, writing.get(), buffer, 8);
  io_uring_prep_write(ring.entry(3), reading.get(), "x", 1, 0);
  ring.read(4, directory.get(), buffer, 8);
  ring.read(5, reading.get(), buffer, 0);
  io_uring_prep_recv(ring.entry(6), reading.get(), buffer, 8, 0);
  ring.entry(7)->opcode = 200;
  ring.read(8, reading.get(), buffer, 8);
  ring.ring().sq.sqes[7].flags |= IOSQE_IO_LINK;
  EXPECT_EQ(to_text(ring.run()),
            "1:EBADF 2:EBADF 3:EBADF 4:EISDIR 5:0 6:ENOTSOCK 7:EINVAL 8:EINVAL");
}

TEST_F(SimKernelTest, AnObjectIsForgottenWhenItsNumberMeansAnotherFile) {
  OwnedFd fd = empty_file();
  kernel_.attach_file(fd.get(), "of the old one");
  int number = fd.get();
  fd = OwnedFd();
  OwnedFd next = empty_file();
  ASSERT_EQ(next.get(), number);
  RawRing ring(kernel_);
  char buffer[8];
  ring.read(1, number, buffer, 8);
  EXPECT_EQ(to_text(ring.run()), "1:0");
}

// --- being shaken --------------------------------------------------------------------------------

std::string read_three(SimKernel& kernel) {
  OwnedFd fd = empty_file();
  kernel.attach_file(fd.get(), "abc");
  RawRing ring(kernel);
  std::string buffer(3, '.');
  ring.read(1, fd.get(), buffer.data(), 3);
  std::string outcome = to_text(ring.run(1));
  return outcome + " " + buffer;
}

TEST(SimKernelKnobs, ShortReadsDeliverAtLeastOneByte) {
  SimKnobs knobs;
  knobs.short_one_in = 2;
  EXPECT_EQ(every_outcome(knobs, read_three), (Outcomes{"1:3 abc", "1:2 ab.", "1:1 a.."}));
  knobs.short_one_in = 0;
  knobs.one_byte_one_in = 1;
  EXPECT_EQ(every_outcome(knobs, read_three), (Outcomes{"1:1 a.."}));
}

TEST(SimKernelKnobs, FailuresTakeNothing) {
  SimKnobs knobs;
  knobs.interrupted_one_in = 2;
  knobs.again_one_in = 2;
  knobs.error_one_in = 2;
  knobs.errors = {EIO};
  EXPECT_EQ(every_outcome(knobs, read_three),
            (Outcomes{"1:3 abc", "1:EINTR ...", "1:EAGAIN ...", "1:EIO ..."}));
}

TEST(SimKernelKnobs, BytesArriveInPiecesBeforeTheCompletion) {
  SimKnobs knobs;
  knobs.pieces_one_in = 2;
  knobs.steps_per_enter = 1;
  auto script = [](SimKernel& kernel) {
    OwnedFd fd = empty_file();
    kernel.attach_file(fd.get(), "abc");
    RawRing ring(kernel);
    std::string buffer(3, '.');
    ring.read(1, fd.get(), buffer.data(), 3);
    ring.enter();
    std::string outcome = buffer + (ring.completions().empty() ? "" : " done");
    if (outcome.size() == 3) {
      EXPECT_EQ(to_text(ring.run(1)), "1:3");
    }
    EXPECT_EQ(buffer, "abc");
    return outcome;
  };
  EXPECT_EQ(every_outcome(knobs, script), (Outcomes{"...", "a..", "ab.", "abc", "abc done"}));
}

TEST(SimKernelKnobs, RequestsCompleteInAnyOrder) {
  SimKnobs knobs;
  knobs.any_order = true;
  knobs.inline_one_in = 0;
  auto script = [](SimKernel& kernel) {
    RawRing ring(kernel);
    for (uint64_t i = 1; i <= 3; ++i) io_uring_prep_nop(ring.entry(i));
    return to_text(ring.run(3));
  };
  EXPECT_EQ(every_outcome(knobs, script), (Outcomes{"1:0 2:0 3:0", "1:0 3:0 2:0", "2:0 1:0 3:0",
                                                    "2:0 3:0 1:0", "3:0 1:0 2:0", "3:0 2:0 1:0"}));
}

TEST(SimKernelKnobs, TheSameSeedGivesTheSameRun) {
  auto run = [](uint64_t seed) {
    SeededChoices choices(seed);
    SimKernel kernel(choices, random_knobs(choices));
    kernel.record(true);
    auto [fd, other_end] = make_sockets();
    auto stream = kernel.attach_stream(fd.get());
    RawRing ring(kernel);
    std::vector<char> buffer(64);
    for (uint64_t i = 0; i < 30; ++i) {
      if (choices.below(2) == 0) stream->feed("0123456789");
      if (ring.queued() < 4) {
        ring.read(10 * i, fd.get(), buffer.data(), 16);
        ring.cancel(10 * i + 1, 10 * (i - choices.below(3)));
      }
      ring.enter();
      ring.completions();
      kernel.step();
    }
    ring.tear_down();
    kernel.finish_torn_down();
    return kernel.trace();
  };
  for (uint64_t seed = 0; seed < 50; ++seed) {
    std::vector<std::string> once = run(seed);
    EXPECT_GT(once.size(), 30u) << "seed " << seed;
    EXPECT_EQ(once, run(seed)) << "seed " << seed;
    EXPECT_NE(once, run(seed + 1000)) << "seed " << seed;
  }
}

}  // namespace
}  // namespace uring::testing
