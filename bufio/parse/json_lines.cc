#include "bufio/parse/json_lines.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "bufio/scan.h"

namespace bufio {
namespace {

constexpr size_t kPadding = 64;
static_assert(simdjson::SIMDJSON_PADDING <= kPadding);

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

}  // namespace

absl::Status json_error(simdjson::error_code error, uint64_t line) {
  return absl::InvalidArgumentError(
      absl::StrCat("line ", line, ": ", simdjson::error_message(error)));
}

ParseError JsonLineSplitter::too_long() const {
  return ParseError(absl::ResourceExhaustedError(
      absl::StrCat("line ", number(), ": more than the allowed ", options_.max_line, " bytes")));
}

JsonLineSplitter::Line JsonLineSplitter::next(std::string_view view, size_t examined, bool final) {
  Line line;
  const size_t newline = find_byte(view, '\n', examined);
  const bool there = newline != std::string_view::npos;
  const size_t length = there ? newline : view.size();
  if (length > options_.max_line) {
    line.too_long = true;
    return line;
  }
  if (!there && (!final || view.empty())) {
    line.more = NeedMore(view.size());
    return line;
  }
  line.size = length + (there ? 1 : 0);
  size_t start = 0;
  size_t end = length;
  while (start < end && is_space(view[start])) ++start;
  while (start < end && is_space(view[end - 1])) --end;
  line.text = view.substr(start, end - start);
  if (line.text.empty()) {
    ++lines_;
    line.skip = Skip(line.size);
  }
  return line;
}

std::string_view JsonLineSplitter::padded(std::string_view text, std::string_view view) {
  const auto behind = static_cast<size_t>(view.data() + view.size() - (text.data() + text.size()));
  if (options_.padded || behind >= kPadding) return text;
  if (copy_.size() < text.size() + kPadding) copy_.resize(2 * text.size() + kPadding);
  std::memcpy(copy_.data(), text.data(), text.size());
  return {copy_.data(), text.size()};
}

}  // namespace bufio
