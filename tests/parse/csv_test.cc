// CSV: what is taken and what is refused, however it arrives; compared with a parser that looks at
// one byte after the other.

#include "bufio/parse/csv.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "bufio/memory.h"
#include "bufio/messages.h"
#include "bufio/parse_memory.h"
#include "bufio/reader.h"
#include "bufio/scan_kernels.h"
#include "bufio/testing/check_parser_linear.h"
#include "bufio/testing/check_split_invariance.h"
#include "bufio/testing/run_at_once.h"
#include "tests/allocations.h"
#include "tests/parse/plain_csv.h"
#include "uring/task.h"
#include "uring/testing/choices.h"

namespace bufio {
namespace {

using testing::check_parser_linear;
using testing::check_split_invariance;
using testing::csv_text;
using testing::plain_csv;
using testing::PlainCsv;
using testing::print_record;

PlainCsv parsed(std::string_view text, CsvOptions options = {}) {
  PlainCsv all;
  CsvParser parser(options);
  all.status = parse_memory(text, parser, [&](const CsvRecord& record) {
    all.records.emplace_back(record.begin(), record.end());
  });
  return all;
}

using Records = std::vector<std::vector<std::string>>;

struct Case {
  std::string_view text;
  Records records;
  CsvOptions options = {};
};

TEST(Csv, TakesWhatRfc4180Has) {
  for (const auto& [text, records, options] : std::vector<Case>{
           {"", {}},
           {"a", {{"a"}}},
           {"a,b\nc,d\n", {{"a", "b"}, {"c", "d"}}},
           {"a,b\r\nc,d\r\n", {{"a", "b"}, {"c", "d"}}},
           {"a,b\r\nc,d", {{"a", "b"}, {"c", "d"}}},
           {",\n,", {{"", ""}, {"", ""}}},
           {"\"a\",\"\"\r\n", {{"a", ""}}},
           {"\"a,b\",\"c\r\nd\"\r\n", {{"a,b", "c\r\nd"}}},
           {"\"a\"\"b\",\"\"\"\",\"\"\"\"\"\"\n", {{"a\"b", "\"", "\"\""}}},
           {"a\rb,c\n", {{"a\rb", "c"}}},
           {"ab\r,", {{"ab\r", ""}}},
           {"\n\r\na\n\n\r\nb\n\n", {{"a"}, {"b"}}},
           {"\xef\xbb\xbf\"a\",b\n", {{"a", "b"}}},
           {"\xef\xbb", {{"\xef\xbb"}}},
           {"a;'b;''c'\n", {{"a", "b;'c"}}, {.separator = ';', .quote = '\''}},
           {"a\t\"b\n", {{"a", "\"b"}}, {.separator = '\t', .quote = std::nullopt}},
           {"a,b\rc,d\r", {{"a", "b"}, {"c", "d"}}, {.newline = CsvNewline::kCr}},
           {"a\n\nb\n", {{"a"}, {""}, {"b"}}, {.skip_empty_lines = false}},
           {"\xef\xbb\xbfx\n", {{"\xef\xbb\xbfx"}}, {.skip_byte_order_mark = false}},
           {"a\nb,c\n\n", {{"a"}, {"b", "c"}}, {.ragged = CsvRagged::kAllow}},
           {"a,b,c\nd\n", {{"a", "b", "c"}, {"d", "", ""}}, {.ragged = CsvRagged::kPad}},
       }) {
    const PlainCsv all = parsed(text, options);
    EXPECT_TRUE(all.status.ok()) << all.status << " for " << text;
    EXPECT_EQ(all.records, records) << text;
  }
}

struct BadCase {
  std::string_view text;
  absl::StatusCode code;
  std::string_view message;
  CsvOptions options = {};
};

TEST(Csv, RefusesTheRestAndSaysWhere) {
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  constexpr auto kLimit = absl::StatusCode::kResourceExhausted;
  for (const auto& [text, code, message, options] : std::vector<BadCase>{
           {"a\nb\"c\n", kInvalid, "offset 3: record 2: a quote"},
           {"a\n\"b\"c\n", kInvalid, "offset 6: record 2: a quote"},
           {"a\n\"b\" \"c\"\n", kInvalid, "offset 6: record 2: a quote"},
           {"a\n \"b\"\n", kInvalid, "offset 3: record 2: a quote"},
           {"a,b\nc\n", kInvalid, "offset 4: record 2: 1 fields instead of 2"},
           {"a,b\nc,d,e\n", kInvalid, "3 fields", {.ragged = CsvRagged::kPad}},
           {"a\n\"b\n", absl::StatusCode::kDataLoss, "offset 5"},
           {"a,b,c\n", kLimit, "record 1: more fields than the allowed 2", {.max_fields = 2}},
           {"a,b,c", kLimit, "record 1: more fields than the allowed 2", {.max_fields = 2}},
           {"12345678\n", kLimit, "more than the allowed 8", {.max_record = 8}},
           {"12345678", absl::StatusCode::kOk, "", {.max_record = 8}},
           {"123456789", kLimit, "more than the allowed 8", {.max_record = 8}},
       }) {
    const PlainCsv all = parsed(text, options);
    EXPECT_EQ(all.status.code(), code) << all.status << " for " << text;
    EXPECT_NE(all.status.message().find(absl::string_view(message.data(), message.size())),
              absl::string_view::npos)
        << all.status << " for " << text;
  }
}

TEST(Csv, NamesFieldsByTheHeader) {
  Reader reader = read_string("id,name,id\n1,\"x \"\"y\"\"\",2\n3,z,4\n");
  Messages<CsvParser> records(reader, CsvParser({.header = true}));
  const auto record = testing::run_at_once(records.next());
  ASSERT_TRUE(record.has_value()) << records.status();
  EXPECT_EQ(record->get("id"), "1") << "the first of two";
  EXPECT_EQ(record->get("name"), "x \"y\"");
  EXPECT_EQ(record->get("names"), std::nullopt);
  EXPECT_EQ(record->number(), 2U);
  EXPECT_EQ(record->columns().find("name"), 1U);
  EXPECT_EQ(records.parser().columns().names().size(), 3U);
}

TEST(Csv, AHeaderAloneIsAnEndAndNoError) {
  for (const char* text : {"", "id,name", "id,name\n"}) {
    const PlainCsv all = parsed(text, {.header = true});
    EXPECT_TRUE(all.status.ok()) << all.status;
    EXPECT_TRUE(all.records.empty());
  }
}

TEST(Csv, IsTheSameHoweverItArrives) {
  std::vector<std::string> corpus = {
      "",
      "id,name\r\n1,\"a\"\"b\"\r\n\r\n2,\"c\nd\"\r\n",
      "\xef\xbb\xbfid,n\n1,2\n",
      "\xef\xbb",
      "\r",
      "a,b\r",
      "a,\"b\"\r\nc,\"d\" \r\n",
      "a,b\nc,d\"\n",
      "a,b\nc\n",
      "a,\"b\n",
      std::string(70, 'x') + ",\"" + std::string(130, '"') + "\"\n1,2\n",
  };
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    uring::testing::SeededChoices choices(seed);
    corpus.push_back(csv_text(choices, 300));
  }
  testing::InvarianceOptions options;
  options.splits.every_cut_up_to = 128;
  options.splits.every_two_cuts_up_to = 24;
  options.splits.seeds = 6;
  for (const CsvOptions& how : {CsvOptions(), CsvOptions{.header = true},
                                CsvOptions{.ragged = CsvRagged::kAllow, .skip_empty_lines = false},
                                CsvOptions{.ragged = CsvRagged::kPad}}) {
    EXPECT_EQ(check_split_invariance(CsvParser(how), corpus, print_record, options),
              absl::OkStatus());
  }
}

TEST(Csv, LooksAtEachByteOnce) {
  std::string text = "a,b\n\"";
  for (int i = 0; i < 300; ++i) text += "xx\"\"yy,\n";
  text += "\",z\n";
  EXPECT_EQ(check_parser_linear(CsvParser(), text), absl::OkStatus());
}

// With the vectors that this machine has, of every width.
TEST(Csv, IsWhatAPlainParserMakesOfIt) {
  using internal::SimdTier;
  const SimdTier best = internal::scan_kernels().tier;
  for (const SimdTier tier : {SimdTier::kPortable, SimdTier::kSse2, SimdTier::kAvx2,
                              SimdTier::kAvx512, SimdTier::kNeon}) {
    if (!internal::set_simd_tier_for_test(tier)) continue;
    for (uint64_t seed = 1; seed <= 1500; ++seed) {
      SCOPED_TRACE(seed);
      uring::testing::SeededChoices choices(seed);
      const std::string text = csv_text(choices, 10 + choices.below(1500));
      const CsvOptions options{.ragged = choices.one_in(2) ? CsvRagged::kAllow : CsvRagged::kError,
                               .skip_empty_lines = choices.one_in(2)};
      const PlainCsv expected = plain_csv(text, options);
      const PlainCsv actual = parsed(text, options);
      ASSERT_EQ(actual.records, expected.records) << text;
      ASSERT_EQ(actual.status.code(), expected.status.code()) << text << actual.status;
    }
  }
  internal::set_simd_tier_for_test(best);
}

uring::Task<uint64_t> sum_of_fields(Messages<CsvParser>& records) {
  uint64_t sum = 0;
  for (;;) {
    auto record = co_await records.next();
    if (!record.has_value()) break;
    sum += record->size();
    records.for_each_buffered([&sum](const CsvRecord& each) { sum += each.size(); });
  }
  co_return sum;
}

TEST(Csv, AllocatesNothingForARecord) {
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += "one,\"two\",\"th\"\"ree\",4\n";
  const auto count = [&](size_t size) {
    Reader reader = read_view(std::string_view(text).substr(0, size));
    Messages<CsvParser> records(reader);
    const uint64_t before = testing::allocations;
    EXPECT_EQ(testing::run_at_once(sum_of_fields(records)), size / 22 * 4);
    return testing::allocations - before;
  };
  const size_t few = 22 * 100;
  count(few);  // which keeps a frame for the others
  EXPECT_EQ(count(few), count(text.size()));
}

}  // namespace
}  // namespace bufio
