#include "bufio/testing/check_split_invariance.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace bufio::testing {
namespace {

constexpr size_t kMostShown = 100;

absl::Status different(std::string_view what, std::string_view expected, std::string_view actual) {
  return absl::InternalError(absl::StrCat(uring::as_absl(what), " is ", uring::as_absl(actual),
                                          " instead of ", uring::as_absl(expected)));
}

absl::Status compare_messages(const ParserRun& expected, const ParserRun& actual, bool places) {
  const size_t both = std::min(expected.messages.size(), actual.messages.size());
  for (size_t i = 0; i < both; ++i) {
    const ParserRun::Message& wanted = expected.messages[i];
    const ParserRun::Message& found = actual.messages[i];
    if (wanted.value != found.value) {
      return different(absl::StrCat("value ", i), internal::quoted(wanted.value),
                       internal::quoted(found.value));
    }
    if (places && wanted.end != found.end) {
      return different(absl::StrCat("the end of value ", i), absl::StrCat(wanted.end),
                       absl::StrCat(found.end));
    }
  }
  if (expected.messages.size() == actual.messages.size()) return absl::OkStatus();
  return different(
      "the number of values",
      absl::StrCat(expected.messages.size(), " (then ", expected.status.ToString(), ")"),
      absl::StrCat(actual.messages.size(), " (then ", actual.status.ToString(), ")"));
}

std::string joined(const ParserRun& run) {
  std::string all;
  for (const ParserRun::Message& message : run.messages) all += message.value;
  return all;
}

}  // namespace

namespace internal {

std::string quoted(std::string_view input) {
  std::string text =
      absl::StrCat("\"", absl::CHexEscape(uring::as_absl(input.substr(0, kMostShown))), "\"");
  if (input.size() > kMostShown) absl::StrAppend(&text, "... (", input.size(), " bytes)");
  return text;
}

}  // namespace internal

absl::Status compare_runs(const ParserRun& expected, const ParserRun& actual, bool concatenated,
                          bool compare_places) {
  if (actual.broken) return actual.status;
  if (concatenated) {
    const std::string wanted = joined(expected);
    const std::string found = joined(actual);
    if (wanted != found) {
      return different("all values together", internal::quoted(wanted), internal::quoted(found));
    }
  } else {
    absl::Status status = compare_messages(expected, actual, compare_places);
    if (!status.ok()) return status;
  }
  if (expected.status.code() != actual.status.code()) {
    return different("the outcome", expected.status.ToString(), actual.status.ToString());
  }
  if (compare_places && expected.offset != actual.offset) {
    return different("the offset of the error",
                     absl::StrCat(expected.offset, " (", expected.status.ToString(), ")"),
                     absl::StrCat(actual.offset, " (", actual.status.ToString(), ")"));
  }
  return absl::OkStatus();
}

}  // namespace bufio::testing
