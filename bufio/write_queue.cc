#include "bufio/write_queue.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <utility>

#include "uring/sanitizer.h"

namespace bufio {

using uring::Buffer;
using uring::BufferCache;
using uring::BufferKind;
using uring::Piece;
using uring::Ref;

namespace {

constexpr uint32_t kSmallest = Buffer::kAlignment;
constexpr uint32_t kLargest = uint32_t{1} << 30;

}  // namespace

WriteQueue::WriteQueue(uint64_t start, size_t buffer_size)
    : sealed_pos_(start),
      written_(start),
      next_size_(kSmallest),
      max_size_(std::bit_ceil(
          static_cast<uint32_t>(std::clamp<size_t>(buffer_size, kSmallest, kLargest)))) {}

WriteQueue::~WriteQueue() { release_buffer(); }

// Under AddressSanitizer, writing behind what may be written to is reported.
void WriteQueue::allow(size_t n) {
  if (!buffer_) return;
  auto rest = static_cast<size_t>(buffer_->data() + buffer_->size() - cursor_);
  limit_ = cursor_ + std::min(n, rest);
  if constexpr (uring::kAddressSanitizer) {
    size_t open = std::max(room(), reserved_);
    uring::unpoison(cursor_, open);
    uring::poison(cursor_ + open, rest - open);
  }
}

void WriteQueue::append_all(std::string_view bytes, BufferCache& cache) {
  while (!bytes.empty()) {
    if (!buffer_ || cursor_ == buffer_->data() + buffer_->size()) make_room(1, cache);
    allow(bytes.size());
    size_t step = room();
    append(bytes.data(), step);
    bytes.remove_prefix(step);
  }
}

void WriteQueue::make_room(size_t n, BufferCache& cache) {
  limit_ = cursor_;
  if (buffer_ && n <= static_cast<size_t>(buffer_->data() + buffer_->size() - cursor_)) return;
  seal();
  // A buffer that was filled was too small.
  if (buffer_) next_size_ = std::min(2 * next_size_, max_size_);
  size_t size =
      std::max<size_t>(next_size_, (n + Buffer::kAlignment - 1) & ~(Buffer::kAlignment - 1));
  adopt(cache.allocate(size, BufferKind::kHeap));
}

void WriteQueue::adopt(Ref<Buffer> buffer) {
  release_buffer();
  buffer_ = std::move(buffer);
  cursor_ = limit_ = sealed_ = buffer_->data();
}

void WriteQueue::release_buffer() {
  if (buffer_) uring::unpoison(buffer_->data(), buffer_->size());
  buffer_.reset();
  cursor_ = limit_ = sealed_ = nullptr;
}

void WriteQueue::push(Piece piece) {
  seal();
  sealed_pos_ += piece.size;
  pieces_.push_back(std::move(piece));
}

void WriteQueue::seal_open() {
  size_t size = open_size();
  bool joins = first_ < pieces_.size() && pieces_.back().buffer == buffer_ &&
               pieces_.back().data + pieces_.back().size == sealed_;
  if (joins) {
    pieces_.back().size += size;
  } else {
    pieces_.push_back({sealed_, size, buffer_, nullptr});
  }
  sealed_ = cursor_;
  sealed_pos_ += size;
}

void WriteQueue::take(size_t n) {
  written_ += n;
  if (written_ == sealed_pos_) {
    pieces_.clear();
    first_ = 0;
    return release_if_empty();
  }
  drop_from_front(n);
  // What is in front of first_ is moved away before it is more than the rest.
  if (first_ * 2 > pieces_.size()) {
    pieces_.erase(pieces_.begin(), pieces_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
}

void WriteQueue::drop_from_front(size_t n) {
  while (n > 0) {
    Piece& front = pieces_[first_];
    size_t step = std::min(n, front.size);
    if (front.data != nullptr) front.data += step;  // else its end says where it is
    front.size -= step;
    n -= step;
    if (front.size > 0) return;
    front = {};
    ++first_;
  }
}

// When all pieces are written.
void WriteQueue::release_if_empty() {
  if (!buffer_ || reserved_ > 0 || cursor_ != sealed_) return;
  // The next burst is as large as this one, more or less.
  auto used = static_cast<size_t>(cursor_ - buffer_->data());
  if (used < buffer_->size() / 4) next_size_ = std::max(next_size_ / 2, kSmallest);
  release_buffer();
}

void WriteQueue::clear() {
  sealed_pos_ = pos();
  release_buffer();
  pieces_.clear();
  first_ = 0;
  reserved_ = 0;
}

}  // namespace bufio
