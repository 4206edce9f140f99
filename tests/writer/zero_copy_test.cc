// Zero-copy sends: the bytes are held until the notification, and where zero copy cannot be or does
// not pay, ordinary sends take over.

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "bufio/writer.h"
#include "bufio/writer_descriptor.h"
#include "tests/reader_testing.h"
#include "tests/writer/writer_testing.h"
#include "uring/linux_kernel.h"
#include "uring/piece.h"
#include "uring/ring.h"
#include "uring/write_operation.h"

namespace bufio {
namespace {

using testing::new_tcp_pair;
using testing::pattern;
using testing::SocketEnds;

// Says of each zero-copy send that it was none, or that it was one; holds notifications back.
class NotifyingKernel final : public uring::LinuxKernel {
 public:
  explicit NotifyingKernel(bool copied) : copied_(copied) {}

  int enter(io_uring& ring, unsigned to_submit, unsigned min_complete, unsigned flags,
            const __kernel_timespec* timeout) override {
    unsigned seen = *ring.cq.ktail;
    int result = LinuxKernel::enter(ring, to_submit, min_complete, flags, timeout);
    for (; seen != io_uring_smp_load_acquire(ring.cq.ktail); ++seen) {
      io_uring_cqe& entry = ring.cq.cqes[seen & ring.cq.ring_mask];
      if ((entry.flags & IORING_CQE_F_NOTIF) == 0) continue;
      ++notifications;
      entry.res = copied_ ? INT32_MIN : 0;
    }
    return result;
  }
  int notifications = 0;

 private:
  bool copied_;
};

// Owns bytes, and counts those that are alive.
class Tracked {
 public:
  Tracked(std::string bytes, int& alive) : bytes_(std::move(bytes)), alive_(&alive) { ++*alive_; }
  Tracked(Tracked&& other) noexcept : bytes_(std::move(other.bytes_)), alive_(other.alive_) {
    ++*alive_;
  }
  Tracked& operator=(Tracked&&) = default;
  ~Tracked() { --*alive_; }
  const char* data() const { return bytes_.data(); }
  size_t size() const { return bytes_.size(); }

 private:
  std::string bytes_;
  int* alive_;
};

class ZeroCopyTest : public testing::RingTest {
 protected:
  void SetUp() override {
    if (!uring::WriteOperation::zero_copy_known(ring().core())) {
      GTEST_SKIP() << "this kernel has no zero-copy sends";
    }
  }
  static std::string read_peer(int peer, size_t size) {
    std::string seen(size, '\0');
    for (size_t got = 0; got < size;) {
      ssize_t step = recv(peer, seen.data() + got, size - got, 0);
      if (step <= 0) return "";
      got += static_cast<size_t>(step);
    }
    return seen;
  }
};

TEST_F(ZeroCopyTest, LargeOwnedPiecesAreSentWithoutACopyInOrder) {
  NotifyingKernel kernel(/*copied=*/false);
  absl::StatusOr<uring::Ring> mine =
      uring::Ring::create({.entries = 16, .completion_entries = 64, .kernel = &kernel});
  ASSERT_TRUE(mine.ok()) << mine.status();
  SocketEnds ends = new_tcp_pair();
  int alive = 0;
  Writer writer = adopt_fd_for_writing(*mine, ends.writer, {.zero_copy_above = 20000});
  std::string expected;
  for (int i = 0; i < 5; ++i) {
    std::string small = pattern(100);
    std::string large = pattern(30000);
    std::string medium = pattern(5000);
    EXPECT_EQ(uring::block_on(*mine, writer.write(small)), absl::OkStatus());
    EXPECT_EQ(uring::block_on(*mine, writer.write_owned(Tracked(large, alive))), absl::OkStatus());
    EXPECT_EQ(uring::block_on(*mine, writer.write_owned(Tracked(medium, alive))), absl::OkStatus());
    expected += small + large + medium;
  }
  EXPECT_EQ(uring::block_on(*mine, writer.flush()), absl::OkStatus());
  EXPECT_EQ(writer.stats().zero_copy_writes, 5U);
  EXPECT_EQ(writer.written(), expected.size());
  EXPECT_TRUE(read_peer(ends.peer, expected.size()) == expected);
  while (mine->stats().in_flight > 0) mine->core().turn();
  EXPECT_EQ(alive, 0);
  EXPECT_EQ(kernel.notifications, 5);
  EXPECT_EQ(uring::block_on(*mine, writer.close()), absl::OkStatus());
  close(ends.peer);
}

TEST_F(ZeroCopyTest, BytesAreHeldUntilTheNotification) {
  SocketEnds ends = new_tcp_pair();
  int alive = 0;
  std::string large = pattern(50000);
  {
    Writer writer = adopt_fd_for_writing(ring(), ends.writer);
    EXPECT_EQ(await(writer.write_owned(Tracked(large, alive))), absl::OkStatus());
    ring().core().submit();
    while (writer.unwritten() > 0) ring().core().turn();
    // What is in flight is the notification, if anything is.
    EXPECT_EQ(alive, static_cast<int>(ring().stats().in_flight));
    EXPECT_EQ(await(writer.close()), absl::OkStatus());
    EXPECT_FALSE(testing::is_open(ends.writer));
  }
  EXPECT_EQ(ring().stats().orphans, 0U);
  EXPECT_EQ(alive, static_cast<int>(ring().stats().in_flight));
  EXPECT_TRUE(read_peer(ends.peer, large.size()) == large);
  while (ring().stats().in_flight > 0) ring().core().turn();
  EXPECT_EQ(alive, 0);
  close(ends.peer);
}

TEST_F(ZeroCopyTest, ThatDoesNotPayWhereTheKernelCopiesAllTheSame) {
  NotifyingKernel kernel(/*copied=*/true);
  absl::StatusOr<uring::Ring> mine =
      uring::Ring::create({.entries = 16, .completion_entries = 64, .kernel = &kernel});
  ASSERT_TRUE(mine.ok()) << mine.status();
  SocketEnds ends = new_tcp_pair();
  Writer writer = adopt_fd_for_writing(*mine, ends.writer);
  for (int i = 0; i < 5; ++i) {
    std::string large = pattern(40000);
    EXPECT_EQ(uring::block_on(*mine, writer.write_owned(large)), absl::OkStatus());
    EXPECT_EQ(uring::block_on(*mine, writer.flush()), absl::OkStatus());
    EXPECT_TRUE(read_peer(ends.peer, large.size()) == large);
    while (mine->stats().in_flight > 0) mine->core().turn();
  }
  EXPECT_EQ(writer.stats().zero_copy_writes, 1U);
  close(ends.peer);
}

TEST_F(ZeroCopyTest, SocketsThatCannotDoItSendAllTheSame) {
  testing::Ends ends = testing::new_socket_pair();
  Writer writer = adopt_fd_for_writing(ring(), ends.write);
  std::string large = pattern(40000);
  EXPECT_EQ(await(writer.write_owned(large)), absl::OkStatus());
  EXPECT_EQ(await(writer.flush()), absl::OkStatus());
  EXPECT_TRUE(read_peer(ends.read, large.size()) == large);
  EXPECT_EQ(writer.status(), absl::OkStatus());
  close(ends.read);
}

TEST_F(ZeroCopyTest, APeerThatIsGoneIsAnErrorAndTheBytesAreFreed) {
  SocketEnds ends = new_tcp_pair();
  int alive = 0;
  Writer writer = adopt_fd_for_writing(ring(), ends.writer);
  linger at_once = {1, 0};
  setsockopt(ends.peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close(ends.peer);
  EXPECT_EQ(await(writer.write_owned(Tracked(pattern(40000), alive))), absl::OkStatus());
  EXPECT_FALSE(await(writer.flush()).ok());
  while (ring().stats().in_flight > 0) ring().core().turn();
  EXPECT_EQ(alive, 0);
}

TEST_F(ZeroCopyTest, TheRingMayGoWhileANotificationIsMissing) {
  SocketEnds ends = new_tcp_pair();
  int alive = 0;
  {
    absl::StatusOr<uring::Ring> mine =
        uring::Ring::create({.entries = 16, .completion_entries = 64});
    ASSERT_TRUE(mine.ok()) << mine.status();
    Writer writer = adopt_fd_for_writing(*mine, ends.writer);
    EXPECT_EQ(uring::block_on(*mine, writer.write_owned(Tracked(pattern(40000), alive))),
              absl::OkStatus());
    EXPECT_EQ(uring::block_on(*mine, writer.flush()), absl::OkStatus());
    close(ends.peer);
  }
  EXPECT_EQ(alive, 0);
}

}  // namespace
}  // namespace bufio
