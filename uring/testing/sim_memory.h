// uring/testing/sim_memory.h
//
// Memory that knows which of it is in use.
//
// A memory resource for RingOptions::buffer_memory. A simulated kernel that watches it asks before
// each copy, and at the end of each request, whether the memory is still allocated, so that a
// buffer which was freed while a request points at it is a reported violation in every build, also
// where AddressSanitizer is not looking. (Turn RingOptions::buffer_cache_bytes to 0: what the cache
// keeps is not freed.)
//
// Blocks that were freed are kept, and handed out again only after kKeptBytes more were freed, so
// that a late copy has nobody else to hit. They are poisoned for AddressSanitizer. Everything goes
// when the SimMemory does. An allocation costs a look into a map; not thread-safe.

#ifndef URING_TESTING_SIM_MEMORY_H_
#define URING_TESTING_SIM_MEMORY_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory_resource>

namespace uring::testing {

class SimMemory final : public std::pmr::memory_resource {
 public:
  // So much freed memory is kept.
  static constexpr size_t kKeptBytes = size_t{8} << 20;

  SimMemory() = default;
  SimMemory(const SimMemory&) = delete;
  SimMemory& operator=(const SimMemory&) = delete;
  ~SimMemory() override;

  // All of the range lies in one block that is allocated.
  bool live(const void* data, size_t size) const;
  // The range touches a block that was freed and is still kept. (Memory that never came from here
  // is neither live nor dead.)
  bool dead(const void* data, size_t size) const;

  size_t live_blocks() const { return live_blocks_; }
  size_t live_bytes() const { return live_bytes_; }
  uint64_t allocations() const { return allocations_; }

 private:
  struct Block {
    size_t size;
    size_t alignment;
    bool live;
  };

  void* do_allocate(size_t size, size_t alignment) override;
  void do_deallocate(void* block, size_t size, size_t alignment) override;
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }
  void give_back(uintptr_t at, const Block& block);

  std::map<uintptr_t, Block> blocks_;
  std::deque<uintptr_t> kept_;  // freed, oldest first
  size_t kept_bytes_ = 0;
  size_t live_blocks_ = 0;
  size_t live_bytes_ = 0;
  uint64_t allocations_ = 0;
};

}  // namespace uring::testing

#endif  // URING_TESTING_SIM_MEMORY_H_
