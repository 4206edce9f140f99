// bufio/parse/line_parser.h
//
// Lines as a parser (parser.h): what Reader::lines() gives, where there is no Reader. Over a Reader
// that is faster.
//
// A line ends with LF or CRLF; the last one need not. A value is the line, a view, without its
// terminator if it is not to be kept. A line above max_length is, as LineOptions says,
// ResourceExhausted, truncated or passed over.

#ifndef BUFIO_PARSE_LINE_PARSER_H_
#define BUFIO_PARSE_LINE_PARSER_H_

#include <cstddef>
#include <string_view>

#include "bufio/lines.h"
#include "bufio/parser.h"

namespace bufio {

class LineParser {
 public:
  using value_type = std::string_view;

  // max_length 0: 1 MiB less a terminator.
  explicit LineParser(LineOptions options = {});

  ParseResult<std::string_view> parse(std::string_view view, size_t examined, bool final);
  void accepted() { dropping_ = truncated_; }

 private:
  ParseResult<std::string_view> drop(std::string_view view);
  ParseResult<std::string_view> long_line(std::string_view view);

  LineOptions options_;
  bool truncated_ = false;  // the line that was found last
  bool dropping_ = false;   // the rest of a line, up to its newline
};

}  // namespace bufio

#endif  // BUFIO_PARSE_LINE_PARSER_H_
