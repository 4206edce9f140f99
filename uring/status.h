// uring/status.h
//
// Errors of the system as absl::Status, with the errno kept.

#ifndef URING_STATUS_H_
#define URING_STATUS_H_

#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace uring {

// For Abseil's functions: Debian's Abseil has a string_view of its own.
inline absl::string_view as_absl(std::string_view text) {
  return absl::string_view(text.data(), text.size());
}

// "OPERATION TARGET: No such file or directory", with the canonical code that fits `error` (a
// positive errno) and the errno itself kept for errno_of. `target` is a path or "fd 7".
absl::Status errno_status(int error, std::string_view operation, std::string_view target);

// The errno that a status was made from, or 0.
int errno_of(const absl::Status& status);

// The same code and payloads, with `context` in front of the message.
absl::Status annotate(const absl::Status& status, std::string_view context);

}  // namespace uring

#endif  // URING_STATUS_H_
