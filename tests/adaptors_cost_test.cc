// What adaptors cost: a call that is satisfied, what it costs without them; bytes are not copied;
// steady state allocates nothing.

#include <unistd.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "bufio/descriptor.h"
#include "bufio/memory.h"
#include "bufio/reader.h"
#include "bufio/take.h"
#include "bufio/tee.h"
#include "bufio/until.h"
#include "gtest/gtest.h"
#include "tests/allocations.h"
#include "tests/stream_rig.h"
#include "tests/watching_kernel.h"
#include "uring/block_on.h"
#include "uring/frame_allocator.h"
#include "uring/ring.h"
#include "uring/task.h"

namespace bufio {
namespace {

using testing::allocations;
using uring::Task;

class AdaptorCost : public ::testing::Test {
 protected:
  static constexpr size_t kWarmUp = 100;
  static constexpr size_t kFills = 2000;

  void SetUp() override {
    uring::RingOptions options;
    options.kernel = &kernel_;
    absl::StatusOr<uring::Ring> ring = uring::Ring::create(options);
    ASSERT_TRUE(ring.ok()) << ring.status();
    ring_ = std::make_unique<uring::Ring>(*std::move(ring));
  }
  static Reader through_three(Reader reader) {
    return take(until(tee(std::move(reader), [](std::string_view) {}), "no such delimiter"),
                UINT64_MAX);
  }

  // Returns how often all was well: 1001 times.
  Task<size_t> step_through(Reader& reader, const char* bytes) {
    size_t good = 0;
    absl::StatusOr<std::string_view> first = co_await reader.fill_buf();
    good += first.ok() && first->data() == bytes ? 1 : 0;
    const uint64_t allocated = allocations;
    const uint64_t entered = kernel_.enters();
    for (size_t i = 0; i < 1000; ++i) {
      absl::StatusOr<std::string_view> view = co_await reader.fill_buf();
      good += view.ok() && view->data() == bytes + i ? 1 : 0;
      reader.consume(1);
    }
    EXPECT_EQ(allocations, allocated);
    EXPECT_EQ(kernel_.enters(), entered);
    co_return good;
  }

  // Each fill finds an empty window, after the writer, if any, wrote a piece. Returns how often all
  // was well.
  static Task<size_t> fill_again_and_again(Reader& reader, int writer) {
    const std::string piece(512, 'y');
    size_t good = 0;
    uint64_t allocated = 0;
    for (size_t i = 0; i < kWarmUp + kFills; ++i) {
      if (i == kWarmUp) allocated = allocations;
      if (writer >= 0 && write(writer, piece.data(), piece.size()) != 512) break;
      absl::StatusOr<std::string_view> view = co_await reader.fill_buf();
      good += view.ok() && view->size() == 512 ? 1 : 0;
      if (view.ok()) reader.consume(view->size());
    }
    EXPECT_EQ(allocations, allocated);
    co_return good;
  }

  uring::testing::WatchingKernel kernel_;
  std::unique_ptr<uring::Ring> ring_;
};

TEST_F(AdaptorCost, ASatisfiedCallThroughThreeCostsNothingAndFindsTheBytesWhereTheyWere) {
  const std::string kept(4000, 'x');
  Reader reader = through_three(read_view(kept));
  EXPECT_EQ(uring::block_on(*ring_, step_through(reader, kept.data())), 1001u);
}

TEST_F(AdaptorCost, ReadingThroughThreeCopiesAndAllocatesNothing) {
  if (!uring::frames_are_recycled()) GTEST_SKIP() << "under AddressSanitizer nothing is recycled";
  for (bool file : {false, true}) {
    int ends[2] = {-1, -1};
    if (file) {
      ends[0] = testing::file_with(std::string((kWarmUp + kFills + 1) * 512, 'y'));
    } else {
      ASSERT_EQ(pipe(ends), 0);
    }
    Reader reader = through_three(
        adopt_fd(*ring_, ends[0], {.read_size = 512, .max_read_ahead = 0, .pipe_size = 0}));
    size_t good = uring::block_on(*ring_, fill_again_and_again(reader, ends[1]));
    EXPECT_EQ(good, kWarmUp + kFills);
    EXPECT_EQ(reader.stats().copied_bytes, 0u);
    EXPECT_GE(reader.stats().reads, kFills);
    if (!file) close(ends[1]);
  }
}

}  // namespace
}  // namespace bufio
