// Lines without a Reader are the lines that a Reader gives.

#include "bufio/parse/line_parser.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "bufio/lines.h"
#include "bufio/memory.h"
#include "bufio/reader.h"
#include "bufio/testing/check_parser_linear.h"
#include "bufio/testing/run_at_once.h"
#include "gtest/gtest.h"
#include "tests/parse/parsed.h"
#include "uring/task.h"

namespace bufio {
namespace {

using testing::kTooLong;
using testing::Parsed;
using testing::parsed;
using testing::Values;

uring::Task<Parsed> lines_of(std::string_view text, LineOptions options) {
  Reader reader = read_view(text);
  Lines lines = reader.lines(options);
  Parsed all;
  for (;;) {
    Token line = co_await lines.next();
    if (!line.has_value()) break;
    all.values.emplace_back(*line);
  }
  all.status = lines.status();
  co_return all;
}

TEST(LineParserTest, AsAReaderHasThem) {
  const std::vector<std::string> texts = {
      "",        "\n",         "a",          "a\n",        "a\r\n",       "a\r",      "\r\n\r\n",
      "\r\r\n",  "a\n\nb\r\n", "abcdef\nxy", "abcdef",     "abcde\r\nx",  "abcd\r\r", "abcdef\r\n",
      "abcde\r", "abcdefghij", "ab\rcd\nef", "abcdef\r\r", "abcdefgh\n\n"};
  for (const LongLine long_lines : {LongLine::kError, LongLine::kTruncate, LongLine::kSkip}) {
    for (const size_t max_length : {size_t{0}, size_t{5}, size_t{1}}) {
      for (const bool keep_terminator : {false, true}) {
        const LineOptions options = {max_length, long_lines, keep_terminator};
        for (const std::string& text : texts) {
          const Parsed expected = testing::run_at_once(lines_of(text, options));
          const Parsed found = parsed(LineParser(options), text);
          EXPECT_EQ(found.values, expected.values) << ::testing::PrintToString(text);
          EXPECT_EQ(found.code(), expected.code()) << ::testing::PrintToString(text);
        }
      }
    }
  }
}

TEST(LineParserTest, ALineThatIsTooLongStopsAtItsStart) {
  const Parsed result = parsed(LineParser({.max_length = 3}), "abc\nabcd\nx");
  EXPECT_EQ(result.values, Values{"abc"});
  EXPECT_EQ(result.code(), kTooLong);
  EXPECT_EQ(result.offset, 4U);
}

TEST(LineParserTest, Linear) {
  EXPECT_EQ(testing::check_parser_linear(LineParser(), std::string(3000, 'x') + "\n"),
            absl::OkStatus());
  EXPECT_EQ(
      testing::check_parser_linear(LineParser({.max_length = 300, .long_lines = LongLine::kSkip}),
                                   std::string(3000, 'x') + "\n" + std::string(300, 'y')),
      absl::OkStatus());
}

}  // namespace
}  // namespace bufio
