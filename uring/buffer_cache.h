// uring/buffer_cache.h
//
// Where buffers come from and go to.
//
// Fresh memory costs page faults, and registering it costs pinning its pages; both are paid once by
// keeping buffers that came back, registration and all, for the next Reader. Under AddressSanitizer
// nothing is kept, so that a stale view of a buffer that was given back is reported.
//
// Belongs to one Ring's thread, but outlives the Ring while buffers do.

#ifndef URING_BUFFER_CACHE_H_
#define URING_BUFFER_CACHE_H_

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <vector>

#include "uring/buffer.h"
#include "uring/huge_page_arena.h"
#include "uring/ref.h"

struct io_uring;

namespace uring {

class Kernel;

struct BufferCacheStats {
  uint64_t allocated = 0;   // taken fresh from the memory resource
  uint64_t reused = 0;      // taken from the cache
  uint64_t freed = 0;       // given back to the memory resource
  size_t live_bytes = 0;    // in the hands of Readers and requests
  size_t cached_bytes = 0;  // kept for the next one
};

class BufferCache final : public BufferHome {
 public:
  // Keeps at most `cache_bytes` of free memory. `memory` must outlive the cache.
  BufferCache(std::pmr::memory_resource* memory, size_t cache_bytes);
  ~BufferCache() override;

  // Lets fixed buffers be registered with `ring`, which has an empty table of `slots`.
  void attach(Kernel& kernel, io_uring& ring, unsigned slots);
  // The ring is going: its registrations go with it. What is cached is freed.
  void detach();

  // A buffer of `size` bytes, rounded up to whole pages. Contents unspecified. Kinds that cannot be
  // had here become kHeap. Out of memory ends the process, with exceptions too: one that passed
  // through the run loop would leave completions half taken.
  Ref<Buffer> allocate(size_t size, BufferKind kind, Pages pages = Pages::kOrdinary) noexcept;

  const BufferCacheStats& stats() const { return stats_; }

 private:
  Buffer* take_cached(size_t size, Pages pages);
  void returned(Buffer& buffer) override;
  void free(Buffer* buffer);
  std::pmr::memory_resource& resource(Pages pages);
  int register_memory(char* data, size_t size);
  bool update_slot(int index, char* data, size_t size);

  std::pmr::memory_resource* memory_;
  HugePageArena huge_pages_;
  size_t cache_bytes_;
  Kernel* kernel_ = nullptr;
  io_uring* ring_ = nullptr;
  std::vector<int> free_slots_;
  std::vector<Buffer*> free_;  // ours, the newest last
  BufferCacheStats stats_;
};

}  // namespace uring

#endif  // URING_BUFFER_CACHE_H_
