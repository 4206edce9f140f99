// uring/owned_buffer.h
//
// Which types a request can own as its buffer: std::string, std::vector of bytes, SizedArray, and
// yours.
//
// Such a buffer is moved into the request's heap state before the kernel hears its address, and out
// of it after the terminal completion. So it does not matter whether moving it moves its bytes, as
// it does with short strings.
//
// A buffer has memory for capacity() bytes, of which the first size() count. A read writes from its
// start on, up to its capacity; afterwards its size is what it was, or what was read if that is
// more: reads only extend. A write writes size() bytes. (Part of a buffer: slice.h.)

#ifndef URING_OWNED_BUFFER_H_
#define URING_OWNED_BUFFER_H_

#include <concepts>
#include <cstddef>
#include <string>
#include <vector>

namespace uring {

// To make a type B of your own an OwnedBuffer, specialise this with five functions:
//
//   static char* data(B& buffer);
//     Where its bytes are. Stays the same until the buffer is moved.
//   static size_t size(const B& buffer);
//     How many bytes count.
//   static size_t capacity(const B& buffer);
//     How many there is memory for, at least size().
//   static void set_size(B& buffer, size_t size);
//     The first `size` bytes count from now on, at most capacity(). Bytes that are there keep their
//     values and data() its. Before a read it is called with capacity(), after it with the final
//     size.
template <class B>
struct OwnedBufferTraits;

// B is movable, and B() is an empty one. Its destructor may run in the Ring's loop, or while the
// Ring is destroyed.
template <class B>
concept OwnedBuffer = std::movable<B> && std::default_initializable<B> &&
    requires(B& buffer, const B& constant, size_t size) {
  { OwnedBufferTraits<B>::data(buffer) } -> std::same_as<char*>;
  { OwnedBufferTraits<B>::size(constant) } -> std::same_as<size_t>;
  { OwnedBufferTraits<B>::capacity(constant) } -> std::same_as<size_t>;
  { OwnedBufferTraits<B>::set_size(buffer, size) } -> std::same_as<void>;
};

namespace internal {

// Strings and vectors. Their spare capacity may not be written to, and resize() clears it: so each
// read clears what is spare, then shrinks. Buffers whose size is their capacity are spared that.
template <class B>
struct ContiguousTraits {
  static char* data(B& buffer) { return reinterpret_cast<char*>(buffer.data()); }
  static size_t size(const B& buffer) { return buffer.size(); }
  static size_t capacity(const B& buffer) { return buffer.capacity(); }
  static void set_size(B& buffer, size_t size) { buffer.resize(size); }
};

}  // namespace internal

template <>
struct OwnedBufferTraits<std::string> : internal::ContiguousTraits<std::string> {};
template <>
struct OwnedBufferTraits<std::vector<char>> : internal::ContiguousTraits<std::vector<char>> {};
template <>
struct OwnedBufferTraits<std::vector<unsigned char>>
    : internal::ContiguousTraits<std::vector<unsigned char>> {};
template <>
struct OwnedBufferTraits<std::vector<std::byte>>
    : internal::ContiguousTraits<std::vector<std::byte>> {};

}  // namespace uring

#endif  // URING_OWNED_BUFFER_H_
