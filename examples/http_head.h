// examples/http_head.h
//
// The head of an HTTP/1 request: the request line and the fields, up to the empty line.
//
// Strict where leniency has let requests be smuggled past (RFC 9112, section 11.2): a line ends
// with CRLF and not with LF alone, no space stands before a colon, no field goes on in the next
// line, no Content-Length comes twice or beside a Transfer-Encoding, a Host is there exactly once.
//
// Pure functions of a view: no I/O, no state. What they give refers into the view.

#ifndef EXAMPLES_HTTP_HEAD_H_
#define EXAMPLES_HTTP_HEAD_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "bufio/scan.h"

namespace http {

inline constexpr size_t kMaxTarget = 8000;
inline constexpr size_t kMaxFields = 100;

struct Field {
  std::string_view name;   // as it was sent
  std::string_view value;  // without the white space around it
};

struct Head {
  std::string_view method;
  std::string_view target;
  int minor_version = 1;  // of HTTP/1
  std::vector<Field> fields;

  bool keep_alive = true;       // what the peer wants to happen after the answer
  uint64_t content_length = 0;  // of the body that follows
  bool transfer_coded = false;  // the body's length is in its coding
  bool expects_continue = false;

  // The value of the first field of that name, in whatever case.
  std::optional<std::string_view> field(std::string_view name) const;
};

inline constexpr int kFine = 0;

// Parses a head that ends with its empty line. Returns kFine or the status code to refuse it with:
//   400   it is malformed, or says two things
//   414   the target is longer than kMaxTarget
//   417   it expects something else than 100-continue
//   431   more than kMaxFields fields
//   501   a Transfer-Encoding that is not chunked
//   505   not HTTP/1
// `head` may be of an earlier request: its memory is used again.
int parse_head(std::string_view text, Head& head);

// A Scanner (bufio/scan.h): a token is a head with its empty line. A line that ends with LF alone
// ends it as well, for no peer is to wait for being told; parse_head refuses it. An empty line in
// front of a request, which RFC 9112 wants to be passed over, is a token of its own: "\r\n".
class HeadEnd {
 public:
  bufio::ScanResult operator()(std::string_view view, size_t from, bool final) const;
  uint64_t key() const { return 0; }
};

}  // namespace http

#endif  // EXAMPLES_HTTP_HEAD_H_
