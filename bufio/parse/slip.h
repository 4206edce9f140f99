// bufio/parse/slip.h
//
// Packets as SLIP has them (RFC 1055): each ends with 0xC0, and those bytes that would not survive
// that are escaped by 0xDB.
//
// A value is a packet. It is a view of the stream's bytes where nothing was escaped, else of a copy
// in the parser; either lives until the next call on the Reader. Empty packets, which senders put
// between others to flush noise, are passed over.
//
//   ResourceExhausted   longer than max_size
//   InvalidArgument     0xDB in front of a byte that needs no escape

#ifndef BUFIO_PARSE_SLIP_H_
#define BUFIO_PARSE_SLIP_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "bufio/parser.h"

namespace bufio {

struct SlipOptions {
  size_t max_size = size_t{64} << 10;  // the longest packet, unescaped
};

class SlipParser {
 public:
  using value_type = std::string_view;

  explicit SlipParser(SlipOptions options = {});

  ParseResult<std::string_view> parse(std::string_view view, size_t examined, bool final);

 private:
  ParseResult<std::string_view> unescape(std::string_view packet, size_t escape);

  size_t max_size_;
  std::string unescaped_;
};

}  // namespace bufio

#endif  // BUFIO_PARSE_SLIP_H_
