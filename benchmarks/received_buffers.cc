#include "benchmarks/received_buffers.h"

#include <cstdlib>

#include "benchmarks/die.h"

namespace bench {
namespace {

constexpr size_t kPage = 4096;

void* pages(size_t size) {
  void* memory = std::aligned_alloc(kPage, (size + kPage - 1) / kPage * kPage);
  if (memory == nullptr) die("no memory for buffers", 0);
  return memory;
}

}  // namespace

ReceivedBuffers::ReceivedBuffers(io_uring& ring, size_t size, size_t count)
    : size_(size),
      count_(count),
      mask_(io_uring_buf_ring_mask(static_cast<unsigned>(count))),
      ring_(static_cast<io_uring_buf_ring*>(pages(count * sizeof(io_uring_buf)))),
      memory_(static_cast<char*>(pages(count * size))) {
  io_uring_buf_ring_init(ring_);
  io_uring_buf_reg registration = {};
  registration.ring_addr = reinterpret_cast<uintptr_t>(ring_);
  registration.ring_entries = static_cast<unsigned>(count);
  registration.bgid = kGroup;
  const int error = io_uring_register_buf_ring(&ring, &registration, 0);
  if (error != 0) die("io_uring_register_buf_ring", -error);
  for (size_t i = 0; i < count_; ++i) put(static_cast<uint16_t>(i));
  give_back();
}

ReceivedBuffers::~ReceivedBuffers() {
  std::free(memory_);
  std::free(ring_);
}

}  // namespace bench
