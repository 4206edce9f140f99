// What owned calls and raw operations cost in steady state: no allocation, one request each.

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "tests/allocations.h"
#include "tests/ownership/owned_testing.h"
#include "uring/block_on.h"
#include "uring/frame_allocator.h"
#include "uring/raw_operation.h"
#include "uring/read_owned.h"
#include "uring/sized_array.h"
#include "uring/slice.h"
#include "uring/write_owned.h"

namespace uring {
namespace {

using bufio::testing::allocations;

constexpr size_t kWarmUp = 10;
constexpr size_t kCalls = 1000;

class OwnedCounting : public testing::OwnedTest {
 protected:
  void SetUp() override {
    if (!frames_are_recycled()) {
      GTEST_SKIP() << "under AddressSanitizer nothing is recycled, so that stale uses show";
    }
    OwnedTest::SetUp();
  }
  // `call(buffer)` makes one.
  template <class B, class Call>
  Task<> call_again_and_again(Call call, B buffer, uint64_t& allocated, size_t& failures) {
    uint64_t before = 0;
    for (size_t i = 0; i < kWarmUp + kCalls; ++i) {
      if (i == kWarmUp) before = allocations;
      auto [result, back] = co_await call(std::move(buffer));
      failures += result.ok() ? 0 : 1;
      buffer = std::move(back);
    }
    allocated = allocations - before;
  }
  template <class B, class Call>
  void expect_none(Call call, B buffer) {
    uint64_t allocated = 0;
    size_t failures = 0;
    sent();
    const uint64_t frames = frame_allocator_stats().fresh;
    block_on(ring(), call_again_and_again(call, std::move(buffer), allocated, failures));
    EXPECT_EQ(failures, 0u);
    EXPECT_EQ(allocated, 0u);
    EXPECT_EQ(sent(), kWarmUp + kCalls);
    EXPECT_LE(frame_allocator_stats().fresh - frames, kWarmUp);
  }
};

TEST_F(OwnedCounting, ReadsAllocateNothing) {
  const testing::TemporaryFile temporary(testing::pattern(4096));
  const File file = borrow(temporary.fd());
  const auto read = [&](auto buffer) { return read_owned(file, std::move(buffer), 0); };
  expect_none(read, std::string(4096, '\0'));
  expect_none(read, std::string());
  expect_none(read, SizedArray(4096));
  expect_none(read, slice(std::string(4096, '\0'), 100, 200));
}

TEST_F(OwnedCounting, WritesAllocateNothing) {
  const testing::TemporaryFile temporary("");
  const File file = borrow(temporary.fd());
  expect_none([&](auto buffer) { return write_owned(file, std::move(buffer), 0); },
              std::string(100, 'x'));
}

TEST_F(OwnedCounting, CancelledReadsAllocateNothingButTheirStatus) {
  const testing::Pipe silent;
  const File file = borrow(silent.reader());
  std::string buffer;
  uint64_t before = 0;
  for (size_t i = 0; i < kWarmUp + kCalls; ++i) {
    if (i == kWarmUp) before = allocations;
    testing::Waiting call(read_owned(file, std::move(buffer)));
    ring().core().submit();
    call.destroy();
    ASSERT_TRUE(finish_orphans());
  }
  EXPECT_EQ(allocations - before, 0u) << "destroyed ones not even that";
}

Task<uint64_t> raw_reads(Ring& ring, int fd) {
  char bytes[64];
  uint64_t before = 0;
  for (size_t i = 0; i < kWarmUp + kCalls; ++i) {
    if (i == kWarmUp) before = allocations;
    RawOperation read(ring);
    read.set_cancellation([&bytes] { bytes[0] = 0; });
    read.start(
        [&](io_uring_sqe& entry) { io_uring_prep_read(&entry, fd, bytes, sizeof bytes, 0); });
    co_await read;
  }
  co_return allocations - before;
}

TEST_F(OwnedCounting, RawOperationsWithSmallCancellationsAllocateNothing) {
  const testing::TemporaryFile file("contents");
  EXPECT_EQ(block_on(ring(), raw_reads(ring(), file.fd())), 0u);
}

}  // namespace
}  // namespace uring
