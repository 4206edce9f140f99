#include "uring/pooled_buffer.h"

#include <algorithm>
#include <cstring>

#include "uring/check.h"
#include "uring/pool_core.h"
#include "uring/sanitizer.h"

namespace uring {

PooledBuffer::PooledBuffer(Ref<Buffer> buffer, size_t offset, size_t size, size_t capacity)
    : buffer_(std::move(buffer)), data_(buffer_->data() + offset), capacity_(capacity) {
  show(size);
}

void PooledBuffer::swap(PooledBuffer& other) noexcept {
  buffer_.swap(other.buffer_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(capacity_, other.capacity_);
}

// What is in view from now on, and no more than its padding behind it.
void PooledBuffer::show(size_t size) {
  size_ = size;
  unpoison(data_, size + PoolCore::kPadding);
  poison(data_ + size + PoolCore::kPadding, capacity_ - size);
}

size_t PooledBuffer::append(std::string_view bytes) {
  size_t added = std::min(bytes.size(), capacity_ - size_);
  if (added == 0) return 0;
  size_t at = size_;
  show(size_ + added);
  std::memcpy(data_ + at, bytes.data(), added);
  return added;
}

void PooledBuffer::resize(size_t size) {
  URING_CHECK(size <= capacity_, "a pooled buffer cannot grow beyond its capacity");
  size_t before = size_;
  if (size == before) return;
  show(size);
  if (size > before) std::memset(data_ + before, 0, size - before);
}

}  // namespace uring
