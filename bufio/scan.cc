#include "bufio/scan.h"

#include <algorithm>
#include <cstring>

#include "bufio/scan_kernels.h"

namespace bufio {

using internal::scan_kernels;

size_t count_byte(std::string_view bytes, char byte) {
  return scan_kernels().count(bytes.data(), bytes.size(), byte);
}

size_t find_byte(std::string_view bytes, char byte, size_t from) {
  if (from >= bytes.size()) return std::string_view::npos;
  const void* at = std::memchr(bytes.data() + from, byte, bytes.size() - from);
  if (at == nullptr) return std::string_view::npos;
  return static_cast<size_t>(static_cast<const char*>(at) - bytes.data());
}

void byte_masks(const char* data, size_t blocks, char byte, uint64_t* masks) {
  scan_kernels().masks(data, blocks, byte, masks);
}

ScanResult scan_delimiter(std::string_view view, size_t from, std::string_view delimiter) {
  size_t work = 0;
  return internal::scan_delimiter(view, from, delimiter, work);
}

namespace internal {
namespace {

ScanResult scan_byte(std::string_view view, size_t from, char byte, size_t& work) {
  const size_t at = find_byte(view, byte, from);
  work += std::min(at, view.size()) - from;
  return at == std::string_view::npos ? ScanResult::more(view.size()) : ScanResult::token(at + 1);
}

}  // namespace

// A start is a candidate when the first and the last byte of the delimiter fit; only candidates are
// compared. Text that is full of candidates would make that quadratic, so the comparisons have a
// budget, proportional to the progress made, and memmem takes over when it is spent. (glibc 2.36
// string/memmem.c: linear, by hashing up to 256 bytes of needle, by the Two-Way algorithm above.)
ScanResult scan_delimiter(std::string_view view, size_t from, std::string_view delimiter,
                          size_t& work) {
  const size_t size = delimiter.size();
  from = std::min(from, view.size());
  if (size == 0) return ScanResult::more(view.size());
  if (size == 1) return scan_byte(view, from, delimiter[0], work);
  if (view.size() - from < size) return ScanResult::more(from);

  const char* const data = view.data();
  const size_t starts = view.size() - size + 1;
  const size_t distance = size - 1;
  const ScanKernels& kernels = scan_kernels();
  size_t budget = 16 * size;
  for (size_t at = from; at < starts; ++at) {
    const size_t step =
        kernels.find_pair(data + at, starts - at, distance, delimiter[0], delimiter[distance]);
    work += 2 * step;
    at += step;
    if (at == starts) break;
    work += size;
    if (std::memcmp(data + at + 1, delimiter.data() + 1, size - 2) == 0) {
      return ScanResult::token(at + size);
    }
    budget += 4 * (step + 1);
    if (budget >= size) {
      budget -= size;
      continue;
    }
    const size_t rest = view.size() - at - 1;
    const void* found = memmem(data + at + 1, rest, delimiter.data(), size);
    if (found == nullptr) {
      work += rest;
      break;
    }
    const size_t start = static_cast<size_t>(static_cast<const char*>(found) - data);
    work += start + size - (at + 1);
    return ScanResult::token(start + size);
  }
  return ScanResult::more(starts);
}

}  // namespace internal

uint64_t DelimiterScanner::key() const {
  uint64_t key = 0;
  if (delimiter_.size() < 8) {
    for (char c : delimiter_) key = key << 8 | static_cast<unsigned char>(c);
    return key | static_cast<uint64_t>(delimiter_.size()) << 56;
  }
  // FNV-1a, with the top bit set so that it never equals a short delimiter's key.
  key = 0xcbf29ce484222325;
  for (char c : delimiter_) key = (key ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return key | uint64_t{1} << 63;
}

}  // namespace bufio
