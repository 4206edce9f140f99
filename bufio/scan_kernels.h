// bufio/scan_kernels.h
//
// The vectorised loops behind bufio/scan.h and bufio/delimiter_index.h, one table of them per
// instruction set.
//
// Internal. The table is chosen at the first use, once per process, from what the processor and the
// system support. Programs are compiled for the architecture's baseline and still use wider vectors
// where they exist.

#ifndef BUFIO_SCAN_KERNELS_H_
#define BUFIO_SCAN_KERNELS_H_

#include <cstddef>
#include <cstdint>

namespace bufio::internal {

enum class SimdTier {
  kPortable,  // eight bytes at a time in a general register; everywhere
  kSse2,      // x86-64 baseline
  kAvx2,      // with BMI1 and POPCNT
  kAvx512,    // F + BW + VBMI2: Ice Lake, Zen 4. Older ones slow their clock down for it.
  kNeon,      // AArch64 baseline
};

struct Offsets {
  size_t blocks;  // blocks done; fewer than asked when `out` might not have held another block's
  size_t count;   // offsets written
};

// What kernels may assume: pointers are valid for the sizes given, and need no alignment.
struct ScanKernels {
  SimdTier tier;

  size_t (*count)(const char* data, size_t size, char byte);

  // As bufio::byte_masks().
  void (*masks)(const char* data, size_t blocks, char byte, uint64_t* masks);

  // Writes the offsets from `data` of the bytes equal to `byte` in up to `blocks` <= kMaxBlocks
  // blocks of 64 bytes, in ascending order. Writes scratch behind the last offset, but nothing at
  // or behind out[capacity]. Makes progress when capacity >= kOffsetsSlack.
  Offsets (*offsets)(const char* data, size_t blocks, char byte, uint16_t* out, size_t capacity);

  // The same of masks that are there: the numbers of the bits that are set in `blocks` <=
  // kMaxBlocks of them. Returns how many; writes scratch behind them, up to kOffsetsSlack.
  size_t (*bits)(const uint64_t* masks, size_t blocks, uint16_t* out);

  // The offsets of `byte` in fewer than 64 bytes, as a mask.
  uint64_t (*tail_mask)(const char* data, size_t size, char byte);

  // The first i in [0, starts) with data[i] == first and data[i + distance] == last, or `starts`.
  size_t (*find_pair)(const char* data, size_t starts, size_t distance, char first, char last);
};

inline constexpr size_t kMaxBlocks = 64;
inline constexpr size_t kOffsetsSlack = 64 + 4;

// The kernels in use.
const ScanKernels& scan_kernels();

// The kernels of one tier, or nullptr when this machine or this build lacks it.
const ScanKernels* scan_kernels_for(SimdTier tier);

// Makes scan_kernels() answer with `tier` until the next call; false, and no change, when the
// machine lacks it.
bool set_simd_tier_for_test(SimdTier tier);

// The part of scan_kernels_for() that the architecture's own file answers.
const ScanKernels* vector_kernels_for(SimdTier tier);

}  // namespace bufio::internal

#endif  // BUFIO_SCAN_KERNELS_H_
