// What a connection costs that says nothing.

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bufio/hand_over.h"
#include "bufio/stream.h"
#include "gtest/gtest.h"
#include "tests/allocations.h"
#include "tests/reader_testing.h"
#include "uring/block_on.h"
#include "uring/buffer_pool.h"
#include "uring/descriptor.h"
#include "uring/frame_allocator.h"
#include "uring/ref.h"
#include "uring/ring.h"
#include "uring/socket.h"
#include "uring/task.h"

namespace bufio {
namespace {

// glibc puts a word in front of each block.
constexpr uint64_t kWord = 8;

uring::Task<absl::Status> echo_once(Stream& stream) {
  absl::StatusOr<std::string_view> view = co_await stream.reader.fill_buf();
  if (!view.ok()) co_return view.status();
  absl::Status status = co_await hand_over(stream.reader, view->size(), stream.writer);
  if (!status.ok()) co_return status;
  co_return co_await stream.writer.flush();
}

class IdleCost : public ::testing::Test {
 protected:
  void TearDown() override {
    streams_.clear();
    for (const int peer : peers_) close(peer);
  }

  // One that has talked once, and listens.
  void add_stream() {
    std::array<int, 2> ends;
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0) << errno;
    peers_.push_back(ends[1]);
    const uring::Socket socket(uring::Ref<uring::RingCore>(&ring_.core()),
                               uring::make_ref<uring::Descriptor>(ends[0]));
    streams_.push_back(open_stream(socket));
    ASSERT_EQ(write(ends[1], "hello", 5), 5);
    const absl::Status status = uring::block_on(ring_, echo_once(streams_.back()));
    ASSERT_EQ(status, absl::OkStatus());
    // What it has consumed is given back when it asks for more.
    const testing::Started call(streams_.back().reader.fill_buf());
    ASSERT_FALSE(call.ended());
  }
  static uint64_t live() { return testing::live_bytes + kWord * testing::live_blocks; }

  uring::Ring ring_ = *uring::Ring::create();
  std::vector<Stream> streams_;
  std::vector<int> peers_;
};

TEST_F(IdleCost, IsAKilobyteAndNoBuffer) {
  if (!uring::frames_are_recycled()) GTEST_SKIP() << "this build pads its memory";
  constexpr size_t kFirst = 50;  // with them comes what all share
  constexpr size_t kMore = 200;
  streams_.reserve(kFirst + kMore);
  peers_.reserve(kFirst + kMore);
  while (streams_.size() < kFirst) add_stream();
  const uint64_t before = live();
  while (streams_.size() < kFirst + kMore) add_stream();
  EXPECT_LE((live() - before) / kMore, 1024U);
  EXPECT_EQ(uring::receive_pool(ring_).stats().lent, 0U);
}

}  // namespace
}  // namespace bufio
