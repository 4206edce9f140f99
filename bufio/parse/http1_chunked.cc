#include "bufio/parse/http1_chunked.h"

#include <algorithm>

#include "absl/status/status.h"
#include "bufio/scan.h"

namespace bufio {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

ParseError malformed(const char* what, size_t at) {
  return ParseError(absl::InvalidArgumentError(what), at);
}
ParseError too_much(const char* what, size_t at) {
  return ParseError(absl::ResourceExhaustedError(what), at);
}

// Behind the size: nothing, or white space and a semicolon, and no control characters.
bool is_extension(std::string_view text) {
  const size_t start = text.find_first_not_of(" \t");
  if (start == std::string_view::npos) return text.empty();
  return text[start] == ';' && std::all_of(text.begin(), text.end(), [](char c) {
           const auto byte = static_cast<unsigned char>(c);
           return byte == '\t' || (byte >= ' ' && byte != 0x7f);
         });
}

}  // namespace

ParseResult<HttpPiece> HttpChunkedParser::parse(std::string_view view, size_t examined,
                                                bool final) {
  if (view.empty() && final) {
    return ParseError(absl::DataLossError("the stream ends within a chunked body"));
  }
  if (place_.trailer) return end_body(view, examined);
  next_ = place_;
  size_t at = 0;
  if (place_.left == 0) {
    // The line of the next chunk.
    size_t start = 0;
    if (place_.begun) {
      constexpr std::string_view kEnd = "\r\n";
      if (!kEnd.starts_with(view.substr(0, 2))) return malformed("a chunk that does not end", 0);
      start = 2;
    }
    const size_t lf =
        find_byte(view.substr(0, start + options_.max_line), '\n', std::max(start, examined));
    if (lf == std::string_view::npos) {
      if (view.size() < start + options_.max_line) return NeedMore(view.size());
      return too_much("a chunk's line is too long", 0);
    }
    std::string_view line = view.substr(start, lf - start);
    if (!line.ends_with('\r')) return malformed("a chunk's line that ends with LF alone", lf);
    line.remove_suffix(1);
    size_t digits = 0;
    uint64_t size = 0;
    for (; digits < line.size() && hex_digit(line[digits]) >= 0; ++digits) {
      if (size >> 60 != 0) return malformed("a chunk's size is too large", start);
      size = size << 4 | static_cast<uint64_t>(hex_digit(line[digits]));
    }
    if (digits == 0) return malformed("a chunk without a size", start);
    line.remove_prefix(digits);
    if (!is_extension(line)) return malformed("a chunk's size that is no number", start);
    next_.overhead += line.size();
    if (next_.overhead > options_.max_extensions) return too_much("chunk extensions", start);
    at = lf + 1;
    if (size == 0) {
      place_.trailer = true;
      return NeedMore::after(at);
    }
    next_.begun = true;
    next_.left = size;
    if (size > options_.max_body - next_.data) return too_much("the body is too long", start);
    next_.data += size;
  }
  const auto data = static_cast<size_t>(std::min<uint64_t>(view.size() - at, next_.left));
  if (data == 0) {
    place_ = next_;
    return NeedMore::after(at, at, at + 1);
  }
  next_.left -= data;
  return {HttpPiece{.data = view.substr(at, data)}, at + data};
}

// Fields, if any, and an empty line.
ParseResult<HttpPiece> HttpChunkedParser::end_body(std::string_view view, size_t examined) {
  const std::string_view bytes = view.substr(0, options_.max_trailer);
  switch (lines_.find(bytes, examined, options_.max_trailer_fields)) {
    case HttpHeadLines::Found::kBare:
      return malformed("a line that ends with LF alone", lines_.end() - 1);
    case HttpHeadLines::Found::kTooMany:
      return too_much("too many trailer fields", 0);
    case HttpHeadLines::Found::kMore:
      if (bytes.size() == options_.max_trailer) return too_much("the trailer is too long", 0);
      return NeedMore(view.size());
    case HttpHeadLines::Found::kWhole:
      break;
  }
  trailers_.clear();
  for (size_t i = 0; i + 1 < lines_.count(); ++i) {
    HttpField field;
    if (!read_http_field(lines_.line(view, i), field)) {
      return malformed("a line that is no field", lines_.start(i));
    }
    trailers_.push_back(field);
  }
  next_ = Place();
  return {HttpPiece{.data = {}, .last = true, .trailers = trailers_}, lines_.end()};
}

void HttpChunkedParser::accepted() { place_ = next_; }

}  // namespace bufio
