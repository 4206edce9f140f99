#include "bufio/window.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "uring/sanitizer.h"

namespace bufio {
namespace {

using uring::Buffer;
using uring::BufferCache;
using uring::BufferKind;
using uring::Ref;

constexpr size_t kCacheLine = 64;
constexpr size_t kPage = Buffer::kAlignment;
constexpr size_t kSmallRoom = 4096;
// A read to a target that is not aligned costs about a quarter more (measured on Zen 5).
constexpr size_t kUnalignedCost = 4;

size_t round_up(size_t n, size_t unit) { return (n + unit - 1) / unit * unit; }

}  // namespace

Window::~Window() { release_buffer(); }

// Room for the token that straddles: the longest line that is moved without moving the rest.
size_t Window::headroom(size_t length) { return round_up(std::max(length / 8, kPage), kPage); }

// Bytes that can still be written behind the limit.
size_t Window::room() const {
  if (!buffer_) return 0;
  auto end = static_cast<size_t>(limit_ - buffer_->data()) + kPadding;
  return end < buffer_->size() ? buffer_->size() - end : 0;
}

void Window::release_buffer() {
  if (buffer_) uring::unpoison(buffer_->data(), buffer_->size() * (buffer_->mirrored() ? 2 : 1));
  buffer_.reset();
  promised_end_ = nullptr;
}

void Window::adopt(Ref<Buffer> buffer, const char* cursor, const char* limit) {
  if (buffer.get() != buffer_.get()) {
    release_buffer();
    buffer_ = std::move(buffer);
  }
  cursor_ = cursor;
  limit_ = limit;
  padded_ = true;
}

// Moves the view to `offset` of `buffer`, which may be the present one.
void Window::relocate(Ref<Buffer> buffer, size_t offset) {
  size_t size = available();
  char* to = buffer->data() + offset;
  uring::unpoison(to, size + kPadding);
  if (size > 0) std::memmove(to, cursor_, size);
  copied_bytes_ += size;
  adopt(std::move(buffer), to, to + size);
}

Window::Target Window::separate(BufferCache& cache, BufferKind kind, uring::Pages pages,
                                size_t length) {
  size_t front = headroom(length);
  return {cache.allocate(front + length + kPadding, kind, pages), front, length};
}

Window::Target Window::prepare(BufferCache& cache, BufferKind kind, uring::Pages pages,
                               size_t length, size_t expected) {
  touch();
  if (kind == BufferKind::kMirrored && (!buffer_ || buffer_->mirrored())) {
    Target target = prepare_mirrored(cache, length);
    if (target.buffer) return target;
    kind = BufferKind::kHeap;
  }
  size_t tail = available();
  size_t front = headroom(length);
  size_t whole = round_up(front + length + kPadding, kPage);
  // Nobody else writes to this memory, and nobody may look at it under AddressSanitizer.
  bool reusable = buffer_ && buffer_->ref_count() == 1;
  bool roomy = room() >= std::min(std::max(expected, kSmallRoom), length);
  bool append_here = reusable && tail > expected / kUnalignedCost && roomy;
  if (!append_here) {
    bool fits = reusable && !uring::kAddressSanitizer && buffer_->size() >= whole &&
                buffer_->size() <= 2 * whole;
    if (tail <= front) {
      relocate(fits ? buffer_ : cache.allocate(whole, kind, pages), front - tail);
    } else {
      // A token that outgrew the headroom: twice its size, so that all the moving of a long token
      // is linear.
      size_t offset = round_up(kPage + tail, kCacheLine) - tail;
      relocate(cache.allocate(offset + 2 * tail + length + kPadding, BufferKind::kHeap), offset);
    }
  }
  Target target = {buffer_, static_cast<size_t>(limit_ - buffer_->data()),
                   std::min(room(), length)};
  promised_end_ = limit_ + target.length;
  uring::unpoison(limit_, target.length + kPadding);
  return target;
}

// The view stays where it is; its bytes keep their address.
Window::Target Window::prepare_mirrored(BufferCache& cache, size_t length) {
  size_t tail = available();
  bool usable = buffer_ && buffer_->ref_count() == 1 && buffer_->size() - kPadding > tail;
  if (!usable) {
    size_t capacity = std::max(2 * length, 2 * tail + length);
    Ref<Buffer> buffer = cache.allocate(capacity, BufferKind::kMirrored);
    if (!buffer->mirrored()) return {};
    relocate(std::move(buffer), 0);
  }
  size_t size = buffer_->size();
  if (tail == 0) {
    cursor_ = limit_ = buffer_->data();
  } else if (cursor_ >= buffer_->data() + size) {
    cursor_ -= size;  // the same bytes, by their other address
    limit_ -= size;
  }
  Target target = {buffer_, static_cast<size_t>(limit_ - buffer_->data()),
                   std::min(length, size - kPadding - tail)};
  promised_end_ = limit_ + target.length;
  uring::unpoison(buffer_->data(), 2 * size);
  return target;
}

void Window::append(const Ref<Buffer>& buffer, size_t offset, size_t length, BufferCache& cache) {
  touch();
  char* at = buffer->data() + offset;
  size_t tail = available();
  // A read that is taken in parts, because of the limit: the rest was out of bounds until now.
  uring::unpoison(at, length + kPadding);
  if (buffer.get() == buffer_.get() && at == limit_) {
    limit_ += length;
  } else if (tail == 0) {
    adopt(buffer, at, at + length);
  } else if (!buffer->mirrored() && offset >= tail) {
    relocate(buffer, offset - tail);
    limit_ += length;
  } else {
    append_copy(std::string_view(at, length), cache);
    return;
  }
  end_pos_ += length;
  promised_end_ = nullptr;
  expire_views();
}

void Window::append_copy(std::string_view bytes, BufferCache& cache) {
  touch();
  if (bytes.empty()) return;
  bool writable =
      buffer_ && buffer_->ref_count() == 1 && !buffer_->mirrored() && promised_end_ == nullptr;
  if (!writable || room() < bytes.size()) {
    size_t tail = available();
    relocate(cache.allocate(kPage + 2 * (tail + bytes.size()) + kPadding, BufferKind::kHeap),
             kPage);
  }
  char* to = buffer_->data() + (limit_ - buffer_->data());
  uring::unpoison(to, bytes.size() + kPadding);
  std::memcpy(to, bytes.data(), bytes.size());
  copied_bytes_ += bytes.size();
  limit_ += bytes.size();
  end_pos_ += bytes.size();
  promised_end_ = nullptr;
  expire_views();
}

void Window::move_out_of(const uring::BufferHome& home, BufferCache& cache) {
  const bool left = available() > 0;
  if (!buffer_ || (left && !buffer_->came_from(home))) return;
  touch();
  if (left) {
    relocate(cache.allocate(available() + kPadding, BufferKind::kHeap), 0);
    expire_views();
  } else {
    release_buffer();
    cursor_ = limit_ = nullptr;
  }
}

void Window::unread(std::string_view bytes, BufferCache& cache) {
  touch();
  ++jumps_;
  if (bytes.empty()) return;
  if (bytes.size() <= held()) {
    cursor_ -= bytes.size();
    if (buffer_) uring::unpoison(cursor_, bytes.size());
    return;
  }
  size_t tail = available() + hidden_;
  Ref<Buffer> buffer = cache.allocate(kPage + bytes.size() + tail + kPadding, BufferKind::kHeap);
  char* to = buffer->data() + kPage;
  std::memcpy(to, bytes.data(), bytes.size());
  if (tail > 0) std::memcpy(to + bytes.size(), cursor_, tail);
  copied_bytes_ += bytes.size() + tail;
  adopt(std::move(buffer), to, to + bytes.size() + tail - hidden_);
  expire_views();
}

void Window::lend(Window& to, size_t shown, size_t passed) {
  touch();
  to.touch();
  uint64_t at = to.pos();
  to.release_buffer();
  to.cursor_ = cursor_ + passed;
  to.limit_ = to.cursor_ + shown;
  to.end_pos_ = at + shown;
  to.hidden_ = hidden_ + available() - passed - shown;
  to.buffer_ = std::move(buffer_);
  to.promised_end_ = std::exchange(promised_end_, nullptr);
  to.padded_ = padded_;
  lent_end_ = end_pos_;
  end_pos_ = pos();
  cursor_ = limit_ = nullptr;
}

void Window::take_back(Window& from, size_t kept) {
  touch();
  from.touch();
  size_t all = kept + from.available() + from.hidden_;
  uint64_t before = end_pos_;
  cursor_ = from.cursor_ - kept;
  limit_ = cursor_ + (all - hidden_);
  end_pos_ = lent_end_;
  if (pos() < before) ++jumps_;
  buffer_ = std::move(from.buffer_);
  promised_end_ = std::exchange(from.promised_end_, nullptr);
  if (buffer_) uring::unpoison(cursor_, all + kPadding);
  from.end_pos_ = from.pos();
  from.cursor_ = from.limit_ = nullptr;
  from.hidden_ = 0;
}

std::string_view Window::look_back() {
  std::string_view bytes(cursor_ - held(), held());
  if (buffer_) uring::unpoison(bytes.data(), bytes.size());
  return bytes;
}

void Window::show_only(size_t shown) {
  size_t all = available() + hidden_;
  end_pos_ = pos() + shown;
  limit_ = cursor_ + shown;
  hidden_ = all - shown;
  touch();
}

void Window::show(std::string_view memory, bool padded) {
  touch();
  ++jumps_;
  release_buffer();
  hidden_ = 0;
  cursor_ = memory.data();
  limit_ = memory.data() + memory.size();
  end_pos_ = memory.size();
  padded_ = padded;
}

void Window::clear(uint64_t pos) {
  touch();
  ++jumps_;
  release_buffer();
  hidden_ = 0;
  cursor_ = limit_ = nullptr;
  end_pos_ = pos;
  padded_ = true;
}

void Window::expire_views() {
  if constexpr (uring::kAddressSanitizer) {
    if (!buffer_ || buffer_->mirrored()) return;
    char* data = buffer_->data();
    uring::poison(data, static_cast<size_t>(cursor_ - data));
    const char* end =
        std::max(limit_ + hidden_, promised_end_ != nullptr ? promised_end_ : limit_) + kPadding;
    if (end < data + buffer_->size())
      uring::poison(end, static_cast<size_t>(data + buffer_->size() - end));
  }
}

}  // namespace bufio
