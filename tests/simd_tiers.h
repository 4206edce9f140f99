// tests/simd_tiers.h
//
// For tests of vectorised code: run once per instruction set, on bytes that end where the memory
// ends.

#ifndef TESTS_SIMD_TIERS_H_
#define TESTS_SIMD_TIERS_H_

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <random>
#include <string>
#include <string_view>

#include "bufio/scan_kernels.h"

namespace bufio {

// Each test runs on each tier; one that the machine lacks is skipped.
class EveryTier : public testing::TestWithParam<internal::SimdTier> {
 protected:
  void SetUp() override {
    before_ = internal::scan_kernels().tier;
    if (!internal::set_simd_tier_for_test(GetParam())) GTEST_SKIP() << "not on this machine";
  }
  void TearDown() override { internal::set_simd_tier_for_test(before_); }

 private:
  internal::SimdTier before_{};
};

inline auto all_tiers() {
  using enum internal::SimdTier;
  return testing::Values(kPortable, kSse2, kAvx2, kAvx512, kNeon);
}

inline std::string tier_name(const testing::TestParamInfo<internal::SimdTier>& info) {
  constexpr const char* kNames[] = {"Portable", "Sse2", "Avx2", "Avx512", "Neon"};
  return kNames[static_cast<int>(info.param)];
}

// BUFIO_TEST_SEED, or a new one; printed, so that a failure can be repeated.
inline uint32_t test_seed() {
  const char* given = std::getenv("BUFIO_TEST_SEED");
  const uint32_t seed = given != nullptr ? static_cast<uint32_t>(std::strtoul(given, nullptr, 10))
                                         : static_cast<uint32_t>(std::random_device{}());
  std::cout << "BUFIO_TEST_SEED=" << seed << "\n";
  return seed;
}

// Pages with an inaccessible one on either side: a read outside them is a fault, with or without a
// sanitizer.
class GuardedPages {
 public:
  explicit GuardedPages(size_t pages = 1)
      : page_(static_cast<size_t>(sysconf(_SC_PAGESIZE))), size_(pages * page_) {
    void* all = mmap(nullptr, size_ + 2 * page_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED) std::abort();
    data_ = static_cast<char*>(all) + page_;
    protect(data_, size_, PROT_READ | PROT_WRITE);
  }
  GuardedPages(const GuardedPages&) = delete;
  GuardedPages& operator=(const GuardedPages&) = delete;
  ~GuardedPages() { munmap(data_ - page_, size_ + 2 * page_); }

  size_t page() const { return page_; }
  char* data() const { return data_; }
  size_t size() const { return size_; }

  // A copy of `bytes` that begins (ends) where the memory begins (ends).
  std::string_view at_start(std::string_view bytes) const { return copy_to(data_, bytes); }
  std::string_view at_end(std::string_view bytes) const {
    return copy_to(data_ + size_ - bytes.size(), bytes);
  }

  // Makes the first `pages` pages inaccessible.
  void forbid_first(size_t pages) const { protect(data_, pages * page_, PROT_NONE); }

 private:
  static void protect(char* at, size_t size, int protection) {
    if (mprotect(at, size, protection) != 0) std::abort();
  }
  static std::string_view copy_to(char* at, std::string_view bytes) {
    if (!bytes.empty()) std::memcpy(at, bytes.data(), bytes.size());
    return {at, bytes.size()};
  }

  size_t page_;
  size_t size_;
  char* data_;
};

}  // namespace bufio

#endif  // TESTS_SIMD_TIERS_H_
