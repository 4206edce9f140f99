#include "bufio/parse/line_parser.h"

#include <algorithm>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "bufio/scan.h"

namespace bufio {
namespace {

constexpr size_t kLongestTerminator = 2;
constexpr size_t kDefaultMaxLength = (size_t{1} << 20) - kLongestTerminator;

}  // namespace

LineParser::LineParser(LineOptions options) : options_(options) {
  options_.max_length = options.max_length == 0
                            ? kDefaultMaxLength
                            : std::min(options.max_length, SIZE_MAX - kLongestTerminator);
}

ParseResult<std::string_view> LineParser::parse(std::string_view view, size_t examined,
                                                bool final) {
  truncated_ = false;
  if (view.empty()) return NeedMore();
  if (dropping_) return drop(view);
  const size_t newline = find_byte(view, '\n', examined);
  const bool found = newline != std::string_view::npos;
  size_t length = std::min(newline, view.size());
  // At the end of the view '\r' may be half of a terminator, unless nothing follows.
  if (length > 0 && view[length - 1] == '\r' && (found || !final)) --length;
  if (length > options_.max_length) return long_line(view);
  if (!found && !final) return NeedMore(view.size());
  const size_t consumed = found ? newline + 1 : view.size();
  return {view.substr(0, options_.keep_terminator ? consumed : length), consumed};
}

ParseResult<std::string_view> LineParser::long_line(std::string_view view) {
  switch (options_.long_lines) {
    case LongLine::kError:
      break;
    case LongLine::kTruncate:
      truncated_ = true;
      return {view.substr(0, options_.max_length), options_.max_length};
    case LongLine::kSkip:
      return drop(view);
  }
  return ParseError(absl::ResourceExhaustedError(
      absl::StrCat("a line exceeds the limit of ", options_.max_length, " bytes")));
}

ParseResult<std::string_view> LineParser::drop(std::string_view view) {
  const size_t newline = find_byte(view, '\n');
  dropping_ = newline == std::string_view::npos;
  return Skip(dropping_ ? view.size() : newline + 1);
}

}  // namespace bufio
