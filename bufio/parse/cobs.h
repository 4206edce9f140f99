// bufio/parse/cobs.h
//
// Packets between zero bytes, stuffed so that none of them contains one (consistent overhead byte
// stuffing, Cheshire and Baker 1997).
//
// A value is a packet. It is a view of the stream's bytes where there was nothing to unstuff (fewer
// than 255 bytes and no zero among them), else of a copy in the parser; either lives until the next
// call on the Reader. Zero bytes between packets are passed over.
//
//   ResourceExhausted   longer than max_size
//   InvalidArgument     a block that is longer than the packet

#ifndef BUFIO_PARSE_COBS_H_
#define BUFIO_PARSE_COBS_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "bufio/parser.h"

namespace bufio {

struct CobsOptions {
  size_t max_size = size_t{64} << 10;  // the longest packet, unstuffed
};

class CobsParser {
 public:
  using value_type = std::string_view;

  explicit CobsParser(CobsOptions options = {});

  ParseResult<std::string_view> parse(std::string_view view, size_t examined, bool final);

 private:
  ParseResult<std::string_view> unstuff(std::string_view packet);

  size_t max_size_;
  size_t max_stuffed_;
  std::string unstuffed_;
};

}  // namespace bufio

#endif  // BUFIO_PARSE_COBS_H_
