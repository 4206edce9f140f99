// uring/sized_array.h
//
// A std::unique_ptr<char[]> that knows its size: the plainest OwnedBuffer.
//
// Nothing ever clears its bytes, so reading into it costs what the read costs. Movable; empty once
// it was moved from.

#ifndef URING_SIZED_ARRAY_H_
#define URING_SIZED_ARRAY_H_

#include <cstddef>
#include <memory>
#include <string_view>
#include <utility>

#include "uring/check.h"
#include "uring/owned_buffer.h"

namespace uring {

class SizedArray {
 public:
  SizedArray() = default;
  // Memory for `capacity` bytes, contents unspecified, of which none count. One allocation.
  explicit SizedArray(size_t capacity)
      : SizedArray(std::make_unique_for_overwrite<char[]>(capacity), capacity, 0) {}
  // Takes over `bytes`, which has memory for `capacity` bytes, of which the first `size` count.
  SizedArray(std::unique_ptr<char[]> bytes, size_t capacity, size_t size)
      : bytes_(std::move(bytes)), capacity_(capacity) {
    set_size(size);
  }
  SizedArray(SizedArray&& other) noexcept
      : bytes_(std::move(other.bytes_)),
        capacity_(std::exchange(other.capacity_, 0)),
        size_(std::exchange(other.size_, 0)) {}
  SizedArray& operator=(SizedArray&& other) noexcept {
    bytes_ = std::move(other.bytes_);
    capacity_ = std::exchange(other.capacity_, 0);
    size_ = std::exchange(other.size_, 0);
    return *this;
  }
  ~SizedArray() = default;

  char* data() const { return bytes_.get(); }
  size_t size() const { return size_; }
  size_t capacity() const { return capacity_; }
  std::string_view view() const { return {bytes_.get(), size_}; }
  // How many bytes count; at most capacity(). Touches none of them.
  void set_size(size_t size) {
    URING_CHECK(size <= capacity_, "a SizedArray has no memory for so many bytes");
    size_ = size;
  }

  // Gives the memory away.
  std::unique_ptr<char[]> release() {
    capacity_ = size_ = 0;
    return std::move(bytes_);
  }

 private:
  std::unique_ptr<char[]> bytes_;
  size_t capacity_ = 0;
  size_t size_ = 0;
};

template <>
struct OwnedBufferTraits<SizedArray> {
  static char* data(SizedArray& buffer) { return buffer.data(); }
  static size_t size(const SizedArray& buffer) { return buffer.size(); }
  static size_t capacity(const SizedArray& buffer) { return buffer.capacity(); }
  static void set_size(SizedArray& buffer, size_t size) { buffer.set_size(size); }
};

}  // namespace uring

#endif  // URING_SIZED_ARRAY_H_
