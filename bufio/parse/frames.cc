#include "bufio/parse/frames.h"

#include <algorithm>
#include <bit>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "bufio/parse/integers.h"
#include "bufio/parse/varint.h"
#include "uring/check.h"

namespace bufio {

FrameParser::FrameParser(FrameOptions options) : options_(options) {
  URING_CHECK(options.width >= 1 && options.width <= 8, "a frame's length has 1 to 8 bytes");
  options_.max_size = std::min(options_.max_size, SIZE_MAX - kMaxVarint);
}

ParseResult<std::string_view> FrameParser::parse(std::string_view view, size_t examined,
                                                 bool final) const {
  size_t header = options_.width;
  uint64_t size = 0;
  if (options_.length == FrameLength::kVarint) {
    const ParseResult<uint64_t> length = VarintParser().parse(view, examined, final);
    if (length.kind() == ParseKind::kError) {
      return ParseError(length.status(), length.error_offset());
    }
    if (!length.is_value()) return NeedMore(length.examined());
    header = length.consumed();
    size = length.value();
  } else {
    if (view.size() < header) return NeedMore(view.size(), header);
    size = load_unsigned(
        view.data(), header,
        options_.length == FrameLength::kBigEndian ? std::endian::big : std::endian::little);
  }
  if (options_.includes_header) {
    if (size < header) {
      return ParseError(absl::InvalidArgumentError(
          absl::StrCat("a frame of ", size, " bytes has no room for its own header")));
    }
    size -= header;
  }
  if (size > options_.max_size) {
    return ParseError(absl::ResourceExhaustedError(absl::StrCat(
        "a frame of ", size, " bytes exceeds the limit of ", options_.max_size, " bytes")));
  }
  const size_t whole = header + static_cast<size_t>(size);
  if (view.size() < whole) return NeedMore(view.size(), whole);
  return {view.substr(header, static_cast<size_t>(size)), whole};
}

}  // namespace bufio
