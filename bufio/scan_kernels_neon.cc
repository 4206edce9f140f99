// NEON, which every AArch64 processor has.

#if defined(__aarch64__) && !defined(__AARCH64EB__)

#include <arm_neon.h>

#include <bit>
#include <cstring>

#include "bufio/scan_kernels.h"

namespace bufio::internal {
namespace neon {

#define BUFIO_KERNEL static inline

using Pattern = uint8x16_t;

BUFIO_KERNEL Pattern broadcast(char byte) { return vdupq_n_u8(static_cast<uint8_t>(byte)); }

// 0xff in each lane that matches.
BUFIO_KERNEL uint8x16_t matches(const char* data, Pattern pattern) {
  return vceqq_u8(vld1q_u8(reinterpret_cast<const uint8_t*>(data)), pattern);
}

// NEON has no movemask: keep one bit per lane, a different one for each lane of eight, and add
// neighbours three times.
BUFIO_KERNEL uint64_t block_mask(const char* data, Pattern pattern) {
  const uint8x16_t weights = vreinterpretq_u8_u64(vdupq_n_u64(0x8040201008040201));
  const uint8x16_t a = vandq_u8(matches(data, pattern), weights);
  const uint8x16_t b = vandq_u8(matches(data + 16, pattern), weights);
  const uint8x16_t c = vandq_u8(matches(data + 32, pattern), weights);
  const uint8x16_t d = vandq_u8(matches(data + 48, pattern), weights);
  const uint8x16_t quads = vpaddq_u8(vpaddq_u8(a, b), vpaddq_u8(c, d));
  return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(quads, quads)), 0);
}

BUFIO_KERNEL size_t count_blocks(const char* data, size_t blocks, Pattern pattern) {
  const uint8x16_t zero = vdupq_n_u8(0);
  size_t total = 0;
  while (blocks != 0) {
    // A match is -1; each byte of a sum overflows after 255 of them.
    const size_t batch = blocks < 255 ? blocks : 255;
    uint8x16_t a = zero, b = zero, c = zero, d = zero;
    for (size_t i = 0; i < batch; ++i, data += 64) {
      a = vsubq_u8(a, matches(data, pattern));
      b = vsubq_u8(b, matches(data + 16, pattern));
      c = vsubq_u8(c, matches(data + 32, pattern));
      d = vsubq_u8(d, matches(data + 48, pattern));
    }
    total += vaddlvq_u8(a) + vaddlvq_u8(b) + vaddlvq_u8(c) + vaddlvq_u8(d);
    blocks -= batch;
  }
  return total;
}

#include "bufio/scan_kernel_bodies.inc"
#undef BUFIO_KERNEL

constexpr ScanKernels kKernels = {SimdTier::kNeon, count, masks, offsets, bits, tail_mask, find_pair};

}  // namespace neon

const ScanKernels* vector_kernels_for(SimdTier tier) {
  return tier == SimdTier::kNeon ? &neon::kKernels : nullptr;
}

}  // namespace bufio::internal

#endif  // defined(__aarch64__) && !defined(__AARCH64EB__)
