#include "uring/write_owned.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "tests/ownership/owned_testing.h"
#include "uring/block_on.h"
#include "uring/sized_array.h"
#include "uring/slice.h"
#include "uring/status.h"

namespace uring {
namespace {

using testing::contents;
using testing::pattern;
using testing::Pipe;
using testing::SocketPair;
using testing::TemporaryFile;

using WriteOwnedTest = testing::OwnedTest;

std::vector<std::string> strings(std::initializer_list<std::string_view> texts) {
  std::vector<std::string> made;
  for (const std::string_view text : texts) made.emplace_back(text);
  return made;
}

TEST_F(WriteOwnedTest, WritesWhatCountsAtTheOffset) {
  const TemporaryFile temporary("..........");
  const File file = borrow(temporary.fd());
  auto [result, text] = block_on(ring(), write_owned(file, std::string("abc"), 2));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(*result, 3u);
  EXPECT_EQ(text, "abc");
  SizedArray array(100);
  array.set_size(2);
  array.data()[0] = 'x';
  array.data()[1] = 'y';
  auto second = block_on(ring(), write_owned(file, std::move(array), 7));
  EXPECT_EQ(second.buffer.view(), "xy");
  EXPECT_EQ(second.buffer.capacity(), 100u);
  EXPECT_EQ(contents(temporary.fd()), "..abc..xy.");
}

TEST_F(WriteOwnedTest, ASliceWritesItsPart) {
  const TemporaryFile temporary("......");
  auto [result, part] =
      block_on(ring(), write_owned(borrow(temporary.fd()), slice(std::string("abcdef"), 2, 5), 1));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(std::move(part).whole(), "abcdef");
  EXPECT_EQ(contents(temporary.fd()), ".cde..");
}

TEST_F(WriteOwnedTest, TheCurrentPositionMoves) {
  const TemporaryFile temporary("");
  const File file = borrow(temporary.fd());
  block_on(ring(), write_owned(file, std::string("one ")));
  block_on(ring(), write_owned(file, std::string("two")));
  EXPECT_EQ(contents(temporary.fd()), "one two");
}

TEST_F(WriteOwnedTest, NothingIsWrittenWithoutARequest) {
  auto [result, text] = block_on(ring(), write_owned(borrow(9999), std::string(), 0));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(*result, 0u);
  auto all = block_on(ring(), writev_all_owned(borrow(9999), strings({"", ""}), 0));
  EXPECT_TRUE(all.status.ok()) << all.status;
  EXPECT_EQ(sent(), 0u);
}

TEST_F(WriteOwnedTest, ErrorsGiveTheBufferBack) {
  const int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  const File file(ring(), make_ref<Descriptor>(fd, Descriptor::Ownership::kOwned, "read only"));
  auto [result, text] = block_on(ring(), write_owned(file, std::string("kept")));
  EXPECT_EQ(errno_of(result.status()), EBADF);
  EXPECT_NE(result.status().message().find("write read only"), std::string::npos);
  EXPECT_EQ(text, "kept");
  const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
  auto all =
      block_on(ring(), write_all_owned(File(ring(), make_ref<Descriptor>(full)), std::string("x")));
  EXPECT_EQ(errno_of(all.status), ENOSPC);
  EXPECT_EQ(all.transferred, 0u);
}

TEST_F(WriteOwnedTest, InterruptionsAndNotReadyAreAbsorbed) {
  const TemporaryFile temporary("....");
  answer({-EINTR, -EAGAIN, 1, 1});  // write, write, poll, write
  kernel().recording = true;
  auto [result, text] = block_on(ring(), write_owned(borrow(temporary.fd()), std::string("ab"), 1));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(contents(temporary.fd()), ".ab.");
  ASSERT_EQ(kernel().taken().size(), 4u);
  EXPECT_EQ(kernel().taken()[2].opcode, IORING_OP_POLL_ADD);
  EXPECT_EQ(kernel().taken()[2].poll32_events, static_cast<unsigned>(POLLOUT));
}

// --- all of it -----------------------------------------------------------------------------------

TEST_F(WriteOwnedTest, AllGoesOnAfterShortWrites) {
  const TemporaryFile temporary("..........");
  answer({3, 2, 1});  // said to be short
  auto [status, text, transferred] =
      block_on(ring(), write_all_owned(borrow(temporary.fd()), std::string("12345678"), 1));
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(transferred, 8u);
  EXPECT_EQ(text, "12345678");
  EXPECT_EQ(contents(temporary.fd()), ".12345678.");
  EXPECT_EQ(sent(), 3u);
}

TEST_F(WriteOwnedTest, AllSaysHowFarItGot) {
  const TemporaryFile temporary("....");
  answer({3, -EIO});
  auto [status, text, transferred] =
      block_on(ring(), write_all_owned(borrow(temporary.fd()), std::string("12345678"), 0));
  EXPECT_EQ(errno_of(status), EIO);
  EXPECT_EQ(transferred, 3u);
  EXPECT_EQ(text, "12345678");
}

TEST_F(WriteOwnedTest, AllThatIsTakenNoMoreIsDataLoss) {
  const TemporaryFile temporary("....");
  answer({3, 0});
  auto done = block_on(ring(), write_all_owned(borrow(temporary.fd()), std::string("1234"), 0));
  EXPECT_EQ(done.status.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(done.transferred, 3u);
}

// Through a pipe or a socket that holds far less.
TEST_F(WriteOwnedTest, AllGoesThroughWhatHoldsLess) {
  const std::string text = pattern(500000);
  for (const int flags : {0, static_cast<int>(O_NONBLOCK)}) {
    for (const bool socket : {false, true}) {
      Pipe pipe(flags);
      const SocketPair sockets(flags != 0 ? static_cast<int>(SOCK_NONBLOCK) : 0);
      const int in = socket ? sockets.end(0) : pipe.writer();
      const int out = socket ? sockets.end(1) : pipe.reader();
      std::string read;
      std::thread reader([&] {
        std::array<char, 4096> piece;
        while (read.size() < text.size()) {
          pollfd readable = {out, POLLIN, 0};
          if (poll(&readable, 1, 10000) != 1) break;
          const ssize_t got = ::read(out, piece.data(), piece.size());
          if (got > 0) read.append(piece.data(), static_cast<size_t>(got));
        }
      });
      auto [status, buffer, transferred] = block_on(ring(), write_all_owned(borrow(in), text));
      reader.join();
      EXPECT_TRUE(status.ok()) << status;
      EXPECT_EQ(transferred, text.size());
      EXPECT_TRUE(read == text);
      EXPECT_TRUE(buffer == text);
    }
  }
}

// --- several buffers -----------------------------------------------------------------------------

TEST_F(WriteOwnedTest, VectoredWritesInOrder) {
  const TemporaryFile temporary("");
  auto [result, buffers] = block_on(
      ring(), writev_owned(borrow(temporary.fd()), strings({"abc", "", "de", "fghij"}), 0));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(*result, 10u);
  EXPECT_EQ(buffers, strings({"abc", "", "de", "fghij"}));
  EXPECT_EQ(contents(temporary.fd()), "abcdefghij");
}

TEST_F(WriteOwnedTest, VectoredAllGoesOnInTheMiddleOfABuffer) {
  const TemporaryFile temporary("");
  answer({4, 2, 1});
  auto done = block_on(ring(), writev_all_owned(borrow(temporary.fd()),
                                                strings({"abc", "de", "fghij", "kl", "m"}), 0));
  EXPECT_TRUE(done.status.ok()) << done.status;
  EXPECT_EQ(contents(temporary.fd()), "abcdefghijklm");
}

TEST_F(WriteOwnedTest, VectoredAllTakesMoreBuffersThanOneWrite) {
  const std::string text = pattern(2500);
  std::vector<std::string> buffers;
  for (const char one : text) buffers.emplace_back(1, one);
  const TemporaryFile temporary("");
  auto done = block_on(ring(), writev_all_owned(borrow(temporary.fd()), std::move(buffers), 0));
  EXPECT_TRUE(done.status.ok()) << done.status;
  EXPECT_EQ(contents(temporary.fd()), text);
  EXPECT_EQ(sent(), 3u);
}

TEST_F(WriteOwnedTest, VectoredWritesSockets) {
  const SocketPair sockets;
  auto [result, buffers] =
      block_on(ring(), writev_owned(borrow(sockets.end(0)), strings({"ab", "cde"})));
  ASSERT_TRUE(result.ok()) << result.status();
  std::array<char, 10> read;
  ASSERT_EQ(::read(sockets.end(1), read.data(), read.size()), 5);
  EXPECT_EQ(std::string_view(read.data(), 5), "abcde");
}

// --- SIGPIPE -------------------------------------------------------------------------------------

std::atomic<int> signals = 0;

class BrokenEnd : public WriteOwnedTest {
 protected:
  void SetUp() override {
    WriteOwnedTest::SetUp();
    signals = 0;
    struct sigaction count = {};
    count.sa_handler = [](int) { ++signals; };
    sigaction(SIGPIPE, &count, &before_);
  }
  void TearDown() override {
    sigaction(SIGPIPE, &before_, nullptr);
    WriteOwnedTest::TearDown();
  }

 private:
  struct sigaction before_;
};

TEST_F(BrokenEnd, OfASocketIsAnErrorAndNoSignal) {
  SocketPair sockets;
  sockets.close_end(1);
  const File file = borrow(sockets.end(0));
  auto one = block_on(ring(), write_owned(file, std::string("x")));
  EXPECT_EQ(errno_of(one.result.status()), EPIPE);
  auto offset = block_on(ring(), write_owned(file, std::string("x"), 0));
  EXPECT_EQ(errno_of(offset.result.status()), EPIPE);
  auto all = block_on(ring(), write_all_owned(file, std::string("x")));
  EXPECT_EQ(errno_of(all.status), EPIPE);
  auto several = block_on(ring(), writev_owned(file, strings({"x", "y"})));
  EXPECT_EQ(errno_of(several.result.status()), EPIPE);
  EXPECT_EQ(signals, 0);
}

// Whether the kernel can write to a pipe without SIGPIPE (Linux 6.18).
bool pipes_can_be_silent() {
  const Pipe pipe;
  iovec part = {const_cast<char*>("x"), 1};
  return pwritev2(pipe.writer(), &part, 1, -1, 0x100) == 1;
}

TEST_F(BrokenEnd, OfAPipeIsAnErrorAndNoSignal) {
  if (!pipes_can_be_silent()) GTEST_SKIP() << "this kernel has no RWF_NOSIGNAL (Linux 6.18)";
  Pipe pipe;
  ::close(pipe.take_reader()->release());
  const File file = borrow(pipe.writer());
  auto one = block_on(ring(), write_owned(file, std::string("x")));
  EXPECT_EQ(errno_of(one.result.status()), EPIPE);
  auto offset = block_on(ring(), write_owned(file, std::string("x"), 0));
  EXPECT_EQ(errno_of(offset.result.status()), EPIPE);
  auto several = block_on(ring(), writev_all_owned(file, strings({"x", "y"})));
  EXPECT_EQ(errno_of(several.status), EPIPE);
  EXPECT_EQ(signals, 0);
}

// The last of this program: what it teaches the library stays.
TEST_F(BrokenEnd, OnAKernelThatAlwaysSignalsIsWrittenToAsUsual) {
  Pipe pipe;
  const File file = borrow(pipe.writer());
  kernel().recording = true;
  kernel().alter_completion = [&](io_uring_cqe& completion) {
    if ((completion.user_data & 1) == 0 && kernel().taken().back().rw_flags != 0)
      completion.res = -EOPNOTSUPP;
  };
  auto first = block_on(ring(), write_owned(file, std::string("one")));
  EXPECT_TRUE(first.result.ok()) << first.result.status();
  EXPECT_EQ(sent(), 2u);
  auto second = block_on(ring(), write_owned(file, std::string("two")));
  EXPECT_TRUE(second.result.ok()) << second.result.status();
  EXPECT_EQ(sent(), 1u) << "it was learnt";
}

}  // namespace
}  // namespace uring
