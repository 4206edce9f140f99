// bufio/parse/varint.h
//
// Integers of variable length, seven bits a byte, least significant first (LEB128): from bytes, as
// parsers (parser.h), and from a Reader.
//
//   unsigned   as in protobuf's uint64 and in DWARF's ULEB128
//   signed     two's complement, as in DWARF's SLEB128 and WebAssembly
//   zigzag     0, -1, 1, -2, …, as in protobuf's sint64
//
// Each value has one encoding: one that is longer than needed, or stands for a number of more than
// 64 bits, is InvalidArgument at the byte that shows it.

#ifndef BUFIO_PARSE_VARINT_H_
#define BUFIO_PARSE_VARINT_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "bufio/parse/value_call.h"
#include "bufio/parser.h"
#include "bufio/reader.h"

namespace bufio {

// The longest one, in bytes.
inline constexpr size_t kMaxVarint = 10;

constexpr int64_t zigzag_decode(uint64_t value) {
  return static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1);
}

struct VarintParser {
  using value_type = uint64_t;
  ParseResult<uint64_t> parse(std::string_view view, size_t examined, bool final) const;
};

struct SignedVarintParser {
  using value_type = int64_t;
  ParseResult<int64_t> parse(std::string_view view, size_t examined, bool final) const;
};

struct ZigzagParser {
  using value_type = int64_t;
  ParseResult<int64_t> parse(std::string_view view, size_t examined, bool final) const;
};

// The integer at the Reader's cursor, consumed. OutOfRange at the end of the stream, DataLoss when
// it ends within the integer, InvalidArgument as above, both with nothing consumed; and what all
// calls of a Reader have.
//   cost     buffered: no system call, no allocation
//   cancel   nothing is consumed
inline ValueCall<VarintParser> read_varint(Reader& reader) {
  return ValueCall<VarintParser>(reader.state());
}
inline ValueCall<SignedVarintParser> read_signed_varint(Reader& reader) {
  return ValueCall<SignedVarintParser>(reader.state());
}
inline ValueCall<ZigzagParser> read_zigzag(Reader& reader) {
  return ValueCall<ZigzagParser>(reader.state());
}

// --- how it is done ------------------------------------------------------------------------------

namespace internal {

ParseError varint_error(bool too_large, size_t at);

// The bytes of one varint: how many, or 0 for more, and the bits of all of them.
struct VarintBits {
  size_t size = 0;
  uint64_t bits = 0;
  unsigned char last = 0;
};
inline VarintBits varint_bits(std::string_view view) {
  VarintBits result;
  const size_t most = std::min(view.size(), kMaxVarint);
  for (size_t i = 0; i < most; ++i) {
    const auto byte = static_cast<unsigned char>(view[i]);
    result.bits |= static_cast<uint64_t>(byte & 0x7f) << (7 * i);
    if (byte < 0x80) {
      result.size = i + 1;
      result.last = byte;
      return result;
    }
  }
  return result;
}

}  // namespace internal

inline ParseResult<uint64_t> VarintParser::parse(std::string_view view, size_t /*examined*/,
                                                 bool /*final*/) const {
  const internal::VarintBits found = internal::varint_bits(view);
  if (found.size == 0) [[unlikely]] {
    if (view.size() >= kMaxVarint) return internal::varint_error(true, kMaxVarint - 1);
    return NeedMore(view.size());
  }
  if (found.last == 0 && found.size > 1) return internal::varint_error(false, found.size - 1);
  // The tenth byte has room for one bit.
  if (found.size == kMaxVarint && found.last > 1) {
    return internal::varint_error(true, found.size - 1);
  }
  return {found.bits, found.size};
}

inline ParseResult<int64_t> ZigzagParser::parse(std::string_view view, size_t examined,
                                                bool final) const {
  ParseResult<uint64_t> result = VarintParser().parse(view, examined, final);
  switch (result.kind()) {
    case ParseKind::kValue:
      return {zigzag_decode(result.value()), result.consumed()};
    case ParseKind::kError:
      return ParseError(result.status(), result.error_offset());
    default:
      return NeedMore(result.examined());
  }
}

}  // namespace bufio

#endif  // BUFIO_PARSE_VARINT_H_
