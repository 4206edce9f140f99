#include "bufio/parse/slip.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "bufio/scan.h"

namespace bufio {
namespace {

constexpr char kEnd = '\xC0';
constexpr char kEscape = '\xDB';
constexpr char kEscapedEnd = '\xDC';
constexpr char kEscapedEscape = '\xDD';

ParseError too_long(size_t limit) {
  return ParseError(absl::ResourceExhaustedError(
      absl::StrCat("a packet exceeds the limit of ", limit, " bytes")));
}

}  // namespace

SlipParser::SlipParser(SlipOptions options) : max_size_(std::min(options.max_size, SIZE_MAX / 4)) {}

ParseResult<std::string_view> SlipParser::parse(std::string_view view, size_t examined,
                                                bool /*final*/) {
  if (view.empty()) return NeedMore();
  if (view[0] == kEnd) {
    const size_t packet = view.find_first_not_of(kEnd);
    return Skip(packet == std::string_view::npos ? view.size() : packet);
  }
  const size_t end = find_byte(view, kEnd, examined);
  if (std::min(end, view.size()) > 2 * max_size_) return too_long(max_size_);
  if (end == std::string_view::npos) return NeedMore(view.size());
  const std::string_view packet = view.substr(0, end);
  const size_t escape = find_byte(packet, kEscape);
  if (escape != std::string_view::npos) return unescape(packet, escape);
  if (packet.size() > max_size_) return too_long(max_size_);
  return {packet, end + 1};
}

ParseResult<std::string_view> SlipParser::unescape(std::string_view packet, size_t escape) {
  unescaped_.clear();
  size_t at = 0;
  while (escape != std::string_view::npos) {
    unescaped_.append(packet.substr(at, escape - at));
    const char code = escape + 1 < packet.size() ? packet[escape + 1] : kEnd;
    if (code != kEscapedEnd && code != kEscapedEscape) {
      return ParseError(absl::InvalidArgumentError("a byte is escaped that must not be"), escape);
    }
    unescaped_.push_back(code == kEscapedEnd ? kEnd : kEscape);
    at = escape + 2;
    escape = find_byte(packet, kEscape, at);
  }
  unescaped_.append(packet.substr(at));
  if (unescaped_.size() > max_size_) return too_long(max_size_);
  return {std::string_view(unescaped_), packet.size() + 1};
}

}  // namespace bufio
