#include "uring/file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "tests/ownership/owned_testing.h"
#include "uring/block_on.h"
#include "uring/open.h"
#include "uring/owned_fd.h"
#include "uring/status.h"

namespace uring {
namespace {

using testing::open_descriptors;
using testing::Pipe;
using testing::TemporaryFile;

using FileTest = testing::OwnedTest;

bool is_open(int fd) { return fcntl(fd, F_GETFD) != -1; }

TEST_F(FileTest, OpensAndClosesWithTheLastCopy) {
  const TemporaryFile temporary("contents");
  const int before = open_descriptors();
  absl::StatusOr<File> file = block_on(ring(), File::open(ring(), temporary.path()));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->name(), temporary.path());
  EXPECT_FALSE(file->is_socket());
  EXPECT_NE(fcntl(file->fd(), F_GETFD) & FD_CLOEXEC, 0);
  {
    const File copy = *file;
    file = absl::CancelledError();
    EXPECT_TRUE(is_open(copy.fd()));
  }
  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(FileTest, CreatesWithTheModeThatItIsTold) {
  const TemporaryFile temporary("");
  const std::string path = temporary.path() + ".new";
  absl::StatusOr<File> file =
      block_on(ring(), File::open(ring(), path, O_WRONLY | O_CREAT | O_EXCL, 0600));
  ASSERT_TRUE(file.ok()) << file.status();
  struct stat status;
  ASSERT_EQ(fstat(file->fd(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777u, 0600u);
  unlink(path.c_str());
}

TEST_F(FileTest, WhatCannotBeOpenedIsSaidWithPathAndErrno) {
  absl::StatusOr<File> file = block_on(ring(), File::open(ring(), "/no/such/file"));
  EXPECT_EQ(file.status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(errno_of(file.status()), ENOENT);
  EXPECT_NE(file.status().message().find("/no/such/file"), std::string::npos);
}

TEST_F(FileTest, BorrowedIsNotClosed) {
  const Pipe pipe;
  { const File file = File::borrow(ring(), pipe.reader(), "the pipe"); }
  EXPECT_TRUE(is_open(pipe.reader()));
  EXPECT_EQ(File::borrow(ring(), pipe.reader(), "the pipe").name(), "the pipe");
  EXPECT_EQ(File::borrow(ring(), pipe.reader()).name(), "fd " + std::to_string(pipe.reader()));
}

TEST_F(FileTest, AdoptedIsClosedUnlessItWasBorrowed) {
  Pipe pipe;
  const int fd = pipe.reader();
  { const File file = File::adopt(ring(), OwnedFd(pipe.borrow_reader())); }
  EXPECT_TRUE(is_open(fd));
  {
    const File file = File::adopt(ring(), OwnedFd(pipe.take_reader("a name")));
    EXPECT_EQ(file.name(), "a name");
    EXPECT_EQ(file.fd(), fd);
  }
  EXPECT_FALSE(is_open(fd));
}

TEST_F(FileTest, KnowsSockets) {
  testing::SocketPair sockets;
  EXPECT_TRUE(File(ring(), sockets.take(0)).is_socket());
  const Pipe pipe;
  EXPECT_FALSE(borrow(pipe.reader()).is_socket());
  EXPECT_FALSE(borrow(9999).is_socket());
}

TEST_F(FileTest, OutlivesItsRing) {
  Pipe pipe;
  const int fd = pipe.reader();
  const File file(ring(), pipe.take_reader());
  destroy_ring();
  EXPECT_EQ(file.fd(), fd);
  EXPECT_TRUE(is_open(fd));
}

TEST(FileOffsetTest, GoesOnFromTheStartButNotFromTheCurrentPosition) {
  static_assert(FileOffset(10).plus(5).value() == 15);
  static_assert(!FileOffset(10).is_current());
  static_assert(kCurrentPosition.plus(5).is_current());
}

using FileDeathTest = FileTest;

TEST_F(FileDeathTest, OfNoDescriptorFails) {
  EXPECT_DEATH(File::adopt(ring(), OwnedFd()), "a File was made of no descriptor");
}

}  // namespace
}  // namespace uring
