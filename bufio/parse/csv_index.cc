#include "bufio/parse/csv_index.h"

#include <algorithm>
#include <bit>

#include "bufio/scan_kernels.h"

namespace bufio {
namespace {

constexpr size_t kBlock = 64;
constexpr size_t kMaxBlocks = CsvIndex::kMaxBytes / kBlock;

// Bit i: whether an odd number of bits up to i is set.
uint64_t parities(uint64_t bits) {
  for (unsigned shift = 1; shift < 64; shift *= 2) bits ^= bits << shift;
  return bits;
}

// Writes up to seven more than there are, which costs less than to stop exactly.
size_t put(uint64_t bits, size_t at, uint16_t* out) {
  const auto count = static_cast<size_t>(std::popcount(bits));
  size_t done = 0;
  while (done < count) {
#pragma GCC unroll 8
    for (size_t i = 0; i < 8; ++i, bits &= bits - 1) {
      out[done + i] = static_cast<uint16_t>(at + static_cast<size_t>(std::countr_zero(bits)));
    }
    done += 8;
  }
  return count;
}

}  // namespace

struct CsvIndex::Masks {
  uint64_t quotes;
  uint64_t separators;
  uint64_t newlines;
};

// Takes the first `size` bytes of a block in. False if a quote is misplaced.
bool CsvIndex::add(const Masks& masks, size_t at, size_t size, State& state, uint16_t* ends,
                   Found& found) const {
  uint64_t structure = masks.separators | masks.newlines;
  const unsigned last = static_cast<unsigned>(size - 1);
  // Most blocks have nothing to do with quotes.
  if (masks.quotes == 0) {
    structure &= ~state.in_quotes;
    state.may_open = structure >> last & 1;
    state.just_closed = 0;
    found.count += put(structure, at, ends + found.count);
    return true;
  }
  const uint64_t inside = parities(masks.quotes) ^ state.in_quotes;
  const uint64_t opening = masks.quotes & inside;
  const uint64_t closing = masks.quotes & ~inside;
  structure &= ~inside;
  const uint64_t escaped = opening & (closing << 1 | state.just_closed);
  const uint64_t misplaced = opening & ~escaped & ~(structure << 1 | state.may_open);
  found.escapes = found.escapes || escaped != 0;
  if (misplaced != 0) [[unlikely]] {
    const auto bad = static_cast<unsigned>(std::countr_zero(misplaced));
    found.count += put(structure & ((uint64_t{1} << bad) - 1), at, ends + found.count);
    found.bytes = at + bad;
    found.misplaced = true;
    return false;
  }
  found.count += put(structure, at, ends + found.count);
  state.in_quotes = uint64_t{0} - (inside >> last & 1);
  state.may_open = structure >> last & 1;
  state.just_closed = closing >> last & 1;
  return true;
}

CsvIndex::Found CsvIndex::find(std::string_view bytes, State& state, uint16_t* ends) const {
  const internal::ScanKernels& kernels = internal::scan_kernels();
  bytes = bytes.substr(0, kMaxBytes);
  Found found;
  const size_t blocks = bytes.size() / kBlock;
  const bool quoting = quote_ >= 0;
  const auto quote = static_cast<char>(quote_);
  if (blocks > 0) {
    uint64_t quotes[kMaxBlocks] = {};
    uint64_t separators[kMaxBlocks];
    uint64_t newlines[kMaxBlocks];
    if (quoting) kernels.masks(bytes.data(), blocks, quote, quotes);
    kernels.masks(bytes.data(), blocks, separator_, separators);
    kernels.masks(bytes.data(), blocks, newline_, newlines);
    for (size_t i = 0; i < blocks; ++i) {
      const Masks masks{quotes[i], separators[i], newlines[i]};
      if (!add(masks, i * kBlock, kBlock, state, ends, found)) return found;
    }
  }
  const size_t done = blocks * kBlock;
  const size_t rest = bytes.size() - done;
  if (rest > 0) {
    const char* tail = bytes.data() + done;
    const Masks masks{quoting ? kernels.tail_mask(tail, rest, quote) : 0,
                      kernels.tail_mask(tail, rest, separator_),
                      kernels.tail_mask(tail, rest, newline_)};
    if (!add(masks, done, rest, state, ends, found)) return found;
  }
  found.bytes = bytes.size();
  return found;
}

}  // namespace bufio
