#include "uring/timeout.h"

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace uring::internal {
namespace {

// A loop gives the same limit again and again. Copies of a status share its text, so only the first
// time of a limit costs allocations.
struct LastTimeout {
  ~LastTimeout() { gone = true; }

  Clock::duration limit{};
  absl::Status status;
  // Other objects of the thread may time out while they are destroyed, after this one was.
  static thread_local bool gone;
};
thread_local bool LastTimeout::gone = false;

absl::Status make_status(Clock::duration limit) {
  return absl::DeadlineExceededError(
      absl::StrCat("timed out after ", absl::FormatDuration(absl::FromChrono(limit))));
}

absl::Status timed_out_after(Clock::duration limit) {
  if (LastTimeout::gone) return make_status(limit);
  static thread_local LastTimeout last;
  if (last.status.ok() || last.limit != limit) {
    last.limit = limit;
    last.status = make_status(limit);
  }
  return last.status;
}

}  // namespace

absl::Status TimeLimit::exceeded() const {
  if (deadline_.has_value()) return absl::DeadlineExceededError("the deadline has passed");
  return timed_out_after(length_);
}

}  // namespace uring::internal
