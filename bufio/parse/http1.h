// bufio/parse/http1.h
//
// Heads of HTTP/1 requests and responses (RFC 9112), and what they say about the body behind them.
//
//   bufio::HttpRequestParser parser;
//   auto request = co_await bufio::parse_one(reader, parser);
//   if (!request.ok()) answer(parser.refusal());   // 400, 414, …
//   …
//   if ((*request)->body == bufio::HttpBody::kChunked) …   // http1_chunked.h
//
// Strict where leniency has let requests be smuggled past (RFC 9112, section 11.2): a line ends
// with CRLF and not with LF or CR alone, no space stands before a colon, no field goes on in the
// next line, no Content-Length comes twice or beside a Transfer-Encoding, which is "chunked" and
// nothing else, a request of HTTP/1.1 has exactly one Host, and there are no control characters.
//
// Everything in a head is a view into the Reader's buffer, but for the list of fields, which is the
// parser's: all of it lives until the next call on the Reader. No allocation once the parser has
// seen its longest head.

#ifndef BUFIO_PARSE_HTTP1_H_
#define BUFIO_PARSE_HTTP1_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "bufio/parse/http1_lines.h"
#include "bufio/parser.h"

namespace bufio {

// What follows a head.
//   none         nothing
//   length       content_length bytes
//   chunked      chunks, see http1_chunked.h
//   until close  all that comes
enum class HttpBody : uint8_t { kNone, kLength, kChunked, kUntilClose };

struct HttpHead {
  std::span<const HttpField> fields;  // in the order of the head
  int minor_version = 1;              // of HTTP/1
  bool keep_alive = true;             // the sender will take the connection further
  HttpBody body = HttpBody::kNone;
  uint64_t content_length = 0;  // as the head has it; the body's only if it has one of a length

  // The value of the first field of that name, in whatever case.
  std::optional<std::string_view> field(std::string_view name) const;
};

struct HttpRequest : HttpHead {
  std::string_view method;  // a token
  std::string_view target;  // visible ASCII characters
  bool expects_continue = false;
};

struct HttpResponse : HttpHead {
  int status = 0;  // 100 to 999
  std::string_view reason;
};

struct HttpOptions {
  size_t max_head = size_t{64} << 10;  // in bytes, the empty line included
  size_t max_fields = 100;
  size_t max_target = 8000;
};

// A head's lines and fields: what requests and responses have in common.
class HttpHeadParser {
 public:
  // The code of the response that refuses the request which was an error:
  //   400   it is malformed, or says two things
  //   414   the target is longer than max_target, or the first line than max_head
  //   417   it expects something else than 100-continue
  //   431   more fields or bytes than allowed
  //   501   a Transfer-Encoding that ends in chunked but is not that alone
  //   505   not HTTP/1
  // Their statuses: InvalidArgument for 400, ResourceExhausted for 414 and 431, else Unimplemented.
  // A request that is cut off (DataLoss) has 400, too.
  int refusal() const { return fault_.code; }

 protected:
  explicit HttpHeadParser(HttpOptions options) : options_(options) {}

  struct Fault {
    int code = 400;
    std::string_view what = "cut off";
    size_t at = 0;
  };
  enum class Kind : uint8_t { kRequest, kResponse };

  // Whether all lines are there: true, false (more of them), or an error, which is in fault_.
  std::optional<bool> find_lines(std::string_view view, size_t examined);
  // Reads the fields of the lines behind the first one.
  bool read_fields(std::string_view view, Kind kind, HttpHead& head);
  bool read_version(std::string_view version, size_t at, HttpHead& head);
  bool refuse(int code, std::string_view what, size_t at) {
    fault_ = {code, what, at};
    return false;
  }
  ParseError error() const;

  const HttpOptions& options() const { return options_; }
  const HttpHeadLines& lines() const { return lines_; }
  bool expects_continue() const { return expects_continue_; }

 private:
  bool read_framing(const HttpField& field, size_t at, Kind kind);
  bool read_length(std::string_view value, size_t at);
  bool read_coding(std::string_view value, size_t at);
  bool end_framing(Kind kind, HttpHead& head);

  HttpOptions options_;
  HttpHeadLines lines_;
  std::vector<HttpField> fields_;
  Fault fault_;
  // Of the head at hand.
  size_t hosts_ = 0;
  uint64_t length_ = 0;
  bool has_length_ = false;
  bool chunked_ = false;
  bool close_ = false;
  bool keep_alive_ = false;
  bool expects_continue_ = false;
};

// Empty lines in front of a request are passed over, up to a few.
class HttpRequestParser : public HttpHeadParser {
 public:
  using value_type = HttpRequest;

  explicit HttpRequestParser(HttpOptions options = {}) : HttpHeadParser(options) {}

  ParseResult<HttpRequest> parse(std::string_view view, size_t examined, bool final);
  void accepted() { passed_over_ = 0; }

 private:
  bool read_first_line(std::string_view line, HttpRequest& request);

  size_t passed_over_ = 0;  // bytes of empty lines in front of the request
};

class HttpResponseParser : public HttpHeadParser {
 public:
  using value_type = HttpResponse;

  explicit HttpResponseParser(HttpOptions options = {}) : HttpHeadParser(options) {}

  // What the next responses answer, since it decides whether they have a body: those to HEAD have
  // none, nor has a successful one to CONNECT, behind which the tunnel begins.
  void set_request_method(std::string_view method) {
    to_head_ = method == "HEAD";
    to_connect_ = method == "CONNECT";
  }

  ParseResult<HttpResponse> parse(std::string_view view, size_t examined, bool final);

 private:
  bool read_first_line(std::string_view line, HttpResponse& response);

  bool to_head_ = false;
  bool to_connect_ = false;
};

}  // namespace bufio

#endif  // BUFIO_PARSE_HTTP1_H_
