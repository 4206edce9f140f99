// benchmarks/received_buffers.h
//
// Buffers that the kernel picks from when a socket has data (a ring of provided buffers).

#ifndef BENCHMARKS_RECEIVED_BUFFERS_H_
#define BENCHMARKS_RECEIVED_BUFFERS_H_

#include <liburing.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace bench {

class ReceivedBuffers {
 public:
  static constexpr uint16_t kGroup = 1;

  // `count` is a power of two. Lives as long as `ring` is used.
  ReceivedBuffers(io_uring& ring, size_t size, size_t count);
  ReceivedBuffers(const ReceivedBuffers&) = delete;
  ReceivedBuffers& operator=(const ReceivedBuffers&) = delete;
  ~ReceivedBuffers();

  static uint16_t name_of(uint32_t flags) {
    return static_cast<uint16_t>(flags >> IORING_CQE_BUFFER_SHIFT);
  }
  char* at(uint16_t name) { return memory_ + name * size_; }

  // To be given back with the next give_back(); the bytes stay as they are until then.
  void put(uint16_t name) {
    io_uring_buf_ring_add(ring_, at(name), static_cast<unsigned>(size_), name, mask_, added_++);
  }
  // What a completion with a buffer brought; the buffer is put().
  std::string_view take(int32_t result, uint32_t flags) {
    put(name_of(flags));
    return std::string_view(at(name_of(flags)), static_cast<size_t>(result));
  }
  // Makes what was put known to the kernel.
  void give_back() {
    if (added_ > 0) io_uring_buf_ring_advance(ring_, added_);
    added_ = 0;
  }

 private:
  size_t size_;
  size_t count_;
  int mask_;
  int added_ = 0;
  io_uring_buf_ring* ring_;
  char* memory_;
};

}  // namespace bench

#endif  // BENCHMARKS_RECEIVED_BUFFERS_H_
