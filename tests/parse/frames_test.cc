// Frames with their length in front, and netstrings.

#include "bufio/parse/frames.h"

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "bufio/parse/netstring.h"
#include "bufio/testing/check_parser_linear.h"
#include "gtest/gtest.h"
#include "tests/parse/parsed.h"

namespace bufio {
namespace {

using namespace std::string_view_literals;  // NOLINT(google-build-using-namespace)
using testing::check_parser_linear;
using testing::kCutOff;
using testing::kInvalid;
using testing::kOk;
using testing::kTooLong;
using testing::Parsed;
using testing::parsed;
using testing::Values;

TEST(FramesTest, EveryWidthAndOrder) {
  for (size_t width = 1; width <= 8; ++width) {
    const std::string zeros(width - 1, '\0');
    const std::string big = zeros + "\3abc" + zeros + "\1d" + zeros + '\0';
    EXPECT_EQ(parsed(FrameParser({.width = width}), big).values, (Values{"abc", "d", ""}));
    const std::string little = "\3" + zeros + "abc\1" + zeros + "d" + '\0' + zeros;
    EXPECT_EQ(
        parsed(FrameParser({.length = FrameLength::kLittleEndian, .width = width}), little).values,
        (Values{"abc", "d", ""}));
  }
  EXPECT_EQ(
      parsed(FrameParser({.length = FrameLength::kVarint}), "\3abc\x80\x01" + std::string(128, 'x'))
          .values,
      (Values{"abc", std::string(128, 'x')}));
}

TEST(FramesTest, ALengthThatIncludesItself) {
  const FrameParser parser({.width = 2, .includes_header = true});
  EXPECT_EQ(parsed(parser, "\0\5abc\0\2\0\3d"sv).values, (Values{"abc", "", "d"}));
  EXPECT_EQ(parsed(parser, "\0\3a\0\1"sv).code(), kInvalid);
  EXPECT_EQ(parsed(parser, "\0\3a\0\1"sv).offset, 3U);
}

TEST(FramesTest, CutOff) {
  for (const std::string_view text : {"\0"sv, "\0\3ab"sv, "\0\1a\0\1"sv}) {
    EXPECT_EQ(parsed(FrameParser({.width = 2}), text).code(), kCutOff) << text;
  }
  EXPECT_EQ(parsed(FrameParser({.width = 2}), "").code(), kOk);
}

TEST(FramesTest, ALimitIsForThePayload) {
  const FrameParser parser({.width = 1, .max_size = 3});
  EXPECT_EQ(parsed(parser, "\3abc").values, Values{"abc"});
  const Parsed result = parsed(parser, "\3abc\4abcd");
  EXPECT_EQ(result.values, Values{"abc"});
  EXPECT_EQ(result.code(), kTooLong);
  EXPECT_EQ(result.offset, 4U);
  EXPECT_EQ(parsed(FrameParser({.width = 8}), "\xff\xff\xff\xff\xff\xff\xff\xff").code(), kTooLong);
  EXPECT_EQ(
      parsed(FrameParser({.width = 8, .max_size = SIZE_MAX}), "\xff\xff\xff\xff\xff\xff\xff\xff")
          .code(),
      kTooLong);
}

TEST(FramesTest, Linear) {
  EXPECT_EQ(
      check_parser_linear(FrameParser(), std::string("\0\0\x03\xe8"sv) + std::string(1000, 'x')),
      absl::OkStatus());
}

TEST(NetstringTest, Values) {
  EXPECT_EQ(parsed(NetstringParser(), "5:hello,0:,3:a,b,").values, (Values{"hello", "", "a,b"}));
}

TEST(NetstringTest, Errors) {
  struct Case {
    std::string_view text;
    absl::StatusCode code;
    uint64_t offset;
  };
  for (const Case& wrong :
       {Case{"5:hello;", kInvalid, 7}, Case{":,", kInvalid, 0}, Case{"1:a,05:hello,", kInvalid, 4},
        Case{"5hello,", kInvalid, 1}, Case{"-1:,", kInvalid, 0}, Case{"00:,", kInvalid, 0},
        Case{"5:hell", kCutOff, 6}, Case{"5", kCutOff, 1}, Case{"5:hello", kCutOff, 7},
        Case{"9999999999:", kTooLong, 0}}) {
    const Parsed result = parsed(NetstringParser(), wrong.text);
    EXPECT_EQ(result.code(), wrong.code) << wrong.text;
    EXPECT_EQ(result.offset, wrong.offset) << wrong.text;
  }
}

TEST(NetstringTest, ALimitIsForTheBytesBetweenColonAndComma) {
  EXPECT_EQ(parsed(NetstringParser({.max_size = 10}), "10:0123456789,").code(), kOk);
  EXPECT_EQ(parsed(NetstringParser({.max_size = 9}), "10:0123456789,").code(), kTooLong);
}

TEST(NetstringTest, Linear) {
  EXPECT_EQ(check_parser_linear(NetstringParser(), "1000:" + std::string(1000, 'x') + ","),
            absl::OkStatus());
}

}  // namespace
}  // namespace bufio
