// tests/structured/virtual_time.h
//
// A test fixture with a Ring over a simulated kernel that does the plainest thing: waiting takes no
// time but the clock's, and how much it took is exact.

#ifndef TESTS_STRUCTURED_VIRTUAL_TIME_H_
#define TESTS_STRUCTURED_VIRTUAL_TIME_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "uring/ring.h"
#include "uring/testing/choices.h"
#include "uring/testing/sim_kernel.h"
#include "uring/time.h"

namespace uring::testing {

class VirtualTimeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    RingOptions options;
    options.kernel = &kernel_;
    absl::StatusOr<Ring> made = Ring::create(std::move(options));
    ASSERT_TRUE(made.ok()) << made.status();
    ring_.emplace(*std::move(made));
    started_ = ring_->now();
  }
  void TearDown() override {
    ring_.reset();
    EXPECT_EQ(kernel_.violations(), std::vector<std::string>{});
  }

  Ring& ring() { return *ring_; }
  SimKernel& kernel() { return kernel_; }
  size_t timers() { return ring().core().timers().size(); }
  TimePoint started() const { return started_; }
  std::chrono::nanoseconds passed() { return ring().now() - started_; }

 private:
  ByteChoices choices_{std::span<const uint8_t>()};
  SimKernel kernel_{choices_};
  std::optional<Ring> ring_;
  TimePoint started_;
};

}  // namespace uring::testing

#endif  // TESTS_STRUCTURED_VIRTUAL_TIME_H_
