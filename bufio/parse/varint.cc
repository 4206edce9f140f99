#include "bufio/parse/varint.h"

namespace bufio {
namespace internal {

ParseError varint_error(bool too_large, size_t at) {
  return ParseError(
      absl::InvalidArgumentError(too_large ? "a varint of more than 64 bits"
                                           : "a varint that is longer than it need be"),
      at);
}

}  // namespace internal

ParseResult<int64_t> SignedVarintParser::parse(std::string_view view, size_t /*examined*/,
                                               bool /*final*/) const {
  const internal::VarintBits found = internal::varint_bits(view);
  if (found.size == 0) {
    if (view.size() >= kMaxVarint) return internal::varint_error(true, kMaxVarint - 1);
    return NeedMore(view.size());
  }
  // The tenth byte has one bit of the value, and six that repeat it.
  if (found.size == kMaxVarint && found.last != 0 && found.last != 0x7f) {
    return internal::varint_error(true, found.size - 1);
  }
  if (found.size > 1) {
    const bool negative = (static_cast<unsigned char>(view[found.size - 2]) & 0x40) != 0;
    const unsigned char nothing_new = negative ? 0x7f : 0;
    if (found.last == nothing_new) {
      return internal::varint_error(false, found.size - 1);
    }
  }
  uint64_t bits = found.bits;
  const size_t width = 7 * found.size;
  if (width < 64 && (found.last & 0x40) != 0) bits |= ~uint64_t{0} << width;
  return {static_cast<int64_t>(bits), found.size};
}

}  // namespace bufio
