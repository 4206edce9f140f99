// Under AddressSanitizer leaks are looked for: that no test reports one would mean nothing
// otherwise.

#include <cstddef>
#include <cstdint>

#include "gtest/gtest.h"
#include "uring/sanitizer.h"

#ifdef URING_ADDRESS_SANITIZER
#include <sanitizer/lsan_interface.h>
#endif

namespace uring {
namespace {

// Kept in a disguise in which no leak checker knows it for a pointer.
struct Lost {
  uintptr_t address;
  [[gnu::noinline]] explicit Lost(size_t size)
      : address(~reinterpret_cast<uintptr_t>(new char[size])) {}
  ~Lost() { delete[] reinterpret_cast<char*>(~address); }
};

TEST(LeakCheck, FindsWhatNobodyPointsToAnyMore) {
#ifdef URING_ADDRESS_SANITIZER
  EXPECT_EQ(__lsan_do_recoverable_leak_check(), 0);
  const Lost lost(100);
  EXPECT_NE(__lsan_do_recoverable_leak_check(), 0) << "leak detection is off";
#else
  GTEST_SKIP() << "only AddressSanitizer looks for leaks";
#endif
}

}  // namespace
}  // namespace uring
