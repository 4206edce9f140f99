// close and release: what they report, what they hand over, and when descriptors are closed.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bufio/descriptor.h"
#include "bufio/memory.h"
#include "bufio/open.h"
#include "bufio/reader.h"
#include "tests/reader_testing.h"
#include "uring/status.h"

namespace bufio {
namespace {

using testing::Ends;
using testing::EverySourceTest;
using testing::is_open;
using testing::new_pipe;
using testing::RingTest;
using testing::Started;
using testing::write_all;
using View = absl::StatusOr<std::string_view>;

std::string text(const View& view) { return view.ok() ? std::string(*view) : "not OK"; }

std::string read_rest(int fd) {
  std::string rest;
  char bytes[4096];
  for (;;) {
    ssize_t got = read(fd, bytes, sizeof bytes);
    if (got < 0) {
      ADD_FAILURE() << "read: " << errno;
    }
    if (got <= 0) return rest;
    rest.append(bytes, static_cast<size_t>(got));
  }
}

class CloseReleaseTest : public EverySourceTest {};
INSTANTIATE_EVERY_SOURCE(CloseReleaseTest);

TEST_P(CloseReleaseTest, LeftoverAndTheDescriptorAreTheRestOfTheStream) {
  std::string bytes = testing::pattern(3000);
  for (size_t used : {size_t{0}, size_t{1}, size_t{100}, size_t{3000}}) {
    Reader reader = make(bytes);
    EXPECT_EQ(await(reader.skip(used)).value(), used);
    EXPECT_GE(await(reader.fill_buf()).value().size(), used == 3000 ? 0U : 1U);
    absl::StatusOr<Released> released = await(reader.release());
    ASSERT_TRUE(released.ok()) << released.status();
    EXPECT_EQ(released->pos, start() + used);
    std::string rest = released->leftover;
    EXPECT_EQ(rest, bytes.substr(used, rest.size()));
    bool descriptor = static_cast<bool>(released->fd);
    if (!descriptor) continue;  // memory, or a source of one's own: nowhere to read on
    int flags = fcntl(released->fd.get(), F_GETFL);
    fcntl(released->fd.get(), F_SETFL, flags & ~(O_NONBLOCK | O_DIRECT));
    if (seekable()) {
      EXPECT_EQ(lseek(released->fd.get(), 0, SEEK_CUR),
                static_cast<off_t>(released->pos + rest.size()));
    }
    EXPECT_EQ(rest + read_rest(released->fd.get()), bytes.substr(used));
  }
}

TEST_P(CloseReleaseTest, CloseDropsTheRestAndIsOk) {
  Reader reader = make(testing::pattern(1000));
  EXPECT_GE(await(reader.fill_buf(10)).value().size(), 10U);
  uint64_t pos = reader.pos();
  EXPECT_TRUE(await(reader.close()).ok());
  EXPECT_EQ(reader.available(), 0U);
  EXPECT_EQ(reader.pos(), pos);
}

TEST_P(CloseReleaseTest, CloseWhileAGivenUpCallsReadIsInFlight) {
  Reader reader = make(testing::pattern(2000));
  EXPECT_GE(await(reader.fill_buf(10)).value().size(), 10U);
  {
    Started call(reader.fill_more(100));
  }
  EXPECT_TRUE(await(reader.close()).ok());
}

class PipeCloseTest : public RingTest {
 protected:
  PipeCloseTest() : ends_(new_pipe()) {}
  ~PipeCloseTest() override { close(ends_.write); }
  Ends ends_;
};

TEST_F(PipeCloseTest, ReleaseWithAReadInFlightKeepsEveryByte) {
  for (size_t before : {size_t{0}, size_t{3}}) {
    for (size_t during : {size_t{0}, size_t{5}}) {
      for (bool offload : {false, true}) {
        Ends ends = new_pipe();
        Reader reader = adopt_fd(ring(), ends.read, {.offload = offload});
        std::string bytes = testing::pattern(20);
        write_all(ends.write, std::string_view(bytes).substr(0, before));
        if (before > 0) {
          EXPECT_EQ(text(await(reader.require(before))), bytes.substr(0, before));
        }
        {
          Started call(reader.fill_more());
          turn();
        }
        EXPECT_EQ(ring().stats().in_flight, 1U);
        write_all(ends.write, std::string_view(bytes).substr(before, during));
        absl::StatusOr<Released> released = await(reader.release());
        ASSERT_TRUE(released.ok()) << released.status();
        write_all(ends.write, std::string_view(bytes).substr(before + during));
        close(ends.write);
        EXPECT_EQ(released->leftover + read_rest(released->fd.get()), bytes);
        EXPECT_EQ(released->pos, 0U);
      }
    }
  }
}

TEST_F(PipeCloseTest, ReleaseAboveTheBufferLimitKeepsEveryByte) {
  Reader reader = adopt_fd(ring(), ends_.read, {.max_buffer_size = 10});
  std::string bytes = testing::pattern(500);
  write_all(ends_.write, bytes);
  EXPECT_EQ(text(await(reader.require(4))), bytes.substr(0, 4));
  reader.consume(4);
  absl::StatusOr<Released> released = await(reader.release());
  ASSERT_TRUE(released.ok()) << released.status();
  EXPECT_EQ(released->leftover, bytes.substr(4));
}

TEST_F(PipeCloseTest, CloseDoesNotWaitForBytes) {
  for (bool offload : {false, true}) {
    for (int flags : {0, O_NONBLOCK}) {
      Ends ends = new_pipe(flags);
      Reader reader = adopt_fd(ring(), ends.read, {.offload = offload});
      {
        Started call(reader.fill_buf());
        turn();
      }
      EXPECT_TRUE(await(reader.close()).ok());
      EXPECT_FALSE(is_open(ends.read));
      EXPECT_EQ(ring().stats().in_flight, 0U);
      close(ends.write);
    }
  }
}

TEST_F(PipeCloseTest, CloseThatIsGivenUpCanBeCalledAgain) {
  Reader reader = adopt_fd(ring(), ends_.read);
  {
    Started call(reader.fill_buf());
    turn();
  }
  {
    Started call(reader.close());
  }
  EXPECT_TRUE(is_open(ends_.read));
  EXPECT_TRUE(await(reader.close()).ok());
  EXPECT_FALSE(is_open(ends_.read));
}

TEST_F(PipeCloseTest, ReleaseThatIsGivenUpLosesNothing) {
  Reader reader = adopt_fd(ring(), ends_.read);
  {
    Started call(reader.fill_buf());
    turn();
  }
  {
    Started call(reader.release());
  }
  write_all(ends_.write, "abc");
  turn();
  EXPECT_EQ(text(await(reader.require(3))), "abc");
}

TEST_F(PipeCloseTest, AdoptedDescriptorIsClosedOnceWhenTheReaderIsGone) {
  {
    Reader reader = adopt_fd(ring(), ends_.read);
    write_all(ends_.write, "abc");
    EXPECT_EQ(text(await(reader.fill_buf(3))), "abc");
    EXPECT_TRUE(is_open(ends_.read));
  }
  EXPECT_FALSE(is_open(ends_.read));
  // The number is somebody else's now; nothing that is left may close it.
  Ends others = new_pipe();
  ASSERT_EQ(others.read, ends_.read);
  turn();
  destroy_ring();
  EXPECT_TRUE(is_open(others.read));
  close(others.read);
  close(others.write);
}

TEST_F(PipeCloseTest, DescriptorStaysOpenUntilTheReadInFlightIsDone) {
  {
    Reader reader = adopt_fd(ring(), ends_.read);
    Started call(reader.fill_buf());
    turn();
  }
  EXPECT_TRUE(is_open(ends_.read));
  EXPECT_EQ(ring().stats().orphans, 1U);
  while (ring().stats().orphans > 0) turn(1);
  EXPECT_FALSE(is_open(ends_.read));
}

TEST_F(PipeCloseTest, BorrowedDescriptorIsNeverClosed) {
  for (int way = 0; way < 3; ++way) {
    std::optional<Reader> reader(borrow_fd(ring(), ends_.read));
    write_all(ends_.write, "abc");
    EXPECT_EQ(text(await(reader->fill_buf(3))), "abc");
    if (way == 1) {
      EXPECT_TRUE(await(reader->close()).ok());
    }
    if (way == 2) {
      absl::StatusOr<Released> released = await(reader->release());
      ASSERT_TRUE(released.ok());
      EXPECT_EQ(released->leftover, "abc");
      EXPECT_EQ(released->fd.get(), ends_.read);
    }
    reader.reset();
    turn();
    EXPECT_TRUE(is_open(ends_.read)) << way;
  }
  close(ends_.read);
}

TEST_F(PipeCloseTest, ReleasedNumberIsTheCallersToClose) {
  Reader reader = adopt_fd(ring(), ends_.read);
  int fd = -1;
  {
    absl::StatusOr<Released> released = await(reader.release());
    ASSERT_TRUE(released.ok());
    fd = released->fd.release();
  }
  EXPECT_EQ(fd, ends_.read);
  EXPECT_TRUE(is_open(fd));
  close(fd);
}

TEST_F(PipeCloseTest, ReleasedDescriptorThatNobodyTakesIsClosed) {
  Reader reader = adopt_fd(ring(), ends_.read);
  {
    absl::StatusOr<Released> released = await(reader.release());
    ASSERT_TRUE(released.ok());
  }
  EXPECT_FALSE(is_open(ends_.read));
}

TEST_F(PipeCloseTest, CloseReportsWhatTheSystemSays) {
  Reader reader = adopt_fd(ring(), ends_.read);
  close(ends_.read);  // behind the Reader's back
  absl::Status status = await(reader.close());
  EXPECT_EQ(uring::errno_of(status), EBADF) << status;
}

class FileCloseTest : public RingTest {};

TEST_F(FileCloseTest, ReleaseAndCloseWithReadsAheadAndAFullBuffer) {
  std::string bytes = testing::pattern(200000);
  std::string path = new_file(bytes);
  for (bool released : {false, true}) {
    Reader reader = *await(
        open(ring(), path,
             {.max_buffer_size = 1000, .read_size = 4096, .max_read_ahead = 8, .offload = true}));
    EXPECT_EQ(text(await(reader.require(1000))), bytes.substr(0, 1000));
    reader.consume(10);
    if (!released) {
      EXPECT_TRUE(await(reader.close()).ok());
      continue;
    }
    absl::StatusOr<Released> rest = await(reader.release());
    ASSERT_TRUE(rest.ok()) << rest.status();
    EXPECT_EQ(rest->pos, 10U);
    EXPECT_TRUE(rest->leftover + read_rest(rest->fd.get()) == bytes.substr(10));
  }
}

// A request that was given up still names the descriptor; its number must not go to another.
TEST_F(FileCloseTest, NumberIsNotReusedWhileAGivenUpReadNamesIt) {
  std::string path = new_file(testing::pattern(300000));
  Reader reader = *await(open(ring(), path, {.read_size = 4096}));
  {
    Started call(reader.fill_buf());
  }  // not even submitted
  ASSERT_TRUE(reader.seek(200000).ok());
  Started closing(reader.close());
  Ends others = new_pipe();
  write_all(others.write, "not yours");
  finish(closing);
  EXPECT_TRUE(closing.result().ok());
  turn();
  int waiting = 0;
  ASSERT_EQ(ioctl(others.read, FIONREAD, &waiting), 0);
  EXPECT_EQ(waiting, 9) << "an orphan read a stranger's pipe";
  close(others.read);
  close(others.write);
}

TEST_F(FileCloseTest, BorrowedFileMayBeClosedByItsOwnerAfterClose) {
  int fd = ::open(new_file(testing::pattern(300000)).c_str(), O_RDONLY | O_CLOEXEC);
  Reader reader = borrow_fd(ring(), fd, {.read_size = 4096});
  {
    Started call(reader.fill_buf());
  }
  ASSERT_TRUE(reader.seek(200000).ok());
  EXPECT_TRUE(await(reader.close()).ok());
  EXPECT_EQ(ring().stats().in_flight, 0U) << "close() promises that requests are done";
  EXPECT_TRUE(is_open(fd));
  close(fd);
}

TEST_F(FileCloseTest, MemoryHasNoDescriptorToRelease) {
  Reader reader = read_string("abcdef");
  reader.consume(2);
  absl::StatusOr<Released> released = await(reader.release());
  ASSERT_TRUE(released.ok());
  EXPECT_EQ(released->leftover, "cdef");
  EXPECT_EQ(released->pos, 2U);
  EXPECT_FALSE(released->fd);
}

}  // namespace
}  // namespace bufio
