// uring/check.h
//
// Checked failures: misuse ends the process with a message, in every build.
//
// A promise that is only kept in debug builds is no promise, so these are never compiled out. The
// message is built only when the check fails; a passing check costs one predictable branch.

#ifndef URING_CHECK_H_
#define URING_CHECK_H_

#include <string_view>

namespace uring::internal {

// Prints "FILE:LINE: check failed: CONDITION: MESSAGE" to stderr and aborts.
[[noreturn]] void check_failed(const char* file, int line, const char* condition,
                               std::string_view message);

}  // namespace uring::internal

// Aborts with `message` (anything convertible to std::string_view; evaluated only on failure)
// unless `condition`.
#define URING_CHECK(condition, message)              \
  (__builtin_expect(static_cast<bool>(condition), 1) \
       ? static_cast<void>(0)                        \
       : ::uring::internal::check_failed(__FILE__, __LINE__, #condition, message))

#endif  // URING_CHECK_H_
