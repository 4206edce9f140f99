#include "bufio/parse/csv_index.h"

#include <bit>

#include "bufio/scan_kernels.h"

namespace bufio {
namespace {

constexpr size_t kBlock = 64;
constexpr size_t kMaxBlocks = CsvIndex::kMaxBytes / kBlock;
static_assert(kMaxBlocks <= internal::kMaxBlocks);
static_assert(CsvIndex::kMaxEnds >= CsvIndex::kMaxBytes + internal::kOffsetsSlack);

// Bit i: whether an odd number of bits up to i is set.
uint64_t parities(uint64_t bits) {
  bits ^= bits << 1;
  bits ^= bits << 2;
  bits ^= bits << 4;
  bits ^= bits << 8;
  bits ^= bits << 16;
  return bits ^ bits << 32;
}

}  // namespace

struct CsvIndex::Blocks {
  size_t count;
  // Of the last block: there may be fewer bytes.
  unsigned last_bit;
  uint64_t quotes[kMaxBlocks];
  uint64_t separators[kMaxBlocks];
  uint64_t structure[kMaxBlocks];  // newlines at first
  uint64_t misplaced[kMaxBlocks];
};

void CsvIndex::find_masks(std::string_view bytes, Blocks& blocks) const {
  const internal::ScanKernels& kernels = internal::scan_kernels();
  const size_t whole = bytes.size() / kBlock;
  const size_t rest = bytes.size() % kBlock;
  blocks.count = whole + (rest > 0 ? 1 : 0);
  blocks.last_bit = static_cast<unsigned>((bytes.size() - 1) % kBlock);
  if (whole > 0) {
    kernels.masks(bytes.data(), whole, separator_, blocks.separators);
    kernels.masks(bytes.data(), whole, newline_, blocks.structure);
    if (quote_ >= 0) {
      kernels.masks(bytes.data(), whole, static_cast<char>(quote_), blocks.quotes);
    }
  }
  if (rest > 0) {
    const char* tail = bytes.data() + whole * kBlock;
    blocks.separators[whole] = kernels.tail_mask(tail, rest, separator_);
    blocks.structure[whole] = kernels.tail_mask(tail, rest, newline_);
    if (quote_ >= 0) {
      blocks.quotes[whole] = kernels.tail_mask(tail, rest, static_cast<char>(quote_));
    }
  }
}

CsvIndex::Found CsvIndex::find(std::string_view bytes, State& state, uint16_t* ends) const {
  const internal::ScanKernels& kernels = internal::scan_kernels();
  bytes = bytes.substr(0, kMaxBytes);
  Found found;
  if (bytes.empty()) return found;
  Blocks blocks;
  find_masks(bytes, blocks);
  const size_t last = blocks.count - 1;
  if (quote_ < 0) {
    for (size_t i = 0; i <= last; ++i) blocks.structure[i] |= blocks.separators[i];
    found.count = kernels.bits(blocks.structure, blocks.count, ends);
    found.bytes = bytes.size();
    return found;
  }
  // Without branches: whether a block has quotes is as good as random.
  State now = state;
  uint64_t any_escaped = 0;
  uint64_t any_misplaced = 0;
  for (size_t i = 0; i <= last; ++i) {
    const uint64_t quotes = blocks.quotes[i];
    const uint64_t inside = parities(quotes) ^ now.in_quotes;
    const uint64_t opening = quotes & inside;
    const uint64_t closing = quotes & ~inside;
    const uint64_t structure = (blocks.structure[i] | blocks.separators[i]) & ~inside;
    const uint64_t escaped = opening & (closing << 1 | now.just_closed);
    const uint64_t misplaced = opening & ~escaped & ~(structure << 1 | now.may_open);
    any_escaped |= escaped;
    any_misplaced |= misplaced;
    blocks.structure[i] = structure;
    blocks.misplaced[i] = misplaced;
    const unsigned bit = i == last ? blocks.last_bit : kBlock - 1;
    now.in_quotes = uint64_t{0} - (inside >> bit & 1);
    now.may_open = structure >> bit & 1;
    now.just_closed = closing >> bit & 1;
  }
  found.escapes = any_escaped != 0;
  found.bytes = bytes.size();
  if (any_misplaced != 0) [[unlikely]] {
    // Everything in front of it counts.
    size_t block = 0;
    while (blocks.misplaced[block] == 0) ++block;
    const auto bit = static_cast<unsigned>(std::countr_zero(blocks.misplaced[block]));
    blocks.structure[block] &= (uint64_t{1} << bit) - 1;
    blocks.count = block + 1;
    found.bytes = block * kBlock + bit;
    found.misplaced = true;
  }
  found.count = kernels.bits(blocks.structure, blocks.count, ends);
  state = now;
  return found;
}

}  // namespace bufio
