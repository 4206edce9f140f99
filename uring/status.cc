#include "uring/status.h"

#include <string>
#include <system_error>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace uring {
namespace {

constexpr char kErrnoPayload[] = "uring-bufio/errno";

}  // namespace

absl::Status errno_status(int error, std::string_view operation, std::string_view target) {
  std::string message = absl::StrCat(as_absl(operation), " ", as_absl(target), ": ",
                                     std::generic_category().message(error));
  absl::Status status(absl::ErrnoToStatusCode(error), message);
  status.SetPayload(kErrnoPayload, absl::Cord(absl::string_view(absl::StrCat(error))));
  return status;
}

int errno_of(const absl::Status& status) {
  auto payload = status.GetPayload(kErrnoPayload);
  int error = 0;
  if (!payload.has_value() || !absl::SimpleAtoi(std::string(*payload), &error)) return 0;
  return error;
}

absl::Status annotate(const absl::Status& status, std::string_view context) {
  if (status.ok()) return status;
  absl::Status annotated(status.code(), absl::StrCat(as_absl(context), ": ", status.message()));
  status.ForEachPayload([&annotated](absl::string_view url, const absl::Cord& payload) {
    annotated.SetPayload(url, payload);
  });
  return annotated;
}

}  // namespace uring
