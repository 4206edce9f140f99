#include "uring/timeout.h"

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace uring::internal {

absl::Status timed_out_after(Clock::duration limit) {
  return absl::DeadlineExceededError(
      absl::StrCat("timed out after ", absl::FormatDuration(absl::FromChrono(limit))));
}

}  // namespace uring::internal
