// uring/pooled_buffer.h
//
// A buffer of a BufferPool in your hands: the bytes that a read brought, or that you put there.
//
// Returns to its pool when it is destroyed, and may outlive the pool's handle and the Ring. Buffers
// are not wiped between uses, but what others left in one cannot be reached here: only bytes that
// this read wrote, or that you wrote, are in view. 64 bytes behind them are readable, contents
// unspecified (for SIMD parsers); under AddressSanitizer everything else is poisoned, and so is the
// whole buffer from its return on.
//
// Movable; a moved-from one is empty, holds no memory, and takes none. Belongs to the Ring's
// thread.

#ifndef URING_POOLED_BUFFER_H_
#define URING_POOLED_BUFFER_H_

#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

#include "uring/buffer.h"
#include "uring/ref.h"

namespace uring {

class PooledBuffer {
 public:
  // Empty, without memory: what a read returns at the end of a stream.
  PooledBuffer() = default;
  // For pools: shows `size` bytes from `offset` on, of up to `capacity`.
  PooledBuffer(Ref<Buffer> buffer, size_t offset, size_t size, size_t capacity);
  PooledBuffer(PooledBuffer&& other) noexcept { swap(other); }
  PooledBuffer& operator=(PooledBuffer&& other) noexcept {
    PooledBuffer(std::move(other)).swap(*this);
    return *this;
  }
  ~PooledBuffer() = default;

  // Valid until this is destroyed, moved to or cleared; moving it elsewhere does not end views.
  std::string_view view() const { return std::string_view(data_, size_); }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  size_t capacity() const { return capacity_; }

  // Adds as much of `bytes` as there is room for; returns how much that was.
  size_t append(std::string_view bytes);
  // Cuts the bytes off behind `size`, or adds zeros up to it; at most capacity(), else a checked
  // failure.
  void resize(size_t size);
  // The same bytes as view(), to change them.
  std::span<char> bytes() { return std::span<char>(data_, size_); }

  // Returns it to the pool now.
  void reset() { PooledBuffer().swap(*this); }

 private:
  void swap(PooledBuffer& other) noexcept;
  void show(size_t size);

  Ref<Buffer> buffer_;
  char* data_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace uring

#endif  // URING_POOLED_BUFFER_H_
