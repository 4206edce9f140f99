// bufio/buf_read.h
//
// The interface of Reader as a concept, for generic code and for users' own types.

#ifndef BUFIO_BUF_READ_H_
#define BUFIO_BUF_READ_H_

#include <concepts>
#include <cstddef>
#include <string_view>

namespace bufio {

// fill_buf and fill_more are awaited for an absl::StatusOr<std::string_view>; the rest is as in
// reader.h.
template <class R>
concept BufRead = requires(R& reader, size_t n) {
  { reader.buffered() } -> std::same_as<std::string_view>;
  { reader.available() } -> std::same_as<size_t>;
  { reader.source_ended() } -> std::same_as<bool>;
  reader.consume(n);
  reader.fill_buf(n);
  reader.fill_more(n);
};

}  // namespace bufio

#endif  // BUFIO_BUF_READ_H_
