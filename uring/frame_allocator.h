// uring/frame_allocator.h
//
// Memory for coroutine frames and operation objects, recycled.
//
// A stream runs the same few coroutines and requests over and over, so the frame that has just died
// is the right size for the next one. Each thread keeps its dead blocks in free lists, one per
// 64-byte size class up to 4 KiB less a word, at most 256 KiB in each; anything else goes to
// operator new and delete. A block may be freed on another thread than the one that allocated it, and at any time,
// also while the thread's thread_local objects are destroyed and after that. What a thread keeps is
// freed when the thread ends.
//
// Under AddressSanitizer nothing is kept, so that a use after free is seen.

#ifndef URING_FRAME_ALLOCATOR_H_
#define URING_FRAME_ALLOCATOR_H_

#include <cstddef>
#include <cstdint>
#include <new>

namespace uring {

// A block of at least `size` bytes, aligned for any type that is not over-aligned.
//
//   cost      two loads and two stores when a block of that class is kept; operator new otherwise
void* allocate_frame(size_t size);

// Gives back a block; `size` is what it was allocated with.
void deallocate_frame(void* block, size_t size) noexcept;

// What the calling thread has allocated since it started. In steady state `fresh` stands still.
struct FrameAllocatorStats {
  uint64_t fresh = 0;     // blocks that came from operator new
  uint64_t recycled = 0;  // blocks that came from a free list
};
FrameAllocatorStats frame_allocator_stats();

// Whether this build keeps blocks at all: not under AddressSanitizer.
bool frames_are_recycled();

// Derive from it, and `new` and `delete` of your class come from here. A class that is deleted
// through a pointer to a base needs a virtual destructor there, since the size must be right.
class RecycledObject {
 public:
  static void* operator new(size_t size) { return allocate_frame(size); }
  static void operator delete(void* block, size_t size) noexcept { deallocate_frame(block, size); }
  // Over-aligned classes are not served.
  static void* operator new(size_t size, std::align_val_t alignment) = delete;

 protected:
  RecycledObject() = default;
  ~RecycledObject() = default;
};

}  // namespace uring

#endif  // URING_FRAME_ALLOCATOR_H_
