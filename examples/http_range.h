// examples/http_range.h
//
// Which part of a file a request asks for, and whether it asks for it at all (RFC 9110, sections 13
// and 14).
//
// Pure functions.

#ifndef EXAMPLES_HTTP_RANGE_H_
#define EXAMPLES_HTTP_RANGE_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "bufio/parse/http1.h"

namespace http {

// What is known of a file.
struct Validators {
  std::string etag;  // with its quotes
  time_t modified = 0;
};

// The part of a file to answer with, as a status code says how.
struct Part {
  int code = 200;  // 200 all of it, 206 a part, 304 nothing since it is known, 416 there is no such
                   // part
  uint64_t first = 0;
  uint64_t size = 0;

  friend bool operator==(const Part&, const Part&) = default;
};

// What a GET asks for of a file of `size` bytes. Several ranges, and what is no range, are passed
// over, as they may be: the answer is the whole file.
Part part_of(const bufio::HttpRequest& head, uint64_t size, const Validators& file);

// "Sun, 06 Nov 1994 08:49:37 GMT".
std::string http_date(time_t time);
// The same, and the two older forms; nothing for what is no date.
std::optional<time_t> parse_http_date(std::string_view text);

}  // namespace http

#endif  // EXAMPLES_HTTP_RANGE_H_
