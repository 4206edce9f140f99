#include "uring/buffer_cache.h"

#include <liburing.h>
#include <sys/uio.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "uring/kernel.h"
#include "uring/mirrored_memory.h"
#include "uring/sanitizer.h"

namespace uring {

BufferCache::BufferCache(std::pmr::memory_resource* memory, size_t cache_bytes)
    : memory_(memory), cache_bytes_(kAddressSanitizer ? 0 : cache_bytes) {}

BufferCache::~BufferCache() { detach(); }

void BufferCache::attach(Kernel& kernel, io_uring& ring, unsigned slots) {
  kernel_ = &kernel;
  ring_ = &ring;
  free_slots_.reserve(slots);
  for (unsigned slot = slots; slot > 0; --slot) free_slots_.push_back(static_cast<int>(slot - 1));
}

void BufferCache::detach() {
  kernel_ = nullptr;
  ring_ = nullptr;
  for (const Memory& memory : std::exchange(free_, {})) free_memory(memory);
  stats_.cached_bytes = 0;
}

// Somebody's own resource gets everything; else huge pages come from the arena.
std::pmr::memory_resource& BufferCache::resource(Pages pages) {
  bool arena = pages == Pages::kHuge && memory_ == std::pmr::new_delete_resource();
  return arena ? huge_pages_ : *memory_;
}

Ref<Buffer> BufferCache::allocate(size_t size, BufferKind kind, Pages pages) noexcept {
  size = (size + Buffer::kAlignment - 1) / Buffer::kAlignment * Buffer::kAlignment;
  stats_.live_bytes += size;
  if (kind == BufferKind::kMirrored) {
    char* data = map_mirrored(size);
    if (data != nullptr) {
      ++stats_.allocated;
      return hand_out(data, size, kind, Buffer::kNotFixed, Pages::kOrdinary);
    }
    kind = BufferKind::kHeap;
  }
  // The newest first: its lines are the likeliest to be in the processor's cache. A fixed one
  // serves as a heap one.
  auto match = std::find_if(free_.rbegin(), free_.rend(), [size, pages](const Memory& m) {
    return m.size == size && m.pages == pages;
  });
  Memory memory = {nullptr, size, Buffer::kNotFixed, pages};
  if (match != free_.rend()) {
    memory = *match;
    free_.erase(std::next(match).base());
    stats_.cached_bytes -= size;
    ++stats_.reused;
  } else {
    memory.data = static_cast<char*>(resource(pages).allocate(size, Buffer::kAlignment));
    ++stats_.allocated;
  }
  if (kind == BufferKind::kFixed && memory.fixed_index == Buffer::kNotFixed) {
    memory.fixed_index = register_memory(memory.data, size);
  }
  BufferKind made =
      memory.fixed_index == Buffer::kNotFixed ? BufferKind::kHeap : BufferKind::kFixed;
  return hand_out(memory.data, size, made, memory.fixed_index, pages);
}

void BufferCache::give_back(Buffer& buffer) {
  stats_.live_bytes -= buffer.size();
  unpoison(buffer.data(), buffer.mirrored() ? 2 * buffer.size() : buffer.size());
  if (buffer.mirrored()) {
    unmap_mirrored(buffer.data(), buffer.size());
    ++stats_.freed;
    return;
  }
  Memory memory = {buffer.data(), buffer.size(), buffer.fixed_index(), buffer.pages()};
  bool ring_gone = ring_ == nullptr;
  if (ring_gone || stats_.cached_bytes + buffer.size() > cache_bytes_) {
    free_memory(memory);
    return;
  }
  free_.push_back(memory);
  stats_.cached_bytes += buffer.size();
}

void BufferCache::free_memory(const Memory& memory) {
  if (memory.fixed_index != Buffer::kNotFixed && ring_ != nullptr) {
    update_slot(memory.fixed_index, nullptr, 0);
    free_slots_.push_back(memory.fixed_index);
  }
  resource(memory.pages).deallocate(memory.data, memory.size, Buffer::kAlignment);
  ++stats_.freed;
}

int BufferCache::register_memory(char* data, size_t size) {
  if (free_slots_.empty() || ring_ == nullptr) return Buffer::kNotFixed;
  int slot = free_slots_.back();
  if (!update_slot(slot, data, size)) {
    // Locking memory is limited or refused. Trying again for each buffer would cost a system call
    // each.
    free_slots_.clear();
    return Buffer::kNotFixed;
  }
  free_slots_.pop_back();
  return slot;
}

bool BufferCache::update_slot(int index, char* data, size_t size) {
  iovec vector = {data, size};
  io_uring_rsrc_update2 update;
  std::memset(&update, 0, sizeof update);
  update.offset = static_cast<unsigned>(index);
  update.data = reinterpret_cast<__u64>(&vector);
  update.nr = 1;
  return kernel_->register_with(*ring_, IORING_REGISTER_BUFFERS_UPDATE, &update, sizeof update) ==
         1;
}

}  // namespace uring
