// Heads of HTTP/1 and chunked bodies.

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "bufio/parse/http1.h"
#include "bufio/parse/http1_chunked.h"
#include "bufio/testing/fuzz_parser.h"
#include "uring/status.h"

namespace bufio {
namespace {

std::string print_head(const HttpHead& head) {
  std::string text = absl::StrCat(head.minor_version, head.keep_alive, " ",
                                  static_cast<int>(head.body), " ", head.content_length);
  for (const HttpField& field : head.fields) {
    absl::StrAppend(&text, "|", uring::as_absl(field.name), "=", uring::as_absl(field.value));
  }
  return text;
}

}  // namespace
}  // namespace bufio

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const bufio::testing::FuzzInput input(data, size);
  bufio::HttpOptions options;
  if ((input.options & 1) != 0) options = {.max_head = 60, .max_fields = 2, .max_target = 9};
  switch (input.options / 2 % 3) {
    case 0:
      bufio::testing::fuzz_parser(bufio::HttpRequestParser(options), input, bufio::print_head);
      break;
    case 1:
      bufio::testing::fuzz_parser(bufio::HttpResponseParser(options), input, bufio::print_head);
      break;
    default: {
      bufio::HttpChunkedOptions limits;
      if ((input.options & 1) != 0) {
        limits = {.max_line = 8,
                  .max_extensions = 9,
                  .max_trailer = 20,
                  .max_trailer_fields = 1,
                  .max_body = 30};
      }
      bufio::testing::fuzz_parser(bufio::HttpChunkedParser(limits), input,
                                  [](const bufio::HttpPiece& piece) {
                                    return std::string(piece.data) + (piece.last ? "END" : "");
                                  },
                                  {.concatenated = true});
    }
  }
  return 0;
}
