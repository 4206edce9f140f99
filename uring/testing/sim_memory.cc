#include "uring/testing/sim_memory.h"

#include <algorithm>
#include <iterator>
#include <new>

#include "uring/check.h"
#include "uring/sanitizer.h"

namespace uring::testing {
namespace {

uintptr_t address(const void* data) { return reinterpret_cast<uintptr_t>(data); }

}  // namespace

SimMemory::~SimMemory() {
  for (const auto& [at, block] : blocks_) give_back(at, block);
}

void SimMemory::give_back(uintptr_t at, const Block& block) {
  void* data = reinterpret_cast<void*>(at);
  unpoison(data, block.size);
  ::operator delete (data, std::align_val_t{block.alignment});
}

void* SimMemory::do_allocate(size_t size, size_t alignment) {
  size = std::max<size_t>(size, 1);
  void* data = ::operator new (size, std::align_val_t{alignment});
  blocks_[address(data)] = {size, alignment, true};
  ++live_blocks_;
  live_bytes_ += size;
  ++allocations_;
  return data;
}

void SimMemory::do_deallocate(void* data, size_t /*size*/, size_t /*alignment*/) {
  auto found = blocks_.find(address(data));
  URING_CHECK(found != blocks_.end() && found->second.live,
              "a block was freed that is not allocated");
  Block& block = found->second;
  block.live = false;
  poison(data, block.size);
  --live_blocks_;
  live_bytes_ -= block.size;
  kept_.push_back(found->first);
  kept_bytes_ += block.size;
  while (kept_bytes_ > kKeptBytes) {
    auto oldest = blocks_.find(kept_.front());
    kept_.pop_front();
    kept_bytes_ -= oldest->second.size;
    give_back(oldest->first, oldest->second);
    blocks_.erase(oldest);
  }
}

bool SimMemory::live(const void* data, size_t size) const {
  auto after = blocks_.upper_bound(address(data));
  if (after == blocks_.begin()) return false;
  const auto& [at, block] = *std::prev(after);
  return block.live && address(data) - at < block.size && size <= block.size - (address(data) - at);
}

bool SimMemory::dead(const void* data, size_t size) const {
  uintptr_t begin = address(data);
  auto block = blocks_.upper_bound(begin);
  if (block != blocks_.begin()) --block;
  for (; block != blocks_.end() && block->first < begin + size; ++block) {
    if (!block->second.live && begin < block->first + block->second.size) return true;
  }
  return false;
}

}  // namespace uring::testing
