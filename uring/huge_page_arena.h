// uring/huge_page_arena.h
//
// Memory for buffers that a device writes to, in huge pages.
//
// A device is told of physically contiguous pieces. In pages of 4 KiB a read of 512 KiB is 128 of
// them, and disks that take few at a time (virtio: 254 segments a request) slow down to a half or a
// third; in a huge page it is one. So regions of 8 MiB are mapped, aligned and advised to be huge,
// and buffers are cut from them one after the other. A region is given back when its last buffer
// is.

#ifndef URING_HUGE_PAGE_ARENA_H_
#define URING_HUGE_PAGE_ARENA_H_

#include <cstddef>
#include <memory_resource>
#include <vector>

namespace uring {

// Not thread-safe. Everything must have been deallocated before it goes.
class HugePageArena final : public std::pmr::memory_resource {
 public:
  HugePageArena() = default;
  ~HugePageArena() override;

 private:
  struct Region {
    char* base;
    size_t used;  // from the front; what is given back is not used again
    size_t live;  // buffers
  };

  void* do_allocate(size_t bytes, size_t alignment) override;
  void do_deallocate(void* memory, size_t bytes, size_t alignment) override;
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
    return this == &other;
  }
  bool add_region();

  std::vector<Region> regions_;  // buffers are cut from the last one
};

}  // namespace uring

#endif  // URING_HUGE_PAGE_ARENA_H_
