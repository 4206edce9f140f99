// tests/smoke/smoke_test.cc
//
// The build itself works: every outside library is found, links and runs, and io_uring is usable
// from where tests run.

#include <liburing.h>
#include <sys/resource.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace {

TEST(SmokeTest, AbseilAndGoogleMockLink) {
  const absl::StatusOr<std::string> value = absl::StrCat("a", 1);
  ASSERT_TRUE(value.ok());
  EXPECT_THAT(std::string(absl::Cord(*value)), testing::StartsWith("a"));
}

// Clang 19 and g++ 12 give this constructor different names unless told otherwise.
TEST(SmokeTest, ConstrainedTemplatesLink) {
  std::string text(100, 'x');
  const absl::Cord cord(std::move(text));
  EXPECT_EQ(cord.size(), 100u);
}

TEST(SmokeTest, IoUringCompletesANop) {
  io_uring ring;
  const int error = io_uring_queue_init(8, &ring, 0);
  if (error == -EPERM || error == -ENOSYS) {
    GTEST_SKIP() << "io_uring is blocked here: " << std::strerror(-error);
  }
  rlimit memlock{};
  ASSERT_EQ(getrlimit(RLIMIT_MEMLOCK, &memlock), 0);
  ASSERT_EQ(error, 0) << std::strerror(-error) << "; RLIMIT_MEMLOCK is " << memlock.rlim_cur;

  io_uring_sqe* sqe = io_uring_get_sqe(&ring);
  io_uring_prep_nop(sqe);
  io_uring_sqe_set_data64(sqe, 7);
  EXPECT_EQ(io_uring_submit_and_wait(&ring, 1), 1);
  io_uring_cqe* cqe = nullptr;
  ASSERT_EQ(io_uring_wait_cqe(&ring, &cqe), 0);
  EXPECT_EQ(io_uring_cqe_get_data64(cqe), 7u);
  EXPECT_EQ(cqe->res, 0);
  io_uring_cqe_seen(&ring, cqe);
  io_uring_queue_exit(&ring);
}

}  // namespace
