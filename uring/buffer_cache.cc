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
  for (Buffer* buffer : std::exchange(free_, {})) free(buffer);
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
      return lend(*new Buffer(*this, data, size, kind, Pages::kOrdinary));
    }
    kind = BufferKind::kHeap;
  }
  Buffer* buffer = take_cached(size, pages);
  if (buffer == nullptr) {
    auto* data = static_cast<char*>(resource(pages).allocate(size, Buffer::kAlignment));
    buffer = new Buffer(*this, data, size, BufferKind::kHeap, pages);
    ++stats_.allocated;
  }
  if (kind == BufferKind::kFixed && buffer->fixed_index() == Buffer::kNotFixed) {
    int index = register_memory(buffer->data(), size);
    if (index != Buffer::kNotFixed) buffer->set_fixed(index);
  }
  return lend(*buffer);
}

// The newest first: its lines are the likeliest to be in the processor's cache. A fixed one serves
// as a heap one.
Buffer* BufferCache::take_cached(size_t size, Pages pages) {
  for (auto at = free_.end(); at != free_.begin();) {
    Buffer* buffer = *--at;
    if (buffer->size() != size || buffer->pages() != pages) continue;
    free_.erase(at);
    stats_.cached_bytes -= size;
    ++stats_.reused;
    return buffer;
  }
  return nullptr;
}

void BufferCache::returned(Buffer& buffer) {
  stats_.live_bytes -= buffer.size();
  unpoison(buffer.data(), buffer.mirrored() ? 2 * buffer.size() : buffer.size());
  bool keep =
      !buffer.mirrored() && ring_ != nullptr && stats_.cached_bytes + buffer.size() <= cache_bytes_;
  if (!keep) return free(&buffer);
  free_.push_back(&buffer);
  stats_.cached_bytes += buffer.size();
}

void BufferCache::free(Buffer* buffer) {
  ++stats_.freed;
  if (buffer->mirrored()) {
    unmap_mirrored(buffer->data(), buffer->size());
  } else {
    if (buffer->fixed_index() != Buffer::kNotFixed && ring_ != nullptr) {
      update_slot(buffer->fixed_index(), nullptr, 0);
      free_slots_.push_back(buffer->fixed_index());
    }
    resource(buffer->pages()).deallocate(buffer->data(), buffer->size(), Buffer::kAlignment);
  }
  delete buffer;
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
