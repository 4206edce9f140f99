// uring/slice.h
//
// Part of an OwnedBuffer, as an OwnedBuffer.
//
//   auto [result, part] = co_await read_owned(file, uring::slice(std::move(text), 100, 200), 0);
//   text = std::move(part).whole();          // bytes 100 to 199 may be new, the others are as
//   before
//
// Owns the whole buffer meanwhile. A read into it makes the buffer's size reach to what was read,
// if it did not before; no operation makes the buffer smaller.

#ifndef URING_SLICE_H_
#define URING_SLICE_H_

#include <algorithm>
#include <cstddef>
#include <utility>

#include "uring/check.h"
#include "uring/owned_buffer.h"

namespace uring {

template <OwnedBuffer B>
class Slice {
 public:
  Slice() = default;
  Slice(B buffer, size_t begin, size_t end)
      : buffer_(std::move(buffer)), size_(Traits::size(buffer_)), begin_(begin), end_(end) {
    URING_CHECK(begin <= end && end <= Traits::capacity(buffer_),
                "a slice is not within its buffer's capacity");
    URING_CHECK(begin <= size_, "a slice begins behind its buffer's size");
  }

  size_t begin() const { return begin_; }
  size_t end() const { return end_; }
  // The buffer, its size included, without giving it up.
  const B& buffer() const { return buffer_; }
  B whole() && { return std::move(buffer_); }

 private:
  friend OwnedBufferTraits<Slice>;
  using Traits = OwnedBufferTraits<B>;

  B buffer_;
  size_t size_ = 0;  // the buffer's, in the beginning
  size_t begin_ = 0;
  size_t end_ = 0;
};

// The bytes from `begin` to before `end`. They must be within the buffer's capacity, and begin
// within its size: checked.
template <OwnedBuffer B>
Slice<B> slice(B buffer, size_t begin, size_t end) {
  return Slice<B>(std::move(buffer), begin, end);
}

template <class B>
struct OwnedBufferTraits<Slice<B>> {
  static char* data(Slice<B>& part) {
    return OwnedBufferTraits<B>::data(part.buffer_) + part.begin_;
  }
  static size_t size(const Slice<B>& part) {
    const size_t end = std::min(OwnedBufferTraits<B>::size(part.buffer_), part.end_);
    return std::max(end, part.begin_) - part.begin_;
  }
  static size_t capacity(const Slice<B>& part) { return part.end_ - part.begin_; }
  static void set_size(Slice<B>& part, size_t size) {
    OwnedBufferTraits<B>::set_size(part.buffer_, std::max(part.size_, part.begin_ + size));
  }
};

}  // namespace uring

#endif  // URING_SLICE_H_
