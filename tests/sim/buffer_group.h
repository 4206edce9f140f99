// tests/sim/buffer_group.h
//
// A ring of provided buffers, made by hand.

#ifndef TESTS_SIM_BUFFER_GROUP_H_
#define TESTS_SIM_BUFFER_GROUP_H_

#include <liburing.h>
#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "tests/sim/raw_ring.h"

namespace uring::testing {

// `count` (a power of two) buffers of `size` bytes, all of them the kernel's at first. Outlives its
// ring.
class BufferGroup {
 public:
  BufferGroup(RawRing& ring, uint16_t group, unsigned count, unsigned size)
      : group_(group), count_(count), size_(size), memory_(size_t{count} * size) {
    void* pages = mmap(nullptr, sizeof(io_uring_buf) * count, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) std::abort();
    buffers_ = static_cast<io_uring_buf_ring*>(pages);
    io_uring_buf_reg registration = {};
    registration.ring_addr = reinterpret_cast<__u64>(pages);
    registration.ring_entries = count;
    registration.bgid = group;
    error_ = -ring.register_with(IORING_REGISTER_PBUF_RING, &registration, 1);
    for (unsigned i = 0; i < count; ++i) give(static_cast<uint16_t>(i));
  }
  BufferGroup(const BufferGroup&) = delete;
  BufferGroup& operator=(const BufferGroup&) = delete;
  ~BufferGroup() { munmap(buffers_, sizeof(io_uring_buf) * count_); }

  // Of the registration: 0, or a positive errno.
  int error() const { return error_; }
  uint16_t group() const { return group_; }
  // The kernel may fill it (again).
  void give(uint16_t buffer) {
    io_uring_buf_ring_add(buffers_, memory_.data() + size_t{buffer} * size_, size_, buffer,
                          io_uring_buf_ring_mask(count_), 0);
    io_uring_buf_ring_advance(buffers_, 1);
  }
  std::string_view text(const Completion& completion) const {
    return {memory_.data() + size_t{completion.buffer().value()} * size_,
            static_cast<size_t>(completion.result)};
  }

 private:
  uint16_t group_;
  unsigned count_;
  unsigned size_;
  std::vector<char> memory_;
  io_uring_buf_ring* buffers_ = nullptr;
  int error_ = 0;
};

}  // namespace uring::testing

#endif  // TESTS_SIM_BUFFER_GROUP_H_
