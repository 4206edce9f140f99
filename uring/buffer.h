// uring/buffer.h
//
// Memory that the kernel may write to, with shares in it.
//
// Whoever may still write to it or look at it holds a Ref: the request in flight, and the Reader
// that lends views of it. When the last share goes the memory returns to where it came from: to a
// Ring's cache (buffer_cache.h), or to a pool (buffer_pool.h).

#ifndef URING_BUFFER_H_
#define URING_BUFFER_H_

#include <cstddef>
#include <cstdint>

#include "uring/frame_allocator.h"
#include "uring/ref.h"

namespace uring {

class Buffer;

// How a buffer's memory is made.
//   heap       page-aligned memory from the Ring's memory resource
//   fixed      the same, registered with the kernel, which then need not look its pages up in each
//   read; becomes heap
//              where registration is off, refused, or out of slots
//   mirrored   the same pages mapped twice in a row, so that a range that wraps around the end is
//   contiguous
enum class BufferKind : uint8_t { kHeap, kFixed, kMirrored };

// Which pages it is made of: huge ones pay for what a device writes to (huge_page_arena.h).
enum class Pages : uint8_t { kOrdinary, kHuge };

// Where buffers come from and return to. Lives as long as anybody has a share in one of them.
class BufferHome : public RefCounted<BufferHome> {
 public:
  virtual ~BufferHome() = default;

  // Whether a buffer may stay for long with somebody who is silent, as far as others need them.
  virtual bool plentiful() const { return true; }

 protected:
  // Puts a buffer of this home's, in which nobody has a share, into somebody's hands, until
  // returned().
  Ref<Buffer> lend(Buffer& buffer);

 private:
  friend class Buffer;
  // The last share in `buffer` is gone. It may be freed, or be lent again.
  virtual void returned(Buffer& buffer) = 0;
};

class Buffer final : public RecycledObject {
 public:
  static constexpr size_t kAlignment = 4096;
  static constexpr int kNotFixed = -1;

  // For homes. The memory is the home's, which sees to it.
  Buffer(BufferHome& home, char* data, size_t size, BufferKind kind, Pages pages)
      : data_(data), size_(size), home_(&home), kind_(kind), pages_(pages) {}
  // Only while nobody has a share.
  Buffer(Buffer&& other) noexcept = default;
  Buffer& operator=(Buffer&& other) = delete;

  char* data() const { return data_; }
  // Bytes from data(). A mirrored buffer has as many again behind them: the same ones.
  size_t size() const { return size_; }
  BufferKind kind() const { return kind_; }
  bool mirrored() const { return kind_ == BufferKind::kMirrored; }
  // The index under which the kernel knows it, or kNotFixed.
  int fixed_index() const { return fixed_index_; }
  // For homes: the kernel knows it by now.
  void set_fixed(int index) {
    fixed_index_ = index;
    kind_ = BufferKind::kFixed;
  }
  Pages pages() const { return pages_; }
  bool may_be_kept() const { return home_->plentiful(); }
  bool came_from(const BufferHome& home) const { return home_ == &home; }

  // Shares are counted as in RefCounted, but the last one does not destroy it.
  void add_ref() { ++refs_; }
  void release_ref() {
    if (--refs_ == 0) go_home();
  }
  uint32_t ref_count() const { return refs_; }

 private:
  void go_home();

  char* data_;
  size_t size_;
  BufferHome* home_;  // has a share in it while anybody has one in us
  uint32_t refs_ = 0;
  int fixed_index_ = kNotFixed;
  BufferKind kind_;
  Pages pages_;
};

inline Ref<Buffer> BufferHome::lend(Buffer& buffer) {
  add_ref();
  return Ref<Buffer>(&buffer);
}

}  // namespace uring

#endif  // URING_BUFFER_H_
