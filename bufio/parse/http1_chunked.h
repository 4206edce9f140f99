// bufio/parse/http1_chunked.h
//
// The body of an HTTP/1.1 message whose Transfer-Encoding is chunked (RFC 9112, section 7.1).
//
//   bufio::HttpChunkedParser chunks;
//   for (;;) {
//     auto piece = co_await bufio::parse_one(reader, chunks);
//     if (!piece.ok()) co_return piece.status();
//     if ((*piece)->last) break;
//     use((*piece)->data);
//   }
//
// Data comes as it is there, so a chunk of any size needs no room: a piece is what the Reader has
// of a chunk, a view into its buffer. The last piece has no data, but the trailer fields. A stream
// that ends in front of it is DataLoss.
//
// Behind the last piece the parser is ready for another body.

#ifndef BUFIO_PARSE_HTTP1_CHUNKED_H_
#define BUFIO_PARSE_HTTP1_CHUNKED_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "bufio/parse/http1_lines.h"
#include "bufio/parser.h"

namespace bufio {

struct HttpChunkedOptions {
  // Bytes that are no data: of extensions, which are passed over, in a line and in a body, and of
  // the trailer. ResourceExhausted above.
  size_t max_line = 1024;
  size_t max_extensions = size_t{16} << 10;
  size_t max_trailer = size_t{16} << 10;
  size_t max_trailer_fields = 100;
  // Of the whole body.
  uint64_t max_body = UINT64_MAX;
};

struct HttpPiece {
  std::string_view data;
  bool last = false;
  std::span<const HttpField> trailers = {};  // of the last one
};

class HttpChunkedParser {
 public:
  using value_type = HttpPiece;

  explicit HttpChunkedParser(HttpChunkedOptions options = {}) : options_(options) {}

  ParseResult<HttpPiece> parse(std::string_view view, size_t examined, bool final);
  void accepted();

 private:
  // Where in the body the cursor is. A chunk's last CRLF belongs to the next chunk's line.
  struct Place {
    uint64_t left = 0;     // data of this chunk
    bool begun = false;    // it is not the first one
    uint64_t data = 0;     // of all chunks so far, this one included
    size_t overhead = 0;   // extensions so far
    bool trailer = false;  // behind the last chunk's line
  };

  ParseResult<HttpPiece> end_body(std::string_view view, size_t examined);

  HttpChunkedOptions options_;
  Place place_;
  Place next_;  // behind the piece that was given last
  HttpHeadLines lines_;
  std::vector<HttpField> trailers_;
};

}  // namespace bufio

#endif  // BUFIO_PARSE_HTTP1_CHUNKED_H_
