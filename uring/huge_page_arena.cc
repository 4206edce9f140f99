#include "uring/huge_page_arena.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>

#include "uring/check.h"

namespace uring {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kRegion = 4 * kHugePage;

char* align_up(char* address, size_t alignment) {
  auto number = reinterpret_cast<uintptr_t>(address);
  return address + ((alignment - number % alignment) % alignment);
}

}  // namespace

HugePageArena::~HugePageArena() {
  URING_CHECK(regions_.empty(), "an arena went before its buffers");
}

bool HugePageArena::add_region() {
  constexpr int kReadWrite = PROT_READ | PROT_WRITE;
  void* mapping =
      mmap(nullptr, kRegion + kHugePage, kReadWrite, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED) return false;
  char* begin = static_cast<char*>(mapping);
  char* base = align_up(begin, kHugePage);
  if (base != begin) munmap(begin, static_cast<size_t>(base - begin));
  char* end = base + kRegion;
  munmap(end, static_cast<size_t>(begin + kRegion + kHugePage - end));
  madvise(base, kRegion, MADV_HUGEPAGE);  // without it, it is memory all the same
  regions_.push_back({base, 0, 0});
  return true;
}

void* HugePageArena::do_allocate(size_t bytes, size_t alignment) {
  size_t size = (bytes + alignment - 1) / alignment * alignment;
  if (size > kRegion) return std::pmr::new_delete_resource()->allocate(bytes, alignment);
  bool fits = !regions_.empty() && regions_.back().used + size <= kRegion;
  if (!fits && !add_region()) return std::pmr::new_delete_resource()->allocate(bytes, alignment);
  Region& region = regions_.back();
  char* memory = region.base + region.used;
  region.used += size;
  ++region.live;
  return memory;
}

void HugePageArena::do_deallocate(void* memory, size_t bytes, size_t alignment) {
  auto region = std::find_if(regions_.begin(), regions_.end(), [memory](const Region& r) {
    return memory >= r.base && memory < r.base + kRegion;
  });
  if (region == regions_.end()) {
    std::pmr::new_delete_resource()->deallocate(memory, bytes, alignment);
    return;
  }
  if (--region->live > 0) return;
  munmap(region->base, kRegion);
  regions_.erase(region);
}

}  // namespace uring
