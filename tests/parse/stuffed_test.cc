// Packets that are delimited by a byte, and escape it: COBS and SLIP.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "bufio/parse/cobs.h"
#include "bufio/parse/slip.h"
#include "bufio/testing/check_parser_linear.h"
#include "gtest/gtest.h"
#include "tests/parse/parsed.h"

namespace bufio {
namespace {

using namespace std::string_literals;       // NOLINT(google-build-using-namespace)
using namespace std::string_view_literals;  // NOLINT(google-build-using-namespace)
using testing::check_parser_linear;
using testing::kCutOff;
using testing::kInvalid;
using testing::kOk;
using testing::kTooLong;
using testing::Parsed;
using testing::parsed;
using testing::Values;

// By the book: each run of non-zero bytes, at most 254, behind its length and one.
std::string stuffed(std::string_view packet) {
  std::string bytes;
  std::string run;
  for (size_t i = 0; i <= packet.size(); ++i) {
    const bool zero = i == packet.size() || packet[i] == '\0';
    if (zero || run.size() == 254) {
      bytes += static_cast<char>(run.size() + 1);
      bytes += run;
      run.clear();
      if (zero) continue;
    }
    run += packet[i];
  }
  return bytes + '\0';
}

std::string numbers(size_t size) {
  std::string bytes;
  for (size_t i = 0; i < size; ++i) bytes += static_cast<char>(i);
  return bytes;
}

TEST(CobsTest, WhatThePaperSays) {
  EXPECT_EQ(parsed(CobsParser(), "\x01\x01\0\x03\x11\x22\x02\x33\0\x05\x11\x22\x33\x44\0"sv).values,
            (Values{std::string(1, '\0'), "\x11\x22\0\x33"s, "\x11\x22\x33\x44"}));
  EXPECT_EQ(parsed(CobsParser(), "\x01\0"sv).values, Values{""});
}

TEST(CobsTest, EverySize) {
  for (const size_t size : {0U, 1U, 2U, 252U, 253U, 254U, 255U, 256U, 508U, 509U, 510U, 1000U}) {
    for (const std::string& packet :
         {numbers(size), std::string(size, 'x'), std::string(size, '\0')}) {
      EXPECT_EQ(parsed(CobsParser(), stuffed(packet) + stuffed("next")).values,
                (Values{packet, "next"}))
          << size;
    }
  }
  // Some senders end a full block with an empty one.
  EXPECT_EQ(parsed(CobsParser(), "\xff" + std::string(254, 'x') + "\x01\0"s).values,
            Values{std::string(254, 'x')});
}

TEST(CobsTest, AViewWhereNothingWasStuffed) {
  CobsParser parser;
  const std::string bytes = stuffed(std::string(254, 'x'));
  const auto plain = parser.parse(bytes, 0, false);
  EXPECT_EQ(plain.value().data(), bytes.data() + 1);
}

TEST(CobsTest, ZerosBetweenPacketsArePassedOver) {
  EXPECT_EQ(parsed(CobsParser(), "\0\0\x02x\0\0\0\x02y\0\0"sv).values, (Values{"x", "y"}));
}

TEST(CobsTest, Errors) {
  const Parsed result = parsed(CobsParser(), "\x02x\0\x02y\x04z\0"sv);
  EXPECT_EQ(result.values, Values{"x"});
  EXPECT_EQ(result.code(), kInvalid);
  EXPECT_EQ(result.offset, 5U);
  EXPECT_EQ(parsed(CobsParser(), "\x02x"sv).code(), kCutOff);
}

TEST(CobsTest, Limit) {
  for (const std::string& packet : {numbers(300), std::string(300, 'x'), std::string(300, '\0')}) {
    EXPECT_EQ(parsed(CobsParser({.max_size = 300}), stuffed(packet)).values, Values{packet});
    EXPECT_EQ(parsed(CobsParser({.max_size = 299}), stuffed(packet)).code(), kTooLong);
  }
  EXPECT_EQ(parsed(CobsParser({.max_size = 100}), std::string(1000, 'x')).code(), kTooLong);
}

TEST(SlipTest, Packets) {
  EXPECT_EQ(parsed(SlipParser(), "ab\xC0\xC0\xC0x\xDB\xDCy\xDB\xDD\xC0\xC0"sv).values,
            (Values{"ab", "x\xC0y\xDB"}));
  EXPECT_EQ(parsed(SlipParser(), ""sv).code(), kOk);
  EXPECT_EQ(parsed(SlipParser(), "\xC0\xC0"sv).code(), kOk);
}

TEST(SlipTest, AViewWhereNothingWasEscaped) {
  SlipParser parser;
  const std::string_view bytes = "ab\xC0";
  EXPECT_EQ(parser.parse(bytes, 0, false).value().data(), bytes.data());
}

TEST(SlipTest, Errors) {
  const Parsed result = parsed(SlipParser(), "ab\xC0x\xDBy\xC0"sv);
  EXPECT_EQ(result.values, Values{"ab"});
  EXPECT_EQ(result.code(), kInvalid);
  EXPECT_EQ(result.offset, 4U);
  EXPECT_EQ(parsed(SlipParser(), "x\xDB\xC0"sv).code(), kInvalid);
  EXPECT_EQ(parsed(SlipParser(), "x"sv).code(), kCutOff);
}

TEST(SlipTest, Limit) {
  EXPECT_EQ(parsed(SlipParser({.max_size = 3}), "abc\xC0"sv).values, Values{"abc"});
  EXPECT_EQ(parsed(SlipParser({.max_size = 3}), "\xDB\xDC\xDB\xDC\xDB\xDC\xC0"sv).values,
            Values{"\xC0\xC0\xC0"});
  EXPECT_EQ(parsed(SlipParser({.max_size = 3}), "abcd\xC0"sv).code(), kTooLong);
  EXPECT_EQ(parsed(SlipParser({.max_size = 3}), "abc\xDB\xDC\xC0"sv).code(), kTooLong);
  EXPECT_EQ(parsed(SlipParser({.max_size = 3}), "abcdefghi"sv).code(), kTooLong);
}

TEST(StuffedTest, Linear) {
  const std::string letters(1000, 'x');
  EXPECT_EQ(check_parser_linear(SlipParser(), letters + "\xC0" + letters + "\xC0"),
            absl::OkStatus());
  EXPECT_EQ(check_parser_linear(CobsParser(), stuffed(numbers(1000))), absl::OkStatus());
}

}  // namespace
}  // namespace bufio
