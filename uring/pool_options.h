// uring/pool_options.h
//
// What a BufferPool can be told, and what it counts.

#ifndef URING_POOL_OPTIONS_H_
#define URING_POOL_OPTIONS_H_

#include <cstddef>
#include <cstdint>

namespace uring {

// How the kernel gets at a pool's memory.
//   auto         whatever of the two below works here
//   registered   the memory is registered once (Linux 5.19), so that the kernel need not look its
//                pages up in each read
//   provided     half of the buffers are lent to the kernel (IORING_REGISTER_PBUF_RING, Linux
//                5.19), which picks one when a socket has data: one request a receive, not three
//   heap         neither: what every kernel can do
// What cannot be had here is silently left out; the pool works the same.
enum class PoolMode : uint8_t { kAuto, kRegistered, kProvided, kHeap };

struct PoolOptions {
  // How many buffers, at least 1.
  size_t buffers = 64;
  // Bytes that one of them takes, at least 1.
  size_t buffer_size = size_t{16} << 10;
  // How many more are made, one at a time, for whom all the others are out; each is freed when it
  // comes back. Without them, who keeps as many buffers as there are and waits for one more waits
  // for himself.
  size_t extra_buffers = 0;
  PoolMode mode = PoolMode::kAuto;
};

// Always: free + with_kernel + lent = buffers. The extra ones are beside them.
struct PoolStats {
  size_t buffers = 0;
  size_t buffer_size = 0;
  bool registered = false;  // the memory is registered with the kernel
  bool provided = false;    // the kernel may pick buffers by itself
  size_t free = 0;
  size_t with_kernel = 0;   // lent to the kernel, and not known to be picked
  size_t lent = 0;          // in the hands of requests, Readers and PooledBuffers
  size_t extra = 0;         // PoolOptions::extra_buffers in the same hands
  size_t waiting = 0;       // requests and coroutines in line for a buffer
  uint64_t handed_out = 0;  // times that a buffer left the pool
  uint64_t waits = 0;       // times that somebody got in line
  uint64_t dry = 0;         // times that the kernel had data and no buffer to pick (ENOBUFS)
};

}  // namespace uring

#endif  // URING_POOL_OPTIONS_H_
