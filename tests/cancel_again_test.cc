// Cancels that do not take: the kernel did not find the request, or not at a moment at which it can
// be cancelled, and the request is still there.

#include <liburing.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/ring_testing.h"
#include "uring/linux_kernel.h"
#include "uring/ring.h"
#include "uring/time.h"

namespace uring::testing {
namespace {

using std::chrono::milliseconds;

// The real kernel, but the first cancels miss: each names a request that does not exist. Its clock
// is moved by waits that have a limit and by nothing else, and notes when cancels come.
class DeafKernel final : public LinuxKernel {
 public:
  explicit DeafKernel(int misses) : misses_(misses) {}

  int enter(io_uring& ring, unsigned to_submit, unsigned min_complete, unsigned flags,
            const __kernel_timespec* timeout) override {
    unsigned first = *ring.sq.khead;
    for (unsigned at = first; at != first + to_submit; ++at) {
      io_uring_sqe& entry = ring.sq.sqes[at & ring.sq.ring_mask];
      if (entry.opcode != IORING_OP_ASYNC_CANCEL) continue;
      cancelled_at_.push_back(now_);
      if (misses_ > 0) entry.addr = ~entry.addr;
      --misses_;
    }
    const bool waits = min_complete > 0 && timeout != nullptr;
    const auto limit =
        waits ? std::chrono::seconds(timeout->tv_sec) + std::chrono::nanoseconds(timeout->tv_nsec)
              : std::chrono::nanoseconds(0);
    const __kernel_timespec none = {};
    int result = LinuxKernel::enter(ring, to_submit, min_complete, flags, waits ? &none : timeout);
    if (waits && io_uring_cq_ready(&ring) == 0) now_ += limit;
    return result;
  }
  TimePoint now() const override { return now_; }

  // The time between each cancel and the one before.
  std::vector<milliseconds> delays() const {
    std::vector<milliseconds> delays;
    for (size_t i = 1; i < cancelled_at_.size(); ++i) {
      delays.push_back(
          std::chrono::duration_cast<milliseconds>(cancelled_at_[i] - cancelled_at_[i - 1]));
    }
    return delays;
  }

 private:
  int misses_;
  TimePoint now_ = TimePoint(std::chrono::hours(1));
  std::vector<TimePoint> cancelled_at_;
};

std::optional<Ring> ring_over(DeafKernel& kernel) {
  RingOptions options = modest_options();
  options.kernel = &kernel;
  absl::StatusOr<Ring> ring = Ring::create(std::move(options));
  EXPECT_TRUE(ring.ok()) << ring.status();
  return ring.ok() ? std::optional<Ring>(*std::move(ring)) : std::nullopt;
}

TEST(CancelAgain, ARequestThatOutlivesItsCancelIsCancelledUntilItEndsAndEverMoreRarely) {
  DeafKernel kernel(5);
  auto ring = ring_over(kernel);
  ASSERT_TRUE(ring);
  const Pipe pipe;
  auto request = make_ref<Request>(*ring);
  request->read(pipe.reader()).start();
  ring->core().submit();
  request->cancel();
  EXPECT_TRUE(turn_until(*ring, [&] { return request->completions() == 1; }));
  EXPECT_EQ(request->result(), -ECANCELED);
  using ms = milliseconds;
  EXPECT_EQ(kernel.delays(), (std::vector<ms>{ms(1), ms(2), ms(4), ms(8), ms(16)}));
  EXPECT_EQ(ring->stats().in_flight, 0u);
}

TEST(CancelAgain, ARequestThatEndsByItselfIsNotCancelledAgain) {
  DeafKernel kernel(5);
  auto ring = ring_over(kernel);
  ASSERT_TRUE(ring);
  const Pipe pipe;
  auto request = make_ref<Request>(*ring);
  request->read(pipe.reader()).start();
  ring->core().submit();
  request->cancel();
  ring->core().submit();
  ASSERT_TRUE(pipe.write("late"));
  EXPECT_TRUE(turn_until(*ring, [&] { return request->completions() == 1; }));
  EXPECT_EQ(request->text(), "late");
  const uint64_t cancels = ring->stats().cancels;
  // Its successor in the same slot is nobody's target.
  request->read(pipe.reader()).start();
  ring->core().submit();
  ASSERT_TRUE(pipe.write("next"));
  EXPECT_TRUE(turn_until(*ring, [&] { return request->completions() == 2; }));
  EXPECT_EQ(request->text(), "next");
  EXPECT_EQ(ring->stats().cancels, cancels);
}

TEST(CancelAgain, ARingThatIsDestroyedCancelsAgainWhileItDrains) {
  DeafKernel kernel(3);
  auto ring = ring_over(kernel);
  ASSERT_TRUE(ring);
  const Pipe pipe;
  auto request = make_ref<Request>(*ring);
  request->read(pipe.reader()).start();
  ring->core().submit();
  ring.reset();
  EXPECT_EQ(request->completions(), 1);
  EXPECT_EQ(request->result(), -ECANCELED);
  EXPECT_EQ(kernel.delays().size(), 3u);
}

}  // namespace
}  // namespace uring::testing
