// Errors of Writers: which call says them, that they stick, that nothing raises SIGPIPE, and what
// is said of bytes that are lost.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): sigpending
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "bufio/create.h"
#include "bufio/descriptor.h"
#include "bufio/writer.h"
#include "tests/reader_testing.h"
#include "tests/writer/old_kernel.h"
#include "tests/writer/writer_testing.h"
#include "uring/block_on.h"
#include "uring/sleep.h"
#include "uring/status.h"
#include "uring/timeout.h"

namespace bufio {
namespace {

using std::chrono::milliseconds;
using testing::code;
using testing::Ends;
using testing::is_open;
using testing::new_pipe;
using testing::new_tcp_pair;
using testing::OldKernel;
using testing::pattern;
using testing::RingTest;
using testing::SinkKind;
using testing::SinkRig;
using testing::SocketEnds;
using testing::Started;
using uring::errno_of;

class WriterErrorTest : public RingTest {};

class StickyErrorTest : public RingTest {
 protected:
  void expect_sticks(Writer& writer, int error) {
    uint64_t accepted = writer.pos();
    EXPECT_EQ(errno_of(writer.status()), error) << writer.status();
    EXPECT_EQ(errno_of(await(writer.write("x"))), error);
    EXPECT_EQ(errno_of(await(writer.write_owned(pattern(5000)))), error);
    EXPECT_EQ(errno_of(await(writer.write_all("x", "y"))), error);
    EXPECT_EQ(errno_of(await(writer.reserve(1)).status()), error);
    EXPECT_EQ(errno_of(await(writer.flush())), error);
    EXPECT_EQ(errno_of(await(writer.sync())), error);
    EXPECT_EQ(errno_of(await(writer.shutdown())), error);
    EXPECT_EQ(errno_of(await(writer.release()).status()), error);
    EXPECT_EQ(errno_of(await(writer.close())), error);
    EXPECT_EQ(writer.pos(), accepted);
  }
};

TEST_F(StickyErrorTest, AFullDiskIsSaidByTheCallThatWaits) {
  absl::StatusOr<Writer> writer = await(create(ring(), "/dev/full", IfExists::kKeep));
  ASSERT_TRUE(writer.ok()) << writer.status();
  EXPECT_EQ(await(writer->write(pattern(100))), absl::OkStatus());
  absl::Status status = await(writer->flush());
  EXPECT_EQ(errno_of(status), ENOSPC);
  EXPECT_NE(status.message().find("/dev/full"), absl::string_view::npos) << status;
  EXPECT_EQ(writer->unwritten(), 100U);
  EXPECT_EQ(writer->written(), 0U);
  expect_sticks(*writer, ENOSPC);
}

TEST_F(StickyErrorTest, ADescriptorThatCannotBeWrittenToShowsInTheFirstFlush) {
  Writer writer =
      adopt_fd_for_writing(ring(), ::open(new_file("text").c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(await(writer.write("x")), absl::OkStatus());
  EXPECT_EQ(errno_of(await(writer.flush())), EBADF);
  expect_sticks(writer, EBADF);
}

TEST_F(StickyErrorTest, ANumberThatIsNoDescriptorShowsAtOnce) {
  Writer writer = borrow_fd_for_writing(ring(), 999999);
  expect_sticks(writer, EBADF);
}

TEST_F(StickyErrorTest, APeerThatResetsShows) {
  SocketEnds ends = new_tcp_pair();
  Writer writer = adopt_fd_for_writing(ring(), ends.writer);
  linger at_once = {1, 0};
  setsockopt(ends.peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close(ends.peer);
  EXPECT_EQ(await(writer.write("x")), absl::OkStatus());
  EXPECT_EQ(errno_of(await(writer.flush())), ECONNRESET);
  expect_sticks(writer, ECONNRESET);
}

TEST_F(StickyErrorTest, BytesWrittenBeforeTheErrorAreCounted) {
  SinkRig rig(ring(), SinkKind::kPipe);
  std::string text = pattern(50000);
  EXPECT_EQ(await(rig.writer().write(text)), absl::OkStatus());
  turn();
  rig.read_some();
  turn();
  EXPECT_GT(rig.writer().written(), rig.seen.size());
  rig.hang_up();
  EXPECT_EQ(errno_of(await(rig.writer().flush())), EPIPE);
  EXPECT_EQ(rig.writer().written() + rig.writer().unwritten(), text.size());
  EXPECT_GE(rig.writer().written(), rig.seen.size());
  expect_sticks(rig.writer(), EPIPE);
}

TEST_F(WriterErrorTest, CloseClosesTheDescriptorThoughItFails) {
  Ends ends = new_pipe();
  Writer writer = adopt_fd_for_writing(ring(), ends.write);
  close(ends.read);
  EXPECT_EQ(await(writer.write("x")), absl::OkStatus());
  EXPECT_EQ(errno_of(await(writer.close())), EPIPE);
  EXPECT_FALSE(is_open(ends.write));
}

// --- SIGPIPE

bool pipe_signal_pending() {
  sigset_t pending;
  sigpending(&pending);
  return sigismember(&pending, SIGPIPE) == 1;
}

// In a process of its own, whose SIGPIPE kills: what the child says by its exit, or minus the
// signal.
int in_a_child(const std::function<bool()>& works) {
  pid_t child = fork();
  if (child == 0) {
    signal(SIGPIPE, SIG_DFL);
    _exit(works() ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

bool breaks_with_epipe(uring::Kernel* kernel, int fd, const std::function<void()>& hang_up) {
  absl::StatusOr<uring::Ring> ring =
      uring::Ring::create({.entries = 8, .completion_entries = 64, .kernel = kernel});
  if (!ring.ok()) return false;
  Writer writer = adopt_fd_for_writing(*ring, fd, {.copy_below = 10});
  // Ready at once, and while a write waits; one range, and several.
  bool fine = uring::block_on(*ring, writer.write("first")).ok() &&
              uring::block_on(*ring, writer.flush()).ok();
  hang_up();
  absl::Status status = uring::block_on(*ring, writer.write("x"));
  if (status.ok()) status = uring::block_on(*ring, writer.write_owned(std::string(20, 'y')));
  if (status.ok()) status = uring::block_on(*ring, writer.flush());
  return fine && errno_of(status) == EPIPE && !pipe_signal_pending();
}

TEST(PipeSignalTest, ABrokenPipeIsAnErrorAndNoSignal) {
  EXPECT_EQ(in_a_child([] {
              Ends ends = new_pipe();
              return breaks_with_epipe(nullptr, ends.write, [&] { close(ends.read); });
            }),
            0);
}

TEST(PipeSignalTest, ABrokenSocketIsAnErrorAndNoSignal) {
  EXPECT_EQ(in_a_child([] {
              int ends[2];
              if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) return false;
              return breaks_with_epipe(nullptr, ends[1], [&] { close(ends[0]); });
            }),
            0);
}

TEST(PipeSignalTest, AKernelWithoutTheFlagRaisesNoneEither) {
  EXPECT_EQ(in_a_child([] {
              OldKernel kernel;
              Ends ends = new_pipe();
              bool works = breaks_with_epipe(&kernel, ends.write, [&] { close(ends.read); });
              return works && kernel.refused() == 1;
            }),
            0);
}

TEST(PipeSignalTest, TheChildWouldDieOfTheSignal) {
  EXPECT_EQ(in_a_child([] {
              Ends ends = new_pipe();
              close(ends.read);
              return write(ends.write, "x", 1) == 1;
            }),
            -SIGPIPE);
}

// --- the calls themselves

TEST_F(WriterErrorTest, ASecondCallIsRefusedWhileOneWaits) {
  SinkRig rig(ring(), SinkKind::kPipe, {.high_water = 10000});
  EXPECT_EQ(await(rig.writer().write(pattern(10000))), absl::OkStatus());
  Started first(rig.writer().write("waits for room"));
  turn();
  EXPECT_FALSE(first.ended());
  EXPECT_EQ(code(await(rig.writer().write("x"))), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(code(await(rig.writer().flush())), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(code(await(rig.writer().close())), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(rig.writer().pos(), 10000U);
  while (!first.ended()) {
    rig.read_some();
    turn(1);
  }
  EXPECT_EQ(first.result(), absl::OkStatus());
  EXPECT_EQ(rig.writer().pos(), 10014U);
  Started flush(rig.writer().flush());
  while (!flush.ended()) {
    rig.read_some();
    turn(1);
  }
}

TEST_F(WriterErrorTest, ACallThatWaitsEndsAtItsDeadlineOrByInterrupt) {
  SinkRig rig(ring(), SinkKind::kPipe, {.high_water = 10000});
  EXPECT_EQ(await(rig.writer().write(pattern(10000))), absl::OkStatus());
  rig.writer().set_deadline(std::chrono::steady_clock::now() + milliseconds(5));
  EXPECT_EQ(code(await(rig.writer().flush())), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(code(await(rig.writer().write(pattern(9000)))), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(code(await(rig.writer().close())), absl::StatusCode::kDeadlineExceeded);
  rig.writer().clear_deadline();
  const std::string nor_this = pattern(9000);
  Started call(rig.writer().write(nor_this));
  turn();
  rig.writer().interrupt();
  finish(call);
  EXPECT_EQ(code(call.result()), absl::StatusCode::kCancelled);
  EXPECT_EQ(rig.writer().pos(), 10000U);
  Started close(rig.writer().close());
  while (!close.ended()) {
    rig.read_some();
    turn(1);
  }
  EXPECT_EQ(close.result(), absl::OkStatus());
  rig.read_some();
  EXPECT_TRUE(rig.seen == pattern(10000));
}

TEST_F(WriterErrorTest, AWaitingWriteGoesOnBelowTheLowWaterMarkOnly) {
  SinkRig rig(ring(), SinkKind::kPipe, {.high_water = 100000, .low_water = 20000});
  EXPECT_EQ(await(rig.writer().write(pattern(100000))), absl::OkStatus());
  Started call(rig.writer().write("x"));
  while (!call.ended()) {
    EXPECT_GT(rig.writer().unwritten(), 20000U);
    rig.read_some(1000);
    turn(1);
  }
  EXPECT_LE(rig.writer().unwritten(), 20001U);
  EXPECT_GT(rig.writer().unwritten(), 10000U);
  rig.hang_up();
  EXPECT_EQ(errno_of(await(rig.writer().flush())), EPIPE);
}

using WriterDeathTest = WriterErrorTest;

TEST_F(WriterDeathTest, CommittingMoreThanWasReservedIsFatal) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  std::string path = path_for("file");
  auto misuse = [&] {
    absl::StatusOr<Writer> writer = await(create(ring(), path));
    absl::StatusOr<std::span<char>> room = await(writer->reserve(10));
    writer->commit(room->size() + 1);
  };
  EXPECT_DEATH(misuse(), "commit: more than is reserved");
  auto twice = [&] {
    absl::StatusOr<Writer> writer = await(create(ring(), path));
    absl::StatusOr<std::span<char>> room = await(writer->reserve(10));
    writer->commit(room->size() > 5 ? 5 : 0);
    writer->commit(1);
  };
  EXPECT_DEATH(twice(), "commit: more than is reserved");
}

// --- bytes that are lost

std::function<void(const DroppedBytes&)> note(std::vector<DroppedBytes>& dropped) {
  return [&dropped](const DroppedBytes& bytes) { dropped.push_back(bytes); };
}

TEST_F(WriterErrorTest, DestroyingAWriterReportsWhatItHasNotWritten) {
  std::vector<DroppedBytes> dropped;
  {
    SinkRig rig(ring(), SinkKind::kPipe, {.on_drop = note(dropped)});
    EXPECT_EQ(await(rig.writer().write("hello")), absl::OkStatus());
  }
  ASSERT_EQ(dropped.size(), 1U);
  EXPECT_EQ(dropped[0].count, 5U);
  EXPECT_EQ(dropped[0].status, absl::OkStatus());
  EXPECT_EQ(dropped[0].name.substr(0, 3), "fd ");
}

TEST_F(WriterErrorTest, WithoutACallbackALineOnStandardErrorSaysSo) {
  ::testing::internal::CaptureStderr();
  {
    SinkRig rig(ring(), SinkKind::kFile);
    EXPECT_EQ(await(rig.writer().write("hello")), absl::OkStatus());
  }
  std::string said = ::testing::internal::GetCapturedStderr();
  EXPECT_NE(said.find("5 accepted bytes not written, to fd "), std::string::npos) << said;
}

TEST_F(WriterErrorTest, NothingIsReportedThatIsWrittenOrThatACallHasSaid) {
  std::vector<DroppedBytes> dropped;
  {
    SinkRig rig(ring(), SinkKind::kPipe, {.on_drop = note(dropped)});
    EXPECT_EQ(await(rig.writer().write("hello")), absl::OkStatus());
    EXPECT_EQ(await(rig.writer().flush()), absl::OkStatus());
  }
  {
    SinkRig rig(ring(), SinkKind::kPipe, {.on_drop = note(dropped)});
    rig.hang_up();
    EXPECT_EQ(await(rig.writer().write("hello")), absl::OkStatus());
    EXPECT_EQ(errno_of(await(rig.writer().flush())), EPIPE);
  }
  EXPECT_EQ(dropped.size(), 0U);
}

TEST_F(WriterErrorTest, AnErrorThatNoCallHasSaidIsReported) {
  std::vector<DroppedBytes> dropped;
  {
    SinkRig rig(ring(), SinkKind::kPipe, {.on_drop = note(dropped)});
    rig.hang_up();
    EXPECT_EQ(await(rig.writer().write("hello")), absl::OkStatus());
    turn();
  }
  ASSERT_EQ(dropped.size(), 1U);
  EXPECT_EQ(dropped[0].count, 5U);
  EXPECT_EQ(errno_of(dropped[0].status), EPIPE);
}

TEST_F(WriterErrorTest, AWriteInFlightKeepsItsMemoryAndTheDescriptorUntilItEnds) {
  std::vector<DroppedBytes> dropped;
  SinkRig rig(ring(), SinkKind::kPipe, {.on_drop = note(dropped)});
  EXPECT_EQ(await(rig.writer().write(pattern(50000))), absl::OkStatus());
  turn();
  size_t unwritten = rig.writer().unwritten();
  EXPECT_GT(unwritten, 0U);
  Started waits(rig.writer().flush());
  rig.drop_writer();
  EXPECT_EQ(dropped.size(), 1U);
  EXPECT_EQ(dropped[0].count, unwritten);
  EXPECT_EQ(ring().stats().orphans, 1U);
  EXPECT_GT(ring().buffer_stats().live_bytes, 0U);
  EXPECT_TRUE(is_open(rig.fd()));
  finish(waits);
  EXPECT_EQ(code(waits.result()), absl::StatusCode::kFailedPrecondition);
  waits.destroy();
  while (ring().stats().in_flight > 0) turn(1);
  EXPECT_EQ(ring().buffer_stats().live_bytes, 0U);
  EXPECT_FALSE(is_open(rig.fd()));
  rig.read_some();
  // Whatever has arrived is the front of it.
  EXPECT_EQ(rig.seen, pattern(50000).substr(0, rig.seen.size()));
}

// --- the Ring goes first

TEST_F(WriterErrorTest, AWriterOutlivesItsRing) {
  for (size_t size : {size_t{0}, size_t{5}, size_t{50000}}) {
    absl::StatusOr<uring::Ring> ring =
        uring::Ring::create({.entries = 8, .completion_entries = 64});
    ASSERT_TRUE(ring.ok()) << ring.status();
    std::optional<uring::Ring> mine(*std::move(ring));
    std::vector<DroppedBytes> dropped;
    Ends ends = new_pipe();
    fcntl(ends.write, F_SETPIPE_SZ, 4096);
    {
      Writer writer = adopt_fd_for_writing(*mine, ends.write, {.on_drop = note(dropped)});
      EXPECT_EQ(uring::block_on(*mine, writer.write(pattern(size))), absl::OkStatus());
      if (size > 5) uring::block_on(*mine, uring::sleep_for(*mine, milliseconds(1)));
      auto keep = std::make_unique<Started<FlushCall>>(writer.flush());
      mine.reset();
      keep.reset();
      EXPECT_EQ(writer.pos(), size);
      EXPECT_EQ(writer.unwritten() > 0, size > 0);
    }
    EXPECT_EQ(dropped.size(), size > 0 ? 1U : 0U);
    EXPECT_FALSE(is_open(ends.write)) << size;
    close(ends.read);
  }
}

}  // namespace
}  // namespace bufio
