// bufio/parse/frames.h
//
// Frames with their length in front.
//
//   bufio::Messages frames = bufio::messages(reader, bufio::FrameParser({.width = 2}));
//   std::optional<std::string_view> frame = co_await frames.next();
//
// A value is the payload, a view. Its header is looked at once, then the whole frame is waited for.
//
//   ResourceExhausted   longer than max_size
//   InvalidArgument     a length that includes the header and is shorter than it; a varint that is
//                       none (varint.h)

#ifndef BUFIO_PARSE_FRAMES_H_
#define BUFIO_PARSE_FRAMES_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "bufio/parser.h"

namespace bufio {

enum class FrameLength : uint8_t { kBigEndian, kLittleEndian, kVarint };

struct FrameOptions {
  FrameLength length = FrameLength::kBigEndian;
  size_t width = 4;              // of the length in bytes, 1 to 8; a varint has its own
  bool includes_header = false;  // the length counts itself, too
  // The longest payload. The default fits into what a Reader buffers by default.
  size_t max_size = (size_t{1} << 20) - 16;
};

class FrameParser {
 public:
  using value_type = std::string_view;

  explicit FrameParser(FrameOptions options = {});

  ParseResult<std::string_view> parse(std::string_view view, size_t examined, bool final) const;

 private:
  FrameOptions options_;
};

}  // namespace bufio

#endif  // BUFIO_PARSE_FRAMES_H_
