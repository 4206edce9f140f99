// tests/ring_fixture.h
//
// A test fixture with a Ring over a FaultKernel, which looks in the end whether all is well.

#ifndef TESTS_RING_FIXTURE_H_
#define TESTS_RING_FIXTURE_H_

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/fault_kernel.h"
#include "tests/ring_testing.h"
#include "uring/ring.h"

namespace uring::testing {

// A Ring over a FaultKernel. Nothing may wait for ever, fault, or be in flight uncounted.
class RingTest : public ::testing::Test {
 protected:
  void make_ring(RingOptions options = modest_options()) {
    options.kernel = &kernel_;
    if (!options.on_leak) {
      options.on_leak = [this](std::string_view report) { leaks_ += report; };
    }
    absl::StatusOr<Ring> made = Ring::create(std::move(options));
    ASSERT_TRUE(made.ok()) << made.status();
    ring_.emplace(*std::move(made));
  }
  // Of few requests in flight, too.
  void make_small_ring(unsigned entries, unsigned completion_entries) {
    RingOptions options;
    options.entries = entries;
    options.completion_entries = completion_entries;
    options.max_in_flight = completion_entries / 2;
    make_ring(std::move(options));
  }
  Ring& ring() { return *ring_; }
  FaultKernel& kernel() { return kernel_; }
  const std::string& leaks() const { return leaks_; }
  void expect_faults(uint64_t count) { expected_faults_ = count; }
  void destroy_ring() { ring_.reset(); }
  Ref<Request> request(std::string name = "request") {
    return make_ref<Request>(ring(), std::move(name));
  }
  std::vector<Ref<Request>> requests(size_t count) {
    std::vector<Ref<Request>> made;
    for (size_t i = 0; i < count; ++i) made.push_back(request());
    return made;
  }

  void TearDown() override {
    ring_.reset();
    EXPECT_EQ(kernel_.counts().faults, expected_faults_);
    EXPECT_EQ(kernel_.counts().overlong_waits, 0u);
    EXPECT_EQ(kernel_.counts().set_ups, kernel_.counts().tear_downs);
  }

 private:
  FaultKernel kernel_;
  uint64_t expected_faults_ = 0;
  std::string leaks_;
  std::optional<Ring> ring_;
};

inline bool each_completed_once(const std::vector<Ref<Request>>& requests) {
  return std::all_of(requests.begin(), requests.end(),
                     [](const Ref<Request>& one) { return one->completions() == 1; });
}

inline bool any_in_flight(const Ring& ring) { return ring.stats().in_flight > 0; }

}  // namespace uring::testing

#endif  // TESTS_RING_FIXTURE_H_
