#include "bufio/parse/tar_fields.h"

#include <algorithm>
#include <limits>

namespace bufio::tar {
namespace {

constexpr auto kMost = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());

std::string_view bytes_of(std::string_view block, Field field) {
  return block.substr(field.at, field.size);
}

// Big-endian two's complement in all bits but the first, which only says that it is binary.
std::optional<int64_t> binary(std::string_view bytes) {
  const auto first = static_cast<unsigned char>(bytes[0]);
  const bool negative = (first & 0x40) != 0;
  uint64_t value = negative ? ~uint64_t{0} << 6 : 0;
  value |= first & 0x3f;
  for (char byte : bytes.substr(1)) {
    // The bits that are pushed out must be those that the sign repeats.
    const uint64_t pushed_out = value >> 55;
    if (pushed_out != (negative ? 0x1ff : 0)) return std::nullopt;
    value = value << 8 | static_cast<unsigned char>(byte);
  }
  return static_cast<int64_t>(value);
}

std::optional<int64_t> octal(std::string_view bytes) {
  const auto is_blank = [](char byte) { return byte == ' ' || byte == '\0'; };
  while (!bytes.empty() && is_blank(bytes.front())) bytes.remove_prefix(1);
  uint64_t value = 0;
  size_t at = 0;
  for (; at < bytes.size() && !is_blank(bytes[at]); ++at) {
    if (bytes[at] < '0' || bytes[at] > '7' || value > kMost >> 3) return std::nullopt;
    value = value << 3 | static_cast<uint64_t>(bytes[at] - '0');
  }
  const std::string_view rest = bytes.substr(at);
  if (std::any_of(rest.begin(), rest.end(), [&](char byte) { return !is_blank(byte); })) {
    return std::nullopt;
  }
  return static_cast<int64_t>(value);
}

}  // namespace

std::string_view text(std::string_view block, Field field) {
  const std::string_view bytes = bytes_of(block, field);
  return bytes.substr(0, bytes.find('\0'));
}

std::optional<int64_t> signed_number(std::string_view block, Field field) {
  const std::string_view bytes = bytes_of(block, field);
  return (static_cast<unsigned char>(bytes[0]) & 0x80) != 0 ? binary(bytes) : octal(bytes);
}

std::optional<uint64_t> number(std::string_view block, Field field) {
  const std::optional<int64_t> value = signed_number(block, field);
  if (!value.has_value() || *value < 0) return std::nullopt;
  return static_cast<uint64_t>(*value);
}

bool checksum_fits(std::string_view block) {
  int64_t sum = 0;
  int64_t signed_sum = 0;
  for (size_t i = 0; i < kBlock; ++i) {
    const bool its_own = i >= kChecksum.at && i < kChecksum.at + kChecksum.size;
    const char byte = its_own ? ' ' : block[i];
    sum += static_cast<unsigned char>(byte);
    signed_sum += static_cast<signed char>(byte);
  }
  const std::optional<int64_t> said = signed_number(block, kChecksum);
  return said.has_value() && (*said == sum || *said == signed_sum);
}

std::optional<uint64_t> decimal(std::string_view digits) {
  uint64_t value = 0;
  for (char digit : digits) {
    if (digit < '0' || digit > '9') return std::nullopt;
    const auto add = static_cast<uint64_t>(digit - '0');
    if (value > (kMost - add) / 10) return std::nullopt;
    value = value * 10 + add;
  }
  if (digits.empty()) return std::nullopt;
  return value;
}

bool all_zero(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char byte) { return byte == '\0'; });
}

}  // namespace bufio::tar
