// Descriptors that are not plain files of a known size, and files that change while they are read.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bufio/descriptor.h"
#include "bufio/open.h"
#include "bufio/reader.h"
#include "tests/reader_testing.h"
#include "uring/status.h"

namespace bufio {
namespace {

using testing::Ends;
using testing::new_pipe;
using testing::RingTest;
using testing::Started;
using testing::write_all;
using View = absl::StatusOr<std::string_view>;

std::string text(const View& view) { return view.ok() ? std::string(*view) : "not OK"; }

class SpecialFileTest : public RingTest {
 protected:
  Reader open_path(const std::string& path, ReaderOptions options = {}) {
    absl::StatusOr<Reader> reader = await(open(ring(), path, options));
    if (!reader.ok()) {
      ADD_FAILURE() << reader.status();
    }
    return *std::move(reader);
  }
};

std::string read_plainly(const std::string& path) {
  std::string all;
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  std::array<char, 4096> bytes;
  for (;;) {
    ssize_t got = read(fd, bytes.data(), bytes.size());
    if (got <= 0) break;
    all.append(bytes.data(), static_cast<size_t>(got));
  }
  close(fd);
  return all;
}

// --- sizes

TEST_F(SpecialFileTest, FilesOfSizesAroundMultiplesOfReads) {
  for (bool direct : {false, true}) {
    for (size_t k : {size_t{0}, size_t{1}, size_t{2}, size_t{5}}) {
      for (int off : {-1, 0, 1}) {
        if (k == 0 && off < 0) continue;
        std::string bytes = testing::pattern(k * 8192 + static_cast<size_t>(off));
        std::string path = new_file(bytes);
        for (bool offload : {false, true}) {
          Reader reader =
              open_path(path, {.read_size = 8192, .offload = offload, .direct = direct});
          EXPECT_TRUE(await(testing::drain(reader)) == bytes) << bytes.size() << direct << offload;
          EXPECT_EQ(reader.stats().bytes, bytes.size());
        }
      }
    }
  }
}

TEST_F(SpecialFileTest, FileOfJustTheDefaultReadSizes) {
  for (size_t size : {size_t{16} << 10, size_t{256} << 10, size_t{512} << 10}) {
    for (size_t bytes_off : {size - 1, size, size + 1}) {
      std::string bytes = testing::pattern(bytes_off);
      Reader reader = open_path(new_file(bytes));
      EXPECT_TRUE(await(testing::drain(reader)) == bytes) << bytes_off;
    }
  }
}

TEST_F(SpecialFileTest, SparseFileReadsAsZeros) {
  std::string path = new_file("head");
  ASSERT_EQ(truncate(path.c_str(), 3000000), 0);
  Reader reader = open_path(path);
  EXPECT_EQ(text(await(reader.require(4))), "head");
  reader.consume(4);
  uint64_t zeros = 0;
  for (;;) {
    View view = await(reader.fill_buf());
    ASSERT_TRUE(view.ok());
    if (view->empty()) break;
    zeros += static_cast<uint64_t>(std::count(view->begin(), view->end(), '\0'));
    reader.consume(view->size());
  }
  EXPECT_EQ(zeros, 2999996U);
}

TEST_F(SpecialFileTest, FilesOfProcHaveNoSizeAndAreReadAllTheSame) {
  for (std::string path : {"/proc/cpuinfo", "/proc/self/status", "/proc/filesystems"}) {
    for (size_t read_size : {size_t{0}, size_t{100}}) {
      Reader reader = open_path(path, {.read_size = read_size});
      std::string read = await(testing::drain(reader));
      std::string expected = read_plainly(path);
      // Numbers in it change between the two; lines do not come and go.
      EXPECT_GT(read.size(), 100U) << path;
      EXPECT_EQ(std::count(read.begin(), read.end(), '\n'),
                std::count(expected.begin(), expected.end(), '\n'))
          << path;
      EXPECT_EQ(read.substr(0, 5), expected.substr(0, 5)) << path;
    }
  }
}

TEST_F(SpecialFileTest, EndlessFileIsReadUpToTheLimits) {
  Reader reader = open_path("/dev/zero", {.max_buffer_size = 100000});
  EXPECT_EQ(text(await(reader.require(1000))), std::string(1000, '\0'));
  EXPECT_EQ(await(reader.fill_buf(100001)).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(await(reader.read_line()).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(await(reader.read_to_end(200000)).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(await(reader.skip(5000000)).value(), 5000000U);
  EXPECT_EQ(reader.pos(), 5000000U);
  EXPECT_TRUE(await(reader.close()).ok());
}

// --- files that change

TEST_F(SpecialFileTest, FileThatGrowsWhileItIsReadIsReadToItsNewEnd) {
  std::string path = new_file("abc");
  int fd = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  Reader reader = open_path(path);
  EXPECT_EQ(text(await(reader.require(3))), "abc");
  std::string more = testing::pattern(100000);
  write_all(fd, more);
  EXPECT_TRUE(await(testing::drain(reader)) == "abc" + more);
  // The end was seen: it stays, until somebody seeks.
  write_all(fd, "late");
  EXPECT_EQ(text(await(reader.fill_buf())), "");
  close(fd);
}

TEST_F(SpecialFileTest, FileThatShrinksWhileItIsReadEndsThere) {
  for (bool offload : {false, true}) {
    std::string bytes = testing::pattern(100000);
    std::string path = new_file(bytes);
    Reader reader = open_path(path, {.read_size = 4096, .max_read_ahead = 2, .offload = offload});
    EXPECT_EQ(text(await(reader.require(10))), bytes.substr(0, 10));
    ASSERT_EQ(truncate(path.c_str(), 50000), 0);
    std::string all = await(testing::drain(reader));
    // What was read before it shrank may be there; what comes is a prefix, and long enough.
    EXPECT_GE(all.size(), 50000U);
    EXPECT_TRUE(all == bytes.substr(0, all.size()));
  }
}

TEST_F(SpecialFileTest, DeletedFileIsReadToItsEnd) {
  std::string bytes = testing::pattern(50000);
  std::string path = new_file(bytes);
  Reader reader = open_path(path, {.read_size = 4096});
  ASSERT_EQ(unlink(path.c_str()), 0);
  EXPECT_TRUE(await(testing::drain(reader)) == bytes);
}

// --- descriptors with records

TEST_F(SpecialFileTest, EventfdGivesItsCounter) {
  for (int flags : {0, static_cast<int>(EFD_NONBLOCK)}) {
    int fd = eventfd(0, EFD_CLOEXEC | flags);
    Reader reader = adopt_fd(ring(), fd);
    for (uint64_t value : {uint64_t{7}, uint64_t{1} << 40}) {
      Started call(reader.require(8));
      turn();
      EXPECT_FALSE(call.ended());
      ASSERT_EQ(eventfd_write(fd, value), 0);
      finish(call);
      View view = call.result();
      ASSERT_TRUE(view.ok()) << view.status();
      uint64_t counter = 0;
      std::memcpy(&counter, view->data(), 8);
      EXPECT_EQ(counter, value);
      reader.consume(8);
    }
    EXPECT_TRUE(await(reader.close()).ok());
  }
}

TEST_F(SpecialFileTest, ReadsTooSmallForARecordSayWhatTheSystemSays) {
  int fd = eventfd(1, EFD_CLOEXEC);
  Reader reader = adopt_fd(ring(), fd, {.read_size = 4});
  EXPECT_EQ(uring::errno_of(await(reader.fill_buf()).status()), EINVAL);
}

TEST_F(SpecialFileTest, TimerfdGivesItsExpirations) {
  int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
  Reader reader = adopt_fd(ring(), fd);
  itimerspec soon = {.it_interval = {}, .it_value = {.tv_sec = 0, .tv_nsec = 1000000}};
  ASSERT_EQ(timerfd_settime(fd, 0, &soon, nullptr), 0);
  View view = await(reader.require(8));
  ASSERT_TRUE(view.ok()) << view.status();
  uint64_t expirations = 0;
  std::memcpy(&expirations, view->data(), 8);
  EXPECT_EQ(expirations, 1U);
}

TEST_F(SpecialFileTest, TerminalGivesLinesAsTheyAreTyped) {
  int master = -1;
  int slave = -1;
  ASSERT_EQ(openpty(&master, &slave, nullptr, nullptr, nullptr), 0);
  termios settings;
  ASSERT_EQ(tcgetattr(slave, &settings), 0);
  settings.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  ASSERT_EQ(tcsetattr(slave, TCSANOW, &settings), 0);
  Reader reader = adopt_fd(ring(), slave);
  Lines lines = reader.lines();
  for (std::string typed : {"first", "second"}) {
    Started call(lines.next());
    turn();
    EXPECT_FALSE(call.ended());
    write_all(master, typed + "\n");
    finish(call);
    Token line = call.result();
    ASSERT_TRUE(line.has_value()) << lines.status();
    EXPECT_EQ(*line, typed);
  }
  write_all(master, "\x04");  // end of file
  EXPECT_EQ(text(await(reader.fill_buf())), "");
  EXPECT_TRUE(await(reader.close()).ok());
  close(master);
}

// --- pipes and sockets

TEST_F(SpecialFileTest, EmptyPipeWithoutWritersIsTheEnd) {
  Ends ends = new_pipe();
  close(ends.write);
  Reader reader = adopt_fd(ring(), ends.read);
  EXPECT_EQ(text(await(reader.fill_buf())), "");
}

TEST_F(SpecialFileTest, NonblockingPipeWaitsInsteadOfSayingEagain) {
  Ends ends = new_pipe(O_NONBLOCK);
  Reader reader = adopt_fd(ring(), ends.read);
  std::string expected;
  for (std::string piece : {"a", "bc", "def"}) {
    expected += piece;
    Started call(reader.fill_buf(expected.size()));
    turn();
    EXPECT_FALSE(call.ended());
    write_all(ends.write, piece);
    finish(call);
    EXPECT_EQ(text(call.result()), expected);
  }
  close(ends.write);
  EXPECT_EQ(text(await(reader.fill_buf(7))), "abcdef");
}

TEST_F(SpecialFileTest, LargePipeTransferArrivesWhole) {
  std::string bytes = testing::pattern(size_t{3} << 20);
  for (BufferKind kind : {BufferKind::kFixed, BufferKind::kHeap, BufferKind::kMirrored}) {
    Ends ends = new_pipe();
    write_on_thread(ends.write, bytes, 5000);
    Reader reader = adopt_fd(ring(), ends.read, {.buffers = kind});
    EXPECT_TRUE(await(testing::drain(reader)) == bytes);
  }
}

TEST_F(SpecialFileTest, PipeThatMayNotGrowIsReadAsItIs) {
  Ends ends = new_pipe();
  int before = fcntl(ends.read, F_GETPIPE_SZ);
  Reader reader = adopt_fd(ring(), ends.read, {.pipe_size = 0});
  EXPECT_EQ(fcntl(ends.read, F_GETPIPE_SZ), before);
  Reader greedy =
      adopt_fd(ring(), fcntl(ends.read, F_DUPFD_CLOEXEC, 0), {.pipe_size = SIZE_MAX});  // refused
  write_all(ends.write, "abc");
  EXPECT_EQ(text(await(reader.fill_buf(3))), "abc");
  close(ends.write);
}

TEST_F(SpecialFileTest, HalfClosedSocketIsTheEndOfOneDirection) {
  Ends ends = testing::new_socket_pair();
  write_all(ends.write, "request");
  ASSERT_EQ(shutdown(ends.write, SHUT_WR), 0);
  Reader reader = adopt_fd(ring(), ends.read);
  EXPECT_EQ(await(testing::drain(reader)), "request");
  write_all(ends.read, "answer");
  std::array<char, 16> answer;
  EXPECT_EQ(read(ends.write, answer.data(), answer.size()), 6);
  close(ends.write);
}

TEST_F(SpecialFileTest, ListeningSocketIsAnErrorOfTheSystem) {
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  Reader reader = adopt_fd(ring(), fd);
  absl::Status status = await(reader.fill_buf()).status();
  EXPECT_NE(uring::errno_of(status), 0) << status;
}

TEST_F(SpecialFileTest, StandardInputFollowsARedirect) {
  int saved = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
  std::string bytes = testing::pattern(5000);
  int fd = ::open(new_file(bytes).c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_EQ(lseek(fd, 1000, SEEK_SET), 1000);
  ASSERT_EQ(dup2(fd, STDIN_FILENO), STDIN_FILENO);
  close(fd);
  {
    Reader reader = standard_input(ring());
    EXPECT_EQ(reader.pos(), 1000U);
    EXPECT_EQ(text(await(reader.require(100))), bytes.substr(1000, 100));
    reader.consume(100);
    absl::StatusOr<Released> released = await(reader.release());
    ASSERT_TRUE(released.ok());
    // Whoever reads standard input next goes on right behind what we have.
    EXPECT_EQ(lseek(STDIN_FILENO, 0, SEEK_CUR),
              static_cast<off_t>(1100 + released->leftover.size()));
  }
  EXPECT_TRUE(testing::is_open(STDIN_FILENO));
  Ends ends = new_pipe();
  ASSERT_EQ(dup2(ends.read, STDIN_FILENO), STDIN_FILENO);
  close(ends.read);
  write_all(ends.write, "from a pipe");
  close(ends.write);
  {
    Reader reader = standard_input(ring());
    EXPECT_EQ(await(testing::drain(reader)), "from a pipe");
  }
  ASSERT_EQ(dup2(saved, STDIN_FILENO), STDIN_FILENO);
  close(saved);
}

}  // namespace
}  // namespace bufio
