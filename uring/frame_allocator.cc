#include "uring/frame_allocator.h"

#include "uring/sanitizer.h"

namespace uring {
namespace {

constexpr bool kRecycle = !kAddressSanitizer;
constexpr size_t kClassBytes = 64;
constexpr size_t kOverhead = 8;
constexpr size_t kClasses = 64;
constexpr size_t kKeptBytesPerClass = size_t{256} * 1024;

struct FreeBlock {
  FreeBlock* next;
};

struct FreeList {
  FreeBlock* first;
  size_t room;  // for how many more blocks
};

enum class Phase {
  kUnused,  // no block was freed on this thread yet: there is no room
  kOpen,    // `drain` will free the lists
  kClosed,  // `drain` has run: there is no room any more
};

struct Cache {
  FreeList lists[kClasses];
  FrameAllocatorStats stats;
  Phase phase;
};

// Initialised at compile time and never destroyed, so every other thread_local object may use it in
// its destructor.
constinit thread_local Cache cache{};

// Less the word that glibc puts in front of each block, so that with it they are cache lines.
constexpr size_t class_bytes(size_t index) { return (index + 1) * kClassBytes - kOverhead; }
// kClasses or more for sizes that are not kept.
constexpr size_t class_of(size_t size) { return (size + kOverhead - 1) / kClassBytes; }

static_assert(class_of(0) == 0 && class_of(56) == 0 && class_of(57) == 1);
static_assert(class_of(4088) == kClasses - 1 && class_of(4089) == kClasses);

struct Drain {
  Drain() {
    cache.phase = Phase::kOpen;
    for (size_t i = 0; i < kClasses; ++i) cache.lists[i].room = kKeptBytesPerClass / class_bytes(i);
  }
  ~Drain() {
    cache.phase = Phase::kClosed;
    for (FreeList& list : cache.lists) {
      while (list.first != nullptr) {
        FreeBlock* block = list.first;
        list.first = block->next;
        ::operator delete(block);
      }
      list.room = 0;
    }
  }
};

// False if there is none: the list is full, or the thread is ending. Registers the clean-up of this
// thread, once.
bool make_room(const FreeList& list) {
  if (cache.phase != Phase::kUnused) return false;
  thread_local const Drain drain;
  return list.room > 0;
}

}  // namespace

void* allocate_frame(size_t size) {
  const size_t index = class_of(size);
  if (!kRecycle || index >= kClasses) {
    ++cache.stats.fresh;
    return ::operator new(size);
  }
  FreeList& list = cache.lists[index];
  if (list.first == nullptr) {
    ++cache.stats.fresh;
    return ::operator new(class_bytes(index));
  }
  ++cache.stats.recycled;
  FreeBlock* block = list.first;
  list.first = block->next;
  ++list.room;
  return block;
}

void deallocate_frame(void* block, size_t size) noexcept {
  const size_t index = class_of(size);
  if (!kRecycle || block == nullptr || index >= kClasses) {
    ::operator delete(block);
    return;
  }
  FreeList& list = cache.lists[index];
  if (list.room == 0 && !make_room(list)) [[unlikely]] {
    ::operator delete(block);
    return;
  }
  list.first = ::new (block) FreeBlock{list.first};
  --list.room;
}

FrameAllocatorStats frame_allocator_stats() { return cache.stats; }

bool frames_are_recycled() { return kRecycle; }

}  // namespace uring
