// bufio/parse/integers.h
//
// Integers of 1 to 8 bytes in either order: from bytes, and from a Reader.
//
//   uint32_t length = bufio::load_be<uint32_t>(view.data());
//   absl::StatusOr<uint32_t> length = co_await bufio::read_be<uint32_t>(reader);

#ifndef BUFIO_PARSE_INTEGERS_H_
#define BUFIO_PARSE_INTEGERS_H_

#include <bit>
#include <concepts>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>
#include <utility>

#include "absl/status/statusor.h"
#include "bufio/fill_call.h"
#include "bufio/gcc12_warning.h"
#include "bufio/reader.h"
#include "bufio/reader_state.h"
#include "uring/check.h"

namespace bufio {

template <class T>
concept Integer = std::integral<T> && !std::same_as<T, bool> && sizeof(T) <= 8;

// The unsigned integer of `width` bytes, 1 to 8, at `bytes`.
inline uint64_t load_unsigned(const char* bytes, size_t width, std::endian order) {
  URING_CHECK(width >= 1 && width <= 8, "an integer has 1 to 8 bytes");
  uint64_t value = 0;
  for (size_t i = 0; i < width; ++i) {
    const size_t at = order == std::endian::big ? i : width - 1 - i;
    value = value << 8 | static_cast<unsigned char>(bytes[at]);
  }
  return value;
}

// The T at `bytes`, of which there are sizeof(T). Compiles to a load, and a swap where needed.
template <Integer T, std::endian order>
constexpr T load_integer(const char* bytes) {
  using Unsigned = std::make_unsigned_t<T>;
  Unsigned value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) {
    const size_t place = order == std::endian::big ? sizeof(T) - 1 - i : i;
    const auto byte = static_cast<Unsigned>(static_cast<unsigned char>(bytes[i]));
    value = static_cast<Unsigned>(value | static_cast<Unsigned>(byte << (8 * place)));
  }
  return static_cast<T>(value);
}
template <Integer T>
constexpr T load_le(const char* bytes) {
  return load_integer<T, std::endian::little>(bytes);
}
template <Integer T>
constexpr T load_be(const char* bytes) {
  return load_integer<T, std::endian::big>(bytes);
}

// The awaiter: Reader::require of sizeof(T) bytes, which are consumed.
template <Integer T, std::endian order>
class [[nodiscard]] IntegerCall {
 public:
  explicit IntegerCall(ReaderState& state)
      : state_(&state), fill_(state, sizeof(T), AtEnd::kError) {}

  bool await_ready() { return fill_.await_ready(); }
  bool await_suspend(std::coroutine_handle<> waiting) { return fill_.await_suspend(waiting); }
  absl::StatusOr<T> await_resume() {
    absl::StatusOr<std::string_view> bytes = fill_.await_resume();
    if (!bytes.ok()) [[unlikely]] {
      return std::move(bytes).status();
    }
    const T value = load_integer<T, order>(bytes->data());
    state_->consume(sizeof(T));
    return value;
  }

 private:
  ReaderState* state_;
  FillCall fill_;
};

// The integer at the Reader's cursor, consumed. OutOfRange at the end of the stream, DataLoss when
// it ends within the integer, which stays buffered; and what all calls of a Reader have.
//   cost     buffered: a few compares; no call, no allocation
//   cancel   nothing is consumed
template <Integer T>
IntegerCall<T, std::endian::little> read_le(Reader& reader) {
  return IntegerCall<T, std::endian::little>(reader.state());
}
template <Integer T>
IntegerCall<T, std::endian::big> read_be(Reader& reader) {
  return IntegerCall<T, std::endian::big>(reader.state());
}

}  // namespace bufio

#endif  // BUFIO_PARSE_INTEGERS_H_
