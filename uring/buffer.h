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

// Where buffers come from and return to. Lives as long as any of its buffers.
class BufferHome : public RefCounted<BufferHome> {
 public:
  virtual ~BufferHome() = default;

 protected:
  // Memory of this home's, in somebody's hands until give_back.
  Ref<Buffer> hand_out(char* data, size_t size, BufferKind kind, int fixed_index, Pages pages);

 private:
  friend class Buffer;
  // The last share in `buffer` is gone, and the object is about to be.
  virtual void give_back(Buffer& buffer) = 0;
};

class Buffer final : public RefCounted<Buffer>, public RecycledObject {
 public:
  static constexpr size_t kAlignment = 4096;
  static constexpr int kNotFixed = -1;

  ~Buffer();

  char* data() const { return data_; }
  // Bytes from data(). A mirrored buffer has as many again behind them: the same ones.
  size_t size() const { return size_; }
  BufferKind kind() const { return kind_; }
  bool mirrored() const { return kind_ == BufferKind::kMirrored; }
  // The index under which the kernel knows it, or kNotFixed.
  int fixed_index() const { return fixed_index_; }
  Pages pages() const { return pages_; }
  bool came_from(const BufferHome& home) const { return home_.get() == &home; }

 private:
  friend class BufferHome;
  Buffer(Ref<BufferHome> home, char* data, size_t size, BufferKind kind, int fixed_index,
         Pages pages);

  Ref<BufferHome> home_;
  char* data_;
  size_t size_;
  BufferKind kind_;
  Pages pages_;
  int fixed_index_;
};

}  // namespace uring

#endif  // URING_BUFFER_H_
