// Chunked bodies: what is taken, what is refused, and that pieces come as they are there.

#include "bufio/parse/http1_chunked.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "bufio/parse_memory.h"
#include "bufio/testing/check_parser_linear.h"
#include "bufio/testing/check_split_invariance.h"
#include "bufio/testing/parser_run.h"
#include "bufio/testing/split.h"
#include "uring/status.h"

namespace bufio {
namespace {

using testing::check_parser_linear;
using testing::check_split_invariance;

// The data, and "END" with the trailer.
std::string print(const HttpPiece& piece) {
  std::string text(piece.data);
  if (piece.last) text += "END";
  for (const HttpField& field : piece.trailers) {
    absl::StrAppend(&text, "|", uring::as_absl(field.name), "=", uring::as_absl(field.value));
  }
  return text;
}

struct Body {
  std::string text;
  absl::Status status;
};
Body parsed(std::string_view text, HttpChunkedOptions options = {}) {
  Body body;
  HttpChunkedParser parser(options);
  bool over = false;
  body.status = parse_memory(text, parser, [&](const HttpPiece& piece) {
    body.text += print(piece);
    over = piece.last;
  });
  // The end of the bytes, where another body might begin.
  if (over && absl::IsDataLoss(body.status)) body.status = absl::OkStatus();
  return body;
}

TEST(Http1Chunked, GivesTheDataAndTheTrailer) {
  struct Case {
    std::string_view text;
    std::string_view expected;
  };
  for (const auto& [text, expected] : std::vector<Case>{
           {"0\r\n\r\n", "END"},
           {"5\r\nhello\r\n0\r\n\r\n", "helloEND"},
           {"5\r\nhello\r\n6\r\n\r\nwor\n\r\n0\r\n\r\n", "hello\r\nwor\nEND"},
           {"00a\r\n0123456789\r\n000\r\n\r\n", "0123456789END"},
           {"A;x=y;z=\"q\"\r\n0123456789\r\n0 \t;a\r\n\r\n", "0123456789END"},
           {"0\r\nA: b\r\nC:\r\n\r\n", "END|A=b|C="},
           {"1\r\na\r\n0\r\n\r\n1\r\nb\r\n0\r\n\r\n", "aENDbEND"},
       }) {
    const Body body = parsed(text);
    EXPECT_TRUE(body.status.ok()) << body.status << " for " << text;
    EXPECT_EQ(body.text, expected);
  }
}

TEST(Http1Chunked, RefusesWhatIsNone) {
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  constexpr auto kLimit = absl::StatusCode::kResourceExhausted;
  constexpr auto kCutOff = absl::StatusCode::kDataLoss;
  struct Case {
    std::string text;
    absl::StatusCode code;
    HttpChunkedOptions options = {};
  };
  for (const auto& [text, code, options] : std::vector<Case>{
           {"", kCutOff},
           {"5\r\nhello", kCutOff},
           {"5\r\nhello\r\n", kCutOff},
           {"5\r\nhello\r\n0\r\n", kCutOff},
           {"\r\n", kInvalid},
           {"5\nhello\n0\n\n", kInvalid},
           {"5\r\nhelloX\r\n", kInvalid},
           {"5\r\nhelloXX0\r\n\r\n", kInvalid},
           {"5\r\nhello\n0\r\n\r\n", kInvalid},
           {" 5\r\nhello\r\n", kInvalid},
           {"5 \r\nhello\r\n", kInvalid},
           {"+5\r\nhello\r\n", kInvalid},
           {"0x5\r\nhello\r\n", kInvalid},
           {"5;a\x01\r\nhello\r\n", kInvalid},
           {"5;a\rb\r\nhello\r\n", kInvalid},
           {"10000000000000000\r\n", kInvalid},
           {"0\r\nno field\r\n\r\n", kInvalid},
           {"0\r\nA: b\n\r\n", kInvalid},
           {"1;" + std::string(1024, 'x') + "\r\na\r\n", kLimit},
           {"0\r\nA: " + std::string(size_t{16} << 10, 'x') + "\r\n\r\n", kLimit},
           {"1;x\r\na\r\n1;x\r\na\r\n0\r\n\r\n", kLimit, {.max_extensions = 3}},
           {"2\r\nab\r\n2\r\nab\r\n0\r\n\r\n", kLimit, {.max_body = 3}},
           {"0\r\nA:\r\nB:\r\n\r\n", kLimit, {.max_trailer_fields = 1}},
       }) {
    EXPECT_EQ(parsed(text, options).status.code(), code) << text;
  }
}

TEST(Http1Chunked, IsTheSameHoweverItArrives) {
  const std::vector<std::string> corpus = {
      "5\r\nhello\r\n6;x=y\r\n\r\nwor\n\r\n0\r\nA: b\r\n\r\n",
      "1\r\na\r\n0\r\n\r\n1\r\nb\r\n0\r\n\r\n",
      "5\r\nhel",
      "5\r\nhello",
      "5\r\nhello\r",
      "5\r\nhello\rX",
      "5\r\nhello\r\n0\r\nbad\r\n\r\n",
      "fffffffffffffffff\r\n",
  };
  EXPECT_EQ(check_split_invariance(HttpChunkedParser(), corpus, print, {.concatenated = true}),
            absl::OkStatus());
}

TEST(Http1Chunked, APieceNeedNotBeAWholeChunk) {
  HttpChunkedParser parser;
  const std::string text = "ffffffff\r\nabc";
  const testing::Split split = testing::Split::one_byte_each(text);
  const testing::ParserRun run = testing::run_parser(parser, split, print);
  ASSERT_EQ(run.messages.size(), 3U);
  EXPECT_EQ(run.messages[2].value, "c");
}

TEST(Http1Chunked, LooksAtEachByteOnce) {
  EXPECT_EQ(check_parser_linear(HttpChunkedParser(),
                                "1;" + std::string(900, 'x') +
                                    "\r\na\r\n0\r\nX: " + std::string(5000, 'x') + "\r\n\r\n"),
            absl::OkStatus());
}

}  // namespace
}  // namespace bufio
