#include "examples/http_range.h"

#include <algorithm>
#include <charconv>

#include "absl/strings/match.h"
#include "absl/time/time.h"
#include "uring/status.h"

namespace http {
namespace {

std::optional<uint64_t> number(std::string_view digits) {
  uint64_t value = 0;
  const char* end = digits.data() + digits.size();
  std::from_chars_result read = std::from_chars(digits.data(), end, value);
  if (read.ec == std::errc::result_out_of_range && read.ptr == end) return UINT64_MAX;
  if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
  return value;
}

// Whether an If-None-Match names the tag; weakly, as it says.
bool names(std::string_view list, std::string_view etag) {
  // A tag holds no quotes, so what is found with its own is one.
  return list == "*" || list.find(etag) != std::string_view::npos;
}

bool not_modified(const bufio::HttpRequest& head, const Validators& file) {
  if (std::optional<std::string_view> tags = head.field("If-None-Match"); tags.has_value())
    return names(*tags, file.etag);
  std::optional<std::string_view> since = head.field("If-Modified-Since");
  if (!since.has_value()) return false;
  std::optional<time_t> time = parse_http_date(*since);
  return time.has_value() && file.modified <= *time;
}

// A range of an older state of the file would be of no use.
bool range_applies(const bufio::HttpRequest& head, const Validators& file) {
  std::optional<std::string_view> only_if = head.field("If-Range");
  if (!only_if.has_value()) return true;
  if (only_if->starts_with('"')) return *only_if == file.etag;
  std::optional<time_t> time = parse_http_date(*only_if);
  return time.has_value() && file.modified == *time;
}

std::optional<Part> parse_range(std::string_view range, uint64_t size) {
  constexpr std::string_view kUnit = "bytes=";
  if (!absl::StartsWithIgnoreCase(uring::as_absl(range), uring::as_absl(kUnit))) return {};
  range.remove_prefix(kUnit.size());
  size_t dash = range.find('-');
  if (dash == std::string_view::npos) return {};
  std::string_view from = range.substr(0, dash);
  std::string_view to = range.substr(dash + 1);
  std::optional<uint64_t> last = number(to);
  if (from.empty()) {  // the last bytes
    if (!last.has_value()) return {};
    uint64_t count = std::min(*last, size);
    return count == 0 ? Part{416, 0, 0} : Part{206, size - count, count};
  }
  std::optional<uint64_t> first = number(from);
  if (!first.has_value()) return {};
  if (to.empty()) last = UINT64_MAX;
  if (!last.has_value() || *last < *first) return {};
  if (*first >= size) return Part{416, 0, 0};
  return Part{206, *first, std::min(*last, size - 1) - *first + 1};
}

constexpr const char* kDateForms[] = {
    "%a, %d %b %Y %H:%M:%S GMT",  // the one that is sent
    "%A, %d-%b-%y %H:%M:%S GMT",
    "%a %b %e %H:%M:%S %Y",
};

}  // namespace

Part part_of(const bufio::HttpRequest& head, uint64_t size, const Validators& file) {
  if (not_modified(head, file)) return {304, 0, 0};
  std::optional<std::string_view> range = head.field("Range");
  if (range.has_value() && head.method == "GET" && range_applies(head, file)) {
    if (std::optional<Part> part = parse_range(*range, size); part.has_value()) return *part;
  }
  return {200, 0, size};
}

std::string http_date(time_t time) {
  return absl::FormatTime(kDateForms[0], absl::FromTimeT(time), absl::UTCTimeZone());
}

std::optional<time_t> parse_http_date(std::string_view text) {
  for (const char* form : kDateForms) {
    absl::Time time;
    std::string error;
    if (absl::ParseTime(form, uring::as_absl(text), absl::UTCTimeZone(), &time, &error))
      return absl::ToTimeT(time);
  }
  return std::nullopt;
}

}  // namespace http
