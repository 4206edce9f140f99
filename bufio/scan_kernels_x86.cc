// SSE2, AVX2 and AVX-512. The file is compiled for the baseline; each function names the
// instructions that it may use, so no inline function of a header can leak out of here compiled for
// a processor that the program does not run on.

#if defined(__x86_64__)

#include <immintrin.h>

#include <array>
#include <bit>
#include <cstring>

#include "bufio/scan_kernels.h"

namespace bufio::internal {

namespace sse2 {

#define BUFIO_KERNEL static inline

using Pattern = __m128i;

BUFIO_KERNEL Pattern broadcast(char byte) { return _mm_set1_epi8(byte); }

BUFIO_KERNEL __m128i matches(const char* data, Pattern pattern) {
  return _mm_cmpeq_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(data)), pattern);
}

BUFIO_KERNEL uint64_t quarter_mask(const char* data, Pattern pattern) {
  return static_cast<uint32_t>(_mm_movemask_epi8(matches(data, pattern)));
}

BUFIO_KERNEL uint64_t block_mask(const char* data, Pattern pattern) {
  return quarter_mask(data, pattern) | quarter_mask(data + 16, pattern) << 16 |
         quarter_mask(data + 32, pattern) << 32 | quarter_mask(data + 48, pattern) << 48;
}

BUFIO_KERNEL size_t count_blocks(const char* data, size_t blocks, Pattern pattern) {
  const __m128i zero = _mm_setzero_si128();
  __m128i total = zero;
  while (blocks != 0) {
    // A match is -1; each byte of a sum overflows after 255 of them.
    const size_t batch = blocks < 255 ? blocks : 255;
    __m128i a = zero, b = zero, c = zero, d = zero;
    for (size_t i = 0; i < batch; ++i, data += 64) {
      a = _mm_sub_epi8(a, matches(data, pattern));
      b = _mm_sub_epi8(b, matches(data + 16, pattern));
      c = _mm_sub_epi8(c, matches(data + 32, pattern));
      d = _mm_sub_epi8(d, matches(data + 48, pattern));
    }
    total = _mm_add_epi64(total, _mm_add_epi64(_mm_sad_epu8(a, zero), _mm_sad_epu8(b, zero)));
    total = _mm_add_epi64(total, _mm_add_epi64(_mm_sad_epu8(c, zero), _mm_sad_epu8(d, zero)));
    blocks -= batch;
  }
  return static_cast<size_t>(_mm_cvtsi128_si64(total)) +
         static_cast<size_t>(_mm_cvtsi128_si64(_mm_unpackhi_epi64(total, total)));
}

#include "bufio/scan_kernel_bodies.inc"
#undef BUFIO_KERNEL

constexpr ScanKernels kKernels = {SimdTier::kSse2, count, masks, offsets, bits, tail_mask, find_pair};

}  // namespace sse2

namespace avx2 {

#define BUFIO_KERNEL __attribute__((target("avx2,bmi,popcnt"))) static inline

using Pattern = __m256i;

BUFIO_KERNEL Pattern broadcast(char byte) { return _mm256_set1_epi8(byte); }

BUFIO_KERNEL __m256i matches(const char* data, Pattern pattern) {
  return _mm256_cmpeq_epi8(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(data)), pattern);
}

BUFIO_KERNEL uint64_t block_mask(const char* data, Pattern pattern) {
  const int low = _mm256_movemask_epi8(matches(data, pattern));
  const int high = _mm256_movemask_epi8(matches(data + 32, pattern));
  return static_cast<uint32_t>(low) | static_cast<uint64_t>(static_cast<uint32_t>(high)) << 32;
}

BUFIO_KERNEL __m256i widen(__m256i sums) { return _mm256_sad_epu8(sums, _mm256_setzero_si256()); }

BUFIO_KERNEL size_t count_blocks(const char* data, size_t blocks, Pattern pattern) {
  const __m256i zero = _mm256_setzero_si256();
  __m256i total = zero;
  while (blocks >= 2) {
    // A match is -1; each byte of a sum overflows after 255 of them.
    const size_t batch = blocks / 2 < 255 ? blocks / 2 : 255;
    __m256i a = zero, b = zero, c = zero, d = zero;
    for (size_t i = 0; i < batch; ++i, data += 128) {
      a = _mm256_sub_epi8(a, matches(data, pattern));
      b = _mm256_sub_epi8(b, matches(data + 32, pattern));
      c = _mm256_sub_epi8(c, matches(data + 64, pattern));
      d = _mm256_sub_epi8(d, matches(data + 96, pattern));
    }
    total = _mm256_add_epi64(total, _mm256_add_epi64(widen(a), widen(b)));
    total = _mm256_add_epi64(total, _mm256_add_epi64(widen(c), widen(d)));
    blocks -= 2 * batch;
  }
  alignas(32) uint64_t lanes[4];
  _mm256_store_si256(reinterpret_cast<__m256i*>(lanes), total);
  uint64_t sum = lanes[0] + lanes[1] + lanes[2] + lanes[3];
  if (blocks != 0) sum += static_cast<uint64_t>(std::popcount(block_mask(data, pattern)));
  return sum;
}

#include "bufio/scan_kernel_bodies.inc"
#undef BUFIO_KERNEL

constexpr ScanKernels kKernels = {SimdTier::kAvx2, count, masks, offsets, bits, tail_mask, find_pair};

}  // namespace avx2

namespace avx512 {

#define BUFIO_KERNEL \
  __attribute__((target("avx512f,avx512bw,avx512vbmi2,bmi,popcnt"))) static inline

using Pattern = __m512i;

BUFIO_KERNEL Pattern broadcast(char byte) { return _mm512_set1_epi8(byte); }

BUFIO_KERNEL uint64_t block_mask(const char* data, Pattern pattern) {
  return _mm512_cmpeq_epi8_mask(_mm512_loadu_si512(data), pattern);
}

BUFIO_KERNEL uint64_t matches(const char* data, Pattern pattern) {
  return static_cast<uint64_t>(std::popcount(block_mask(data, pattern)));
}

BUFIO_KERNEL size_t count_blocks(const char* data, size_t blocks, Pattern pattern) {
  uint64_t a = 0, b = 0, c = 0, d = 0;
  for (; blocks >= 4; blocks -= 4, data += 256) {
    a += matches(data, pattern);
    b += matches(data + 64, pattern);
    c += matches(data + 128, pattern);
    d += matches(data + 192, pattern);
  }
  for (; blocks != 0; --blocks, data += 64) a += matches(data, pattern);
  return a + b + c + d;
}

// The set bits' numbers without a loop: keep those of the bytes 0, 1, 2, ... whose bit is set, and
// widen them. (Masked extraction, because g++ 12 warns falsely about the plain one: its bug
// 105593.)
#define BUFIO_KERNEL_PUTS_OFFSETS
BUFIO_KERNEL size_t put_offsets(uint64_t mask, size_t base, uint16_t* out) {
  alignas(64) static constexpr auto kNumbers = [] {
    std::array<uint8_t, 64> numbers{};
    for (uint8_t i = 0; i < 64; ++i) numbers[i] = i;
    return numbers;
  }();
  const __m512i start = _mm512_set1_epi16(static_cast<short>(base));
  const __m512i set = _mm512_maskz_compress_epi8(mask, _mm512_load_si512(kNumbers.data()));
  const __m512i low = _mm512_cvtepu8_epi16(_mm512_maskz_extracti64x4_epi64(0xf, set, 0));
  _mm512_storeu_si512(out, _mm512_add_epi16(start, low));
  const size_t bits = static_cast<size_t>(std::popcount(mask));
  if (bits > 32) {
    const __m512i high = _mm512_cvtepu8_epi16(_mm512_maskz_extracti64x4_epi64(0xf, set, 1));
    _mm512_storeu_si512(out + 32, _mm512_add_epi16(start, high));
  }
  return bits;
}

#include "bufio/scan_kernel_bodies.inc"
#undef BUFIO_KERNEL_PUTS_OFFSETS
#undef BUFIO_KERNEL

constexpr ScanKernels kKernels = {SimdTier::kAvx512, count, masks, offsets, bits, tail_mask, find_pair};

}  // namespace avx512

// __builtin_cpu_supports() also asks whether the system saves the wide registers (gcc manual, "x86
// Built-in Functions"; libgcc's cpuinfo reads XCR0).
const ScanKernels* vector_kernels_for(SimdTier tier) {
  __builtin_cpu_init();
  const bool bits = __builtin_cpu_supports("bmi") && __builtin_cpu_supports("popcnt");
  switch (tier) {
    case SimdTier::kSse2:
      return &sse2::kKernels;
    case SimdTier::kAvx2:
      return bits && __builtin_cpu_supports("avx2") ? &avx2::kKernels : nullptr;
    case SimdTier::kAvx512:
      return bits && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                     __builtin_cpu_supports("avx512vbmi2")
                 ? &avx512::kKernels
                 : nullptr;
    default:
      return nullptr;
  }
}

}  // namespace bufio::internal

#endif  // defined(__x86_64__)
