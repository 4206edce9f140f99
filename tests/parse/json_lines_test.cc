// JSON lines: what is taken, what is refused or passed over, and that lines are not copied.

#include "bufio/parse/json_lines.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "bufio/memory.h"
#include "bufio/messages.h"
#include "bufio/parse_memory.h"
#include "bufio/reader.h"
#include "bufio/testing/check_parser_linear.h"
#include "bufio/testing/check_split_invariance.h"
#include "bufio/testing/run_at_once.h"
#include "tests/allocations.h"
#include "uring/task.h"

namespace bufio {
namespace {

using testing::check_parser_linear;
using testing::check_split_invariance;

std::string print(const JsonLine& line) {
  return absl::StrCat(line.number(), ": ", simdjson::minify(line.json()));
}

struct Lines {
  std::vector<std::string> lines;
  absl::Status status;
  uint64_t skipped = 0;
};
Lines parsed(std::string_view text, JsonLinesOptions options = {}) {
  Lines all;
  JsonLinesParser parser(options);
  all.status =
      parse_memory(text, parser, [&](const JsonLine& line) { all.lines.push_back(print(line)); });
  all.skipped = parser.skipped();
  return all;
}

TEST(JsonLines, GivesOneValueALine) {
  const Lines all = parsed("{\"a\": 1}\r\n\n \t\r\n[1, 2]\n  \"x\"  \n7");
  EXPECT_TRUE(all.status.ok()) << all.status;
  EXPECT_EQ(all.lines, (std::vector<std::string>{"1: {\"a\":1}", "4: [1,2]", "5: \"x\"", "6: 7"}));
}

TEST(JsonLines, RefusesWhatIsNoJsonAndSaysWhere) {
  for (const char* bad : {"{\"a\" 1}", "{\"a\":1} {\"b\":2}", "{\"a\":1", "]", "\"\xff\"", "1 2"}) {
    const Lines all = parsed(absl::StrCat("1\n", bad, "\n3\n"));
    EXPECT_EQ(all.status.code(), absl::StatusCode::kInvalidArgument) << bad;
    EXPECT_EQ(all.status.message().substr(0, 18), "offset 2: line 2: ") << all.status;
    EXPECT_EQ(all.lines, std::vector<std::string>{"1: 1"}) << bad;
    const Lines rest = parsed(absl::StrCat("1\n", bad, "\n3\n"), {.skip_bad = true});
    EXPECT_TRUE(rest.status.ok()) << rest.status;
    EXPECT_EQ(rest.lines, (std::vector<std::string>{"1: 1", "3: 3"})) << bad;
    EXPECT_EQ(rest.skipped, 1U);
  }
}

TEST(JsonLines, ALongLineIsRefused) {
  EXPECT_TRUE(parsed("12345678\n", {.max_line = 8}).status.ok());
  for (const char* text : {"1\n123456789\n", "1\n123456789"}) {
    const Lines all = parsed(text, {.max_line = 8});
    EXPECT_EQ(all.status.code(), absl::StatusCode::kResourceExhausted) << all.status;
  }
}

TEST(JsonLines, IsTheSameHoweverItArrives) {
  const std::vector<std::string> corpus = {
      "",
      "\n",
      "{\"a\": [1, \"two\", null]}\n\n{\"b\": 2}\r\n3",
      "1\n{\"a\": }\n2\n",
      "1\n\"\xff\"\n2\n\xff",
      "[[[[[[",
  };
  testing::InvarianceOptions options;
  options.splits.every_two_cuts_up_to = 16;
  for (const bool padded : {false, true}) {
    for (const bool skip_bad : {false, true}) {
      options.padded = padded;
      const auto make = [=] { return JsonLinesParser({.padded = padded, .skip_bad = skip_bad}); };
      EXPECT_EQ(check_split_invariance(make, corpus, print, options), absl::OkStatus());
    }
  }
}

TEST(JsonLines, LooksAtEachByteOnce) {
  EXPECT_EQ(
      check_parser_linear([] { return JsonLinesParser(); }, "\"" + std::string(5000, 'x') + "\"\n"),
      absl::OkStatus());
}

TEST(JsonLines, OnDemandWalksALineOnceAndNamesItInErrors) {
  JsonOnDemandParser parser;
  std::vector<std::string> all;
  const absl::Status status =
      parse_memory("{\"id\": 1}\n{\"id\": x}\n", parser, [&all](const JsonOnDemandLine& line) {
        uint64_t id = 0;
        const auto error = line.json()["id"].get(id);
        all.push_back(error ? std::string(line.error(error).message()) : std::to_string(id));
      });
  EXPECT_TRUE(status.ok()) << status;
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0], "1");
  EXPECT_EQ(all[1].substr(0, 8), "line 2: ");
}

TEST(JsonLines, OnDemandIsTheSameHoweverItArrives) {
  const auto text = [](const JsonOnDemandLine& line) { return std::string(line.text()); };
  const std::vector<std::string> corpus = {"{\"a\": [1, \"two\", null]}\n\n{\"b\": 2}\r\n3",
                                           "1\n\"\xff\"\n2\n", "1\n{\n"};
  EXPECT_EQ(check_split_invariance([] { return JsonOnDemandParser(); }, corpus, text),
            absl::OkStatus());
}

// Sums the numbers, and says whether each line lies in the Reader's buffer.
uring::Task<uint64_t> sum_of(Reader& reader, Messages<JsonOnDemandParser>& lines) {
  uint64_t sum = 0;
  for (;;) {
    auto line = co_await lines.next();
    if (!line.has_value()) break;
    EXPECT_EQ(line->text().data() + line->text().size() + 1, reader.buffered().data());
    sum += line->json()["a"].get_uint64().value_unsafe();
  }
  co_return sum;
}

TEST(JsonLines, AllocatesNothingForALine) {
  const auto count = [](size_t lines) {
    std::string text;
    for (size_t i = 0; i < lines; ++i) text += "{\"a\": 1, \"b\": [\"c\", \"d\"]}\n";
    Reader reader = read_string(text);
    EXPECT_TRUE(reader.padded());
    Messages<JsonOnDemandParser> messages(reader, JsonOnDemandParser({.padded = true}));
    const uint64_t before = testing::allocations;
    EXPECT_EQ(testing::run_at_once(sum_of(reader, messages)), lines);
    return testing::allocations - before;
  };
  count(100);  // which keeps a frame for the others
  EXPECT_EQ(count(100), count(10'000));
}

}  // namespace
}  // namespace bufio
