#include "bufio/delimiter_index.h"

#include <algorithm>
#include <bit>

#include "bufio/scan_kernels.h"

namespace bufio {

const char* DelimiterIndex::next_slow() { return scan() ? take() : nullptr; }

// Scans chunk after chunk until one has a delimiter; false if none has.
bool DelimiterIndex::scan() {
  while (scanned_ != end_) {
    scan_chunk();
    if (found_ != 0) return true;
  }
  return false;
}

// Replaces the offsets, all of them taken, by those of the next chunk.
void DelimiterIndex::scan_chunk() {
  base_ = scanned_;
  taken_ = found_ = 0;
  const internal::ScanKernels& kernels = internal::scan_kernels();
  const size_t left = static_cast<size_t>(end_ - scanned_);
  if (left >= 64) {
    const size_t blocks = std::min<size_t>(left, chunk_) / 64;
    const internal::Offsets done = kernels.offsets(base_, blocks, byte_, offsets_, kOffsets);
    found_ = static_cast<uint32_t>(done.count);
    scanned_ += 64 * done.blocks;
    chunk_ = std::min(2 * chunk_, kLastChunk);
    return;
  }
  for (uint64_t mask = kernels.tail_mask(base_, left, byte_); mask != 0; mask &= mask - 1) {
    offsets_[found_++] = static_cast<uint16_t>(std::countr_zero(mask));
  }
  scanned_ = end_;
}

void DelimiterIndex::skip_to(const char* position) {
  if (position >= scanned_) {
    taken_ = found_;
    scanned_ = position;
    return;
  }
  while (taken_ != found_ && base_ + offsets_[taken_] < position) ++taken_;
}

}  // namespace bufio
