// bufio/parse/netstring.h
//
// Netstrings, "5:hello,": a length in decimal, a colon, so many bytes, a comma.
//
// A value is the bytes, a view. InvalidArgument for anything else (a length that begins with a
// superfluous zero, no comma), ResourceExhausted above max_size.

#ifndef BUFIO_PARSE_NETSTRING_H_
#define BUFIO_PARSE_NETSTRING_H_

#include <cstddef>
#include <string_view>

#include "bufio/parser.h"

namespace bufio {

struct NetstringOptions {
  // The longest one, in bytes between colon and comma. The default fits into what a Reader buffers
  // by default.
  size_t max_size = (size_t{1} << 20) - 32;
};

class NetstringParser {
 public:
  using value_type = std::string_view;

  explicit NetstringParser(NetstringOptions options = {});

  ParseResult<std::string_view> parse(std::string_view view, size_t examined, bool final) const;

 private:
  size_t max_size_;
};

}  // namespace bufio

#endif  // BUFIO_PARSE_NETSTRING_H_
