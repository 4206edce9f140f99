#include "bufio/scan_kernels.h"

#include <atomic>
#include <bit>
#include <cstring>

namespace bufio::internal {
namespace portable {

#define BUFIO_KERNEL static inline

using Pattern = uint64_t;

constexpr uint64_t kLowBits = 0x0101010101010101;

BUFIO_KERNEL Pattern broadcast(char byte) { return kLowBits * static_cast<unsigned char>(byte); }

// 1 in each byte of the result where `data` holds the byte looked for, else 0; the first byte of
// `data` is the lowest. Exact: the usual (x - 1) & ~x & 0x80 trick also marks a 0x01 that follows a
// zero byte.
BUFIO_KERNEL uint64_t matches(const char* data, Pattern pattern) {
  uint64_t word;
  std::memcpy(&word, data, sizeof word);
  if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
  word ^= pattern;
  constexpr uint64_t kSevenBits = 0x7f * kLowBits;
  return ~(((word & kSevenBits) + kSevenBits) | word | kSevenBits) >> 7;
}

BUFIO_KERNEL uint64_t block_mask(const char* data, Pattern pattern) {
  uint64_t mask = 0;
  for (unsigned i = 0; i < 8; ++i) {
    // The multiplication gathers bit 0 of byte k in bit 56 + k.
    mask |= (matches(data + 8 * i, pattern) * 0x0102040810204080) >> 56 << (8 * i);
  }
  return mask;
}

BUFIO_KERNEL size_t count_blocks(const char* data, size_t blocks, Pattern pattern) {
  size_t total = 0;
  while (blocks != 0) {
    // Eight counters of one byte: 31 blocks add at most 31 * 8 = 248 to each.
    const size_t batch = blocks < 31 ? blocks : 31;
    uint64_t sums = 0;
    for (size_t i = 0; i < 8 * batch; ++i) sums += matches(data + 8 * i, pattern);
    constexpr uint64_t kEvenBytes = 0x00ff00ff00ff00ff;
    const uint64_t pairs = (sums & kEvenBytes) + ((sums >> 8) & kEvenBytes);
    total += static_cast<size_t>((pairs * 0x0001000100010001) >> 48);
    data += 64 * batch;
    blocks -= batch;
  }
  return total;
}

#include "bufio/scan_kernel_bodies.inc"

constexpr ScanKernels kKernels = {SimdTier::kPortable, count, masks, offsets, bits, tail_mask, find_pair};

}  // namespace portable

namespace {

// Null until the first use. The tables are constants, so nothing has to be published with the
// pointer.
constinit std::atomic<const ScanKernels*> active{nullptr};

const ScanKernels& choose() {
  for (SimdTier tier : {SimdTier::kAvx512, SimdTier::kAvx2, SimdTier::kSse2, SimdTier::kNeon}) {
    if (const ScanKernels* kernels = scan_kernels_for(tier)) return *kernels;
  }
  return portable::kKernels;
}

}  // namespace

#if !defined(__x86_64__) && !(defined(__aarch64__) && !defined(__AARCH64EB__))
const ScanKernels* vector_kernels_for(SimdTier) { return nullptr; }
#endif

const ScanKernels* scan_kernels_for(SimdTier tier) {
  return tier == SimdTier::kPortable ? &portable::kKernels : vector_kernels_for(tier);
}

const ScanKernels& scan_kernels() {
  const ScanKernels* kernels = active.load(std::memory_order_relaxed);
  if (kernels == nullptr) [[unlikely]] {
    kernels = &choose();
    active.store(kernels, std::memory_order_relaxed);
  }
  return *kernels;
}

bool set_simd_tier_for_test(SimdTier tier) {
  const ScanKernels* kernels = scan_kernels_for(tier);
  if (kernels == nullptr) return false;
  active.store(kernels, std::memory_order_relaxed);
  return true;
}

}  // namespace bufio::internal
