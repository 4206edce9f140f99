// Integers of fixed and of variable length.

#include "bufio/parse/integers.h"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bufio/memory.h"
#include "bufio/parse/varint.h"
#include "bufio/reader.h"
#include "bufio/source.h"
#include "bufio/testing/run_at_once.h"
#include "bufio/testing/scripted_source.h"
#include "bufio/testing/split.h"
#include "gtest/gtest.h"
#include "tests/parse/parsed.h"

namespace bufio {
namespace {

using namespace std::string_view_literals;  // NOLINT(google-build-using-namespace)
using testing::kCutOff;
using testing::kInvalid;
using testing::kOk;
using testing::parsed;
using testing::run_at_once;
using testing::Split;
using testing::Values;

constexpr std::string_view kBytes = "\x81\x02\x03\x04\x05\x06\x07\xf8";

TEST(IntegersTest, EveryWidthAndOrder) {
  EXPECT_EQ(load_be<uint8_t>(kBytes.data()), 0x81);
  EXPECT_EQ(load_be<int8_t>(kBytes.data()), -127);
  EXPECT_EQ(load_be<uint16_t>(kBytes.data()), 0x8102);
  EXPECT_EQ(load_le<uint16_t>(kBytes.data()), 0x0281);
  EXPECT_EQ(load_be<int16_t>(kBytes.data()), static_cast<int16_t>(0x8102));
  EXPECT_EQ(load_be<uint32_t>(kBytes.data()), 0x81020304U);
  EXPECT_EQ(load_le<int32_t>(kBytes.data()), 0x04030281);
  EXPECT_EQ(load_be<int32_t>(kBytes.data()), static_cast<int32_t>(0x81020304U));
  EXPECT_EQ(load_be<uint64_t>(kBytes.data()), 0x81020304050607f8U);
  EXPECT_EQ(load_le<uint64_t>(kBytes.data()), 0xf807060504030281U);
  EXPECT_EQ(load_le<int64_t>(kBytes.data()), static_cast<int64_t>(0xf807060504030281U));
  uint64_t big = 0;
  uint64_t little = 0;
  for (size_t width = 1; width <= 8; ++width) {
    const uint64_t byte = static_cast<unsigned char>(kBytes[width - 1]);
    big = big << 8 | byte;
    little |= byte << (8 * (width - 1));
    EXPECT_EQ(load_unsigned(kBytes.data(), width, std::endian::big), big);
    EXPECT_EQ(load_unsigned(kBytes.data(), width, std::endian::little), little);
  }
  static_assert(load_be<uint16_t>("\x01\x02") == 0x0102);
}

TEST(IntegersTest, FromAReader) {
  for (const Split& split : {Split::whole(kBytes), Split::one_byte_each(kBytes)}) {
    Reader reader = read_source(testing::scripted(split));
    EXPECT_EQ(*run_at_once(read_be<uint16_t>(reader)), 0x8102);
    EXPECT_EQ(*run_at_once(read_le<int32_t>(reader)), 0x06050403);
    EXPECT_EQ(reader.pos(), 6U);
    EXPECT_EQ(run_at_once(read_be<int64_t>(reader)).status().code(), kCutOff);
    EXPECT_EQ(reader.buffered(), "\x07\xf8");
    EXPECT_EQ(*run_at_once(read_be<int16_t>(reader)), 0x07f8);
    EXPECT_EQ(run_at_once(read_be<uint8_t>(reader)).status().code(), absl::StatusCode::kOutOfRange);
  }
}

std::string unsigned_leb(uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes.push_back(static_cast<char>(0x80 | (value & 0x7f)));
  bytes.push_back(static_cast<char>(value));
  return bytes;
}

std::string signed_leb(int64_t value) {
  for (std::string bytes;;) {
    const auto low = static_cast<unsigned char>(value & 0x7f);
    value >>= 7;
    const bool last = (value == 0 && (low & 0x40) == 0) || (value == -1 && (low & 0x40) != 0);
    bytes.push_back(static_cast<char>(last ? low : low | 0x80));
    if (last) return bytes;
  }
}

TEST(VarintTest, EveryPowerOfTwoAndItsNeighbours) {
  for (int bit = 0; bit < 64; ++bit) {
    for (const uint64_t less : {uint64_t{0}, uint64_t{1}}) {
      const uint64_t value = (uint64_t{1} << bit) - less;
      const auto number = static_cast<int64_t>(value);
      EXPECT_EQ(parsed(VarintParser(), unsigned_leb(value)).values, Values{std::to_string(value)});
      EXPECT_EQ(parsed(SignedVarintParser(), signed_leb(number)).values,
                Values{std::to_string(number)});
      EXPECT_EQ(parsed(SignedVarintParser(), signed_leb(~number)).values,
                Values{std::to_string(~number)});
    }
  }
}

TEST(VarintTest, WhatOthersEncode) {
  EXPECT_EQ(parsed(VarintParser(), "\x00\x96\x01\xe5\x8e\x26"sv).values,
            (Values{"0", "150", "624485"}));
  EXPECT_EQ(parsed(SignedVarintParser(), "\x7f\x80\x7f\xc0\xbb\x78"sv).values,
            (Values{"-1", "-128", "-123456"}));
  EXPECT_EQ(
      parsed(ZigzagParser(), "\x00\x01\x02\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"sv).values,
      (Values{"0", "-1", "1", "-2", std::to_string(std::numeric_limits<int64_t>::min())}));
}

TEST(VarintTest, ALongerEncodingThanNeededIsNone) {
  EXPECT_EQ(parsed(VarintParser(), "\x05\x80\x00"sv).code(), kInvalid);
  EXPECT_EQ(parsed(VarintParser(), "\x05\x80\x00"sv).offset, 2U);
  EXPECT_EQ(parsed(ZigzagParser(), "\x81\x00"sv).code(), kInvalid);
  EXPECT_EQ(parsed(SignedVarintParser(), "\x80\x00"sv).code(), kInvalid);
  EXPECT_EQ(parsed(SignedVarintParser(), "\xff\x7f"sv).code(), kInvalid);
  EXPECT_EQ(parsed(SignedVarintParser(), "\xff\x00"sv).values, Values{"127"});
}

TEST(VarintTest, MoreThanSixtyFourBitsAreTooMany) {
  const std::string nine(9, '\xff');
  for (const std::string_view last : {"\x02"sv, "\x80"sv, "\xff"sv, "\x7e"sv}) {
    EXPECT_EQ(parsed(VarintParser(), nine + std::string(last)).code(), kInvalid);
    EXPECT_EQ(parsed(VarintParser(), nine + std::string(last)).offset, 9U);
    EXPECT_EQ(parsed(SignedVarintParser(), nine + std::string(last)).code(), kInvalid);
  }
}

TEST(VarintTest, CutOff) {
  EXPECT_EQ(parsed(VarintParser(), "\x01\x80"sv).code(), kCutOff);
  EXPECT_EQ(parsed(SignedVarintParser(), "\xff\xff"sv).code(), kCutOff);
  EXPECT_EQ(parsed(VarintParser(), ""sv).code(), kOk);
}

TEST(VarintTest, FromAReader) {
  const std::string_view bytes = "\x96\x01\xff\x00\x03\x80\x00"sv;
  for (const Split& split : {Split::whole(bytes), Split::one_byte_each(bytes)}) {
    Reader reader = read_source(testing::scripted(split));
    EXPECT_EQ(*run_at_once(read_varint(reader)), 150U);
    EXPECT_EQ(*run_at_once(read_signed_varint(reader)), 127);
    EXPECT_EQ(*run_at_once(read_zigzag(reader)), -2);
    const absl::Status status = run_at_once(read_varint(reader)).status();
    EXPECT_EQ(status.code(), kInvalid);
    EXPECT_NE(std::string(status.message()).find("at offset 6: "), std::string::npos) << status;
    EXPECT_EQ(reader.pos(), 5U);
    reader.consume(1);
    EXPECT_EQ(*run_at_once(read_varint(reader)), 0U);
    EXPECT_EQ(run_at_once(read_varint(reader)).status().code(), absl::StatusCode::kOutOfRange);
  }
  Reader reader = read_view("\x80");
  EXPECT_EQ(run_at_once(read_varint(reader)).status().code(), kCutOff);
  EXPECT_EQ(reader.available(), 1U);
}

}  // namespace
}  // namespace bufio
