// Opening what a stranger names: below a directory, or not at all.

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "tests/ring_fixture.h"
#include "tests/ring_testing.h"
#include "uring/block_on.h"
#include "uring/descriptor.h"
#include "uring/open.h"
#include "uring/ref.h"
#include "uring/status.h"
#include "uring/task.h"
#include "uring/timeout.h"

namespace uring {
namespace {

using testing::open_descriptors;

class OpenBeneathTest : public testing::RingTest {
 protected:
  void SetUp() override {
    before_ = open_descriptors();
    make_ring();
    std::string directory = ::testing::TempDir() + "/beneath.XXXXXX";
    ASSERT_NE(mkdtemp(directory.data()), nullptr);
    directory_ = directory;
    std::filesystem::create_directories(directory_ + "/root/sub");
    std::ofstream(directory_ + "/secret") << "secret";
    std::ofstream(directory_ + "/root/file") << "file";
    std::ofstream(directory_ + "/root/sub/deep") << "deep";
    link_to("file", "inside");
    link_to("sub/../file", "around");
    link_to("../secret", "out");
    link_to(directory_ + "/root/file", "absolute");
    link_to("..", "up");
    link_to("/proc/self/root", "magic");
    int fd = ::open((directory_ + "/root").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    ASSERT_GE(fd, 0) << errno;
    root_ = make_ref<Descriptor>(fd, Descriptor::Ownership::kOwned, "root");
  }
  void TearDown() override {
    root_.reset();
    testing::RingTest::TearDown();
    EXPECT_EQ(open_descriptors(), before_);
    std::filesystem::remove_all(directory_);
  }

  Ref<Descriptor>& root() { return root_; }
  absl::StatusOr<Ref<Descriptor>> open(std::string_view path) {
    return block_on(ring(), open_beneath(ring(), root_, path));
  }

 private:
  void link_to(const std::string& target, const std::string& name) const {
    ASSERT_EQ(symlink(target.c_str(), (directory_ + "/root/" + name).c_str()), 0) << errno;
  }

  int before_ = 0;
  std::string directory_;
  Ref<Descriptor> root_;
};

std::string contents(const Descriptor& descriptor) {
  char bytes[16];
  const ssize_t got = read(descriptor.fd(), bytes, sizeof bytes);
  return got < 0 ? "an error" : std::string(bytes, static_cast<size_t>(got));
}

TEST_F(OpenBeneathTest, OpensWhatIsBelow) {
  for (const auto& [path, expected] : std::vector<std::pair<std::string, std::string>>{
           {"file", "file"},
           {"./file", "file"},
           {"sub/deep", "deep"},
           {"sub/../file", "file"},
           {"inside", "file"},
           {"around", "file"},
       }) {
    absl::StatusOr<Ref<Descriptor>> opened = open(path);
    ASSERT_TRUE(opened.ok()) << path << ": " << opened.status();
    EXPECT_EQ(contents(**opened), expected) << path;
    EXPECT_NE(fcntl((*opened)->fd(), F_GETFD) & FD_CLOEXEC, 0);
  }
}

TEST_F(OpenBeneathTest, OpensNothingElse) {
  for (const auto& [path, error] : std::vector<std::pair<std::string, int>>{
           {"..", EXDEV},
           {"../secret", EXDEV},
           {"sub/../../secret", EXDEV},
           {"../root/file", EXDEV},
           {"/etc/passwd", EXDEV},
           {"out", EXDEV},
           {"absolute", EXDEV},
           {"up/secret", EXDEV},
           {"magic/etc/passwd", EXDEV},
           {"nothing", ENOENT},
           {"file/more", ENOTDIR},
           {"", ENOENT},
       }) {
    absl::StatusOr<Ref<Descriptor>> opened = open(path);
    EXPECT_EQ(errno_of(opened.status()), error) << path << ": " << opened.status();
  }
}

Task<void> open_into(Ring& ring, Ref<Descriptor> root, Ref<Descriptor>& into) {
  absl::StatusOr<Ref<Descriptor>> opened = co_await open_beneath(ring, std::move(root), "file");
  if (opened.ok()) into = *std::move(opened);
}

TEST_F(OpenBeneathTest, WhatNobodyWaitsForAnyMoreIsClosed) {
  Ref<Descriptor> opened;
  absl::Status late = block_on(
      ring(), with_timeout(ring(), std::chrono::seconds(0), open_into(ring(), root(), opened)));
  EXPECT_TRUE(late.ok() || absl::IsDeadlineExceeded(late)) << late;
  EXPECT_TRUE(testing::turn_until(ring(), [this] { return ring().orphans().empty(); }));
  // TearDown counts the descriptors.
}

}  // namespace
}  // namespace uring
