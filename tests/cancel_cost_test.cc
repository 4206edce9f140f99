// What it costs to abandon a call that waits and to make it again, counted: system calls, cancel
// requests, allocations, orphans.

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bufio/descriptor.h"
#include "bufio/reader.h"
#include "gtest/gtest.h"
#include "tests/allocations.h"
#include "tests/stream_rig.h"
#include "tests/watching_kernel.h"
#include "uring/frame_allocator.h"
#include "uring/ring.h"
#include "uring/task.h"
#include "uring/timeout.h"

namespace bufio {
namespace {

using testing::allocations;
using testing::Unobserved;
using uring::Task;
using uring::testing::WatchingKernel;

constexpr size_t kWarmUp = 10;
constexpr size_t kTimes = 1000;

enum class StreamKind { kPipe, kSocket };

class CancelCost : public ::testing::TestWithParam<StreamKind> {
 protected:
  void SetUp() override {
    uring::RingOptions options;
    options.kernel = &kernel_;
    absl::StatusOr<uring::Ring> ring = uring::Ring::create(options);
    ASSERT_TRUE(ring.ok()) << ring.status();
    ring_.emplace(*std::move(ring));
    std::array<int, 2> ends{};
    ASSERT_EQ(GetParam() == StreamKind::kPipe ? pipe(ends.data())
                                              : socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()),
              0);
    reader_.emplace(adopt_fd(*ring_, ends[0]));
    writer_ = ends[1];
  }
  void TearDown() override {
    if (writer_ >= 0) close(writer_);
  }

  Task<size_t> fill() {
    absl::StatusOr<std::string_view> view = co_await reader_->fill_buf();
    co_return view.ok() ? view->size() : 0;
  }
  // Gives up `times` times, and then waits for an hour at most.
  Task<size_t> fill_in_time(size_t times, size_t& timeouts) {
    for (;;) {
      const std::chrono::hours limit(timeouts == times ? 1 : 0);
      absl::StatusOr<std::string_view> view =
          co_await uring::with_timeout(*ring_, limit, reader_->fill_buf());
      if (view.ok()) co_return view->size();
      if (!absl::IsDeadlineExceeded(view.status())) co_return 0;
      ++timeouts;
    }
  }

  void note() {
    allocations_before_ = allocations;
    system_calls_before_ = kernel_.enters() + kernel_.registers();
  }
  void expect_no_cost() {
    if (uring::frames_are_recycled()) {
      EXPECT_EQ(allocations - allocations_before_, 0u);
    }
    EXPECT_EQ(kernel_.enters() + kernel_.registers() - system_calls_before_, 0u);
    const uring::RingStats stats = ring_->stats();
    EXPECT_EQ(stats.submitted, 1u) << "the first read is still the one that is waited for";
    EXPECT_EQ(stats.in_flight, 1u);
    EXPECT_EQ(stats.cancels, 0u);
    EXPECT_EQ(stats.buried, 0u);
  }
  // What `waiter` waits for comes, to it.
  void expect_to_be_served(Task<size_t>& waiter) {
    ASSERT_EQ(write(writer_, "bytes", 5), 5);
    while (!waiter.ended()) ring_->core().turn();
    EXPECT_EQ(waiter.result(), 5u);
    EXPECT_EQ(reader_->buffered(), "bytes");
    EXPECT_EQ(reader_->stats().reads, 1u);
  }

  Unobserved nobody_;
  WatchingKernel kernel_;
  std::optional<uring::Ring> ring_;
  std::optional<Reader> reader_;
  int writer_ = -1;
  uint64_t allocations_before_ = 0;
  uint64_t system_calls_before_ = 0;
};

TEST_P(CancelCost, DestroyingAWaitingFillAndMakingItAgainCostsNothing) {
  Task<size_t> waiter = fill();
  ASSERT_FALSE(waiter.start(nobody_));
  ring_->core().submit();  // the read is in flight
  for (size_t i = 0; i < kWarmUp + kTimes; ++i) {
    if (i == kWarmUp) note();
    waiter = fill();
    ASSERT_FALSE(waiter.start(nobody_));
    ring_->core().submit();
  }
  expect_no_cost();
  expect_to_be_served(waiter);
}

TEST_P(CancelCost, TimingOutAFillAndMakingItAgainCostsNothing) {
  size_t timeouts = 0;
  Task<size_t> waiter = fill_in_time(kWarmUp + kTimes, timeouts);
  ASSERT_FALSE(waiter.start(nobody_));
  while (timeouts < kWarmUp + kTimes) {
    if (timeouts == kWarmUp) note();
    ring_->core().turn();
  }
  expect_no_cost();
  expect_to_be_served(waiter);
}

// So that what is counted above could be seen: a Reader that is destroyed cancels its read.
TEST_P(CancelCost, DestroyingTheReaderCostsOneCancelRequestAndOneOrphan) {
  Task<size_t> waiter = fill();
  ASSERT_FALSE(waiter.start(nobody_));
  ring_->core().submit();
  waiter.reset();
  reader_.reset();
  EXPECT_EQ(ring_->stats().cancels, 1u);
  EXPECT_EQ(ring_->stats().orphans, 1u);
  while (ring_->stats().in_flight > 0) ring_->core().turn();
  EXPECT_EQ(ring_->stats().orphans, 0u);
  EXPECT_EQ(ring_->stats().max_orphans, 1u);
}

INSTANTIATE_TEST_SUITE_P(Streams, CancelCost,
                         ::testing::Values(StreamKind::kPipe, StreamKind::kSocket),
                         [](const ::testing::TestParamInfo<StreamKind>& kind) {
                           return kind.param == StreamKind::kPipe ? "Pipe" : "Socket";
                         });

}  // namespace
}  // namespace bufio
