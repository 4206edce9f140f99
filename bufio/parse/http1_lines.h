// bufio/parse/http1_lines.h
//
// Lines of fields, up to the empty one: what a head and a chunked body's end have in common.

#ifndef BUFIO_PARSE_HTTP1_LINES_H_
#define BUFIO_PARSE_HTTP1_LINES_H_

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "bufio/delimiter_index.h"

namespace bufio {

struct HttpField {
  std::string_view name;   // as it was sent; a token
  std::string_view value;  // without the white space around it
};

// Finds the ends of lines, once each however they arrive.
class HttpHeadLines {
 public:
  //   whole    the empty line is there
  //   more     it is not
  //   bare     a line ends with LF alone; it is the last of lines()
  //   too many lines
  enum class Found : uint8_t { kWhole, kMore, kBare, kTooMany };

  // `examined` as a parser has it: 0 begins anew.
  Found find(std::string_view view, size_t examined, size_t max_lines);

  // Of the lines that find() has found, the empty one included.
  size_t count() const { return ends_.size(); }
  size_t start(size_t i) const { return i == 0 ? 0 : ends_[i - 1] + 1; }
  // Without its CRLF.
  std::string_view line(std::string_view view, size_t i) const {
    return view.substr(start(i), ends_[i] - 1 - start(i));
  }
  // Behind the last one.
  size_t end() const { return ends_.empty() ? 0 : ends_.back() + 1; }

 private:
  std::vector<size_t> ends_;  // where their LFs are
  size_t known_ = 0;          // how many of them when more was wanted last
  size_t examined_ = 0;       // and what was examined then
  DelimiterIndex index_;
};

// A field of a line without its CRLF; false if it is none.
bool read_http_field(std::string_view line, HttpField& field);

bool is_http_token(std::string_view text);
// Whether two names are the same, in whatever case.
bool same_http_name(std::string_view a, std::string_view b);

}  // namespace bufio

#endif  // BUFIO_PARSE_HTTP1_LINES_H_
