// read_until and fill_until, against an oracle that looks at the whole text.

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bufio/reader.h"
#include "bufio/scan.h"
#include "bufio/source.h"
#include "tests/reader_testing.h"

namespace bufio {
namespace {

using testing::EverySourceTest;
using testing::RingTest;
using testing::StrictSource;

constexpr auto kLimit = absl::StatusCode::kResourceExhausted;

std::vector<std::string> split(std::string_view text, std::string_view delimiter, bool keep) {
  std::vector<std::string> tokens;
  while (!text.empty()) {
    size_t at = text.find(delimiter);
    size_t end = at == std::string_view::npos ? text.size() : at + delimiter.size();
    size_t shown = at == std::string_view::npos || keep ? end : at;
    tokens.emplace_back(text.substr(0, shown));
    text.remove_prefix(end);
  }
  return tokens;
}

uring::Task<std::vector<std::string>> read_tokens(Reader& reader, std::string delimiter,
                                                  ReadUntilOptions options) {
  std::vector<std::string> tokens;
  for (;;) {
    absl::StatusOr<Token> token = co_await reader.read_until(delimiter, options);
    if (!token.ok()) {
      ADD_FAILURE() << token.status();
      break;
    }
    if (!token->has_value()) break;
    tokens.emplace_back(**token);
  }
  co_return tokens;
}

class ReadUntilTest : public EverySourceTest {};
INSTANTIATE_EVERY_SOURCE(ReadUntilTest);

TEST_P(ReadUntilTest, DelimitersOfEveryLength) {
  for (size_t length = 1; length <= 40; length = length < 9 ? length + 1 : 2 * length + 3) {
    std::string delimiter = testing::pattern(100).substr(0, length);
    delimiter.back() = '!';
    std::string near = delimiter.substr(0, length - 1);  // almost one
    std::string bytes =
        "one" + delimiter + near + "two" + delimiter + delimiter + near + near + delimiter + near;
    for (bool keep : {false, true}) {
      Reader reader = make(bytes);
      EXPECT_EQ(await(read_tokens(reader, delimiter, {.keep_delimiter = keep})),
                split(bytes, delimiter, keep))
          << delimiter;
      EXPECT_EQ(reader.pos(), start() + bytes.size());
    }
  }
}

TEST_P(ReadUntilTest, LastTokenNeedsNoDelimiter) {
  Reader reader = make("a,b");
  EXPECT_EQ(await(read_tokens(reader, ",", {})), (std::vector<std::string>{"a", "b"}));
  Reader ended = make("a,b,");
  EXPECT_EQ(await(read_tokens(ended, ",", {})), (std::vector<std::string>{"a", "b"}));
  Reader empty = make(",,");
  EXPECT_EQ(await(read_tokens(empty, ",", {})), (std::vector<std::string>{"", ""}));
}

TEST_P(ReadUntilTest, DelimiterThatOverlapsItself) {
  std::string bytes = "aaabaabaaab|aabab";
  for (std::string delimiter : {"aab", "aabaab", "ab", "aa"}) {
    Reader reader = make(bytes);
    EXPECT_EQ(await(read_tokens(reader, delimiter, {})), split(bytes, delimiter, false));
  }
}

TEST_P(ReadUntilTest, TokenOfJustTheLimitIsGivenAndOneByteMoreIsNot) {
  for (std::string delimiter : {",", "--", "====="}) {
    for (size_t limit : {size_t{1}, size_t{5}, size_t{50}}) {
      std::string exact(limit, 'x');
      for (std::string end : {delimiter, std::string()}) {
        Reader reader = make(exact + end);
        absl::StatusOr<Token> token = await(reader.read_until(delimiter, {.max_length = limit}));
        ASSERT_TRUE(token.ok() && token->has_value()) << token.status();
        EXPECT_EQ(**token, exact);

        Reader longer = make(exact + "x" + end);
        token = await(longer.read_until(delimiter, {.max_length = limit}));
        EXPECT_EQ(token.status().code(), kLimit) << limit << delimiter << end;
        EXPECT_EQ(longer.pos(), start());
        token = await(longer.read_until(delimiter, {.max_length = limit + 1}));
        ASSERT_TRUE(token.ok() && token->has_value()) << token.status();
        EXPECT_EQ(**token, exact + "x");
      }
    }
  }
}

TEST_P(ReadUntilTest, LimitAboveTheBufferIsHonoured) {
  std::string bytes = std::string(3000, 'x') + ";" + std::string(2000, 'y');
  Reader reader = make(bytes, {.max_buffer_size = 100});
  absl::StatusOr<Token> token = await(reader.read_until(";", {.max_length = 3000}));
  ASSERT_TRUE(token.ok() && token->has_value()) << token.status();
  EXPECT_EQ(token->value(), std::string(3000, 'x'));
  token = await(reader.read_until(";", {.max_length = 2000}));
  ASSERT_TRUE(token.ok() && token->has_value()) << token.status();
  EXPECT_EQ(token->value(), std::string(2000, 'y'));
}

TEST_P(ReadUntilTest, LargestLimitIsNoLimit) {
  std::string bytes = std::string(3000, 'x') + ";z";
  Reader reader = make(bytes, {.max_buffer_size = 100});
  absl::StatusOr<Token> token = await(reader.read_until(";", {.max_length = SIZE_MAX}));
  ASSERT_TRUE(token.ok()) << token.status();
  EXPECT_EQ(token->value(), std::string(3000, 'x'));
}

TEST_P(ReadUntilTest, DefaultLimitIsTheBuffer) {
  Reader reader =
      make(std::string(99, 'x') + ";" + std::string(100, 'y') + ";", {.max_buffer_size = 100});
  absl::StatusOr<Token> token = await(reader.read_until(";"));
  ASSERT_TRUE(token.ok() && token->has_value()) << token.status();
  EXPECT_EQ(token->value(), std::string(99, 'x'));
  token = await(reader.read_until(";"));
  EXPECT_EQ(token.status().code(), kLimit);
  EXPECT_EQ(reader.pos(), start() + 100);
  EXPECT_EQ(await(testing::drain(reader)), std::string(100, 'y') + ";");
}

TEST_P(ReadUntilTest, DifferentDelimitersInTurnStartOver) {
  Reader reader = make("a;b,c;d,e");
  auto next = [&](std::string_view delimiter, size_t limit) {
    absl::StatusOr<Token> token = await(reader.read_until(delimiter, {.max_length = limit}));
    if (!token.ok()) return std::string(absl::StatusCodeToString(token.status().code()));
    return token->has_value() ? std::string(**token) : std::string("nothing");
  };
  EXPECT_EQ(next(",", 2), "RESOURCE_EXHAUSTED");
  EXPECT_EQ(next(";", 2), "a");
  EXPECT_EQ(next("!", 3), "RESOURCE_EXHAUSTED");
  EXPECT_EQ(next(",", 0), "b");
  EXPECT_EQ(next("!", 0), "c;d,e");
  EXPECT_EQ(next("!", 0), "nothing");
}

// --- fill_until

// A number in digits and a colon, and then so many bytes: no delimiter of the library's.
struct LengthPrefixed {
  ScanResult operator()(std::string_view view, size_t /*from*/, bool /*final*/) const {
    size_t colon = view.find(':');
    if (colon == std::string_view::npos) return ScanResult::more(0);
    size_t length = colon + 1 + static_cast<size_t>(std::stoi(std::string(view.substr(0, colon))));
    return view.size() >= length ? ScanResult::token(length) : ScanResult::more(0);
  }
};

TEST_P(ReadUntilTest, FillUntilGivesTokensOfAnyScannerWithoutConsuming) {
  Reader reader = make("3:abc0:11:hello world7:cut");
  for (std::string token : {"3:abc", "0:", "11:hello world"}) {
    for (int i = 0; i < 2; ++i) {
      absl::StatusOr<Token> found = await(reader.fill_until(LengthPrefixed()));
      ASSERT_TRUE(found.ok() && found->has_value()) << found.status();
      EXPECT_EQ(**found, token);
    }
    reader.consume(token.size());
  }
  absl::StatusOr<Token> found = await(reader.fill_until(LengthPrefixed()));
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_FALSE(found->has_value());
  EXPECT_EQ(reader.buffered(), "7:cut");
}

TEST_P(ReadUntilTest, FillUntilLimitsTheToken) {
  Reader reader = make("5:abcde9:abcdefghi");
  absl::StatusOr<Token> found = await(reader.fill_until(LengthPrefixed(), 7));
  ASSERT_TRUE(found.ok() && found->has_value()) << found.status();
  reader.consume(7);
  found = await(reader.fill_until(LengthPrefixed(), 7));
  EXPECT_EQ(found.status().code(), kLimit);
  found = await(reader.fill_until(LengthPrefixed(), 11));
  ASSERT_TRUE(found.ok() && found->has_value()) << found.status();
  EXPECT_EQ(**found, "9:abcdefghi");
}

// --- random texts

class RandomReadUntilTest : public RingTest {};

TEST_F(RandomReadUntilTest, AgreesWithAnOracleForAnyText) {
  std::mt19937 random(testing::announced_seed());
  auto pick = [&random](size_t low, size_t high) {
    return std::uniform_int_distribution<size_t>(low, high)(random);
  };
  for (int round = 0; round < 1500; ++round) {
    std::string alphabet = std::string("ab;-").substr(0, pick(1, 4));
    auto word = [&](size_t size) {
      std::string made;
      for (size_t i = 0; i < size; ++i) made += alphabet[pick(0, alphabet.size() - 1)];
      return made;
    };
    std::string delimiter = word(pick(1, 6));
    std::string bytes = word(pick(0, 200));
    size_t piece = pick(1, 30);
    bool keep = pick(0, 1) == 1;
    Reader reader = read_source(
        ring(),
        std::make_unique<StrictSource>(StrictSource::Plan{
            .text = bytes, .end = {}, .piece = piece, .seed = static_cast<uint32_t>(round)}),
        {.read_size = pick(1, 40)});
    ASSERT_EQ(await(read_tokens(reader, delimiter, {.keep_delimiter = keep})),
              split(bytes, delimiter, keep))
        << "text " << bytes << ", delimiter " << delimiter << ", pieces of " << piece;
  }
}

TEST_F(RandomReadUntilTest, SplitAtEveryOffset) {
  std::string bytes = "first--second---third----last";
  for (size_t at = 1; at < bytes.size(); ++at) {
    for (std::string delimiter : {"-", "--", "---"}) {
      Reader reader = read_source(
          std::make_unique<StrictSource>(StrictSource::Plan{.text = bytes, .end = {}, .piece = at}),
          {.read_size = at});
      EXPECT_EQ(await(read_tokens(reader, delimiter, {})), split(bytes, delimiter, false)) << at;
    }
  }
}

}  // namespace
}  // namespace bufio
