// Finding delimiters, against std::string::find: at once, and resumed as the bytes come.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bufio/delimiter_index.h"
#include "bufio/scan.h"
#include "uring/testing/choices.h"

namespace bufio {
namespace {

using uring::testing::ByteChoices;

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "scan: %s\n", what);
  std::abort();
}

// Exactly so many bytes of the heap, so that AddressSanitizer sees each that is read beside them.
class Exact {
 public:
  explicit Exact(std::string_view bytes)
      : bytes_(std::make_unique<char[]>(bytes.size())), size_(bytes.size()) {
    std::copy(bytes.begin(), bytes.end(), bytes_.get());
  }
  std::string_view view() const { return {bytes_.get(), size_}; }

 private:
  std::unique_ptr<char[]> bytes_;
  size_t size_;
};

size_t below(ByteChoices& choices, size_t n) { return choices.below(static_cast<uint32_t>(n)); }

// Few letters, so that there is much to find.
std::string make_delimiter(ByteChoices& choices) {
  const size_t size = 1 + (choices.one_in(4) ? below(choices, 100) : below(choices, 4));
  std::string delimiter;
  while (delimiter.size() < size) delimiter += "\nab"[choices.below(3)];
  return delimiter;
}

std::string make_text(ByteChoices& choices, std::string_view delimiter) {
  std::string text;
  const size_t pieces = below(choices, 40);
  for (size_t i = 0; i < pieces && !choices.exhausted(); ++i) {
    switch (choices.below(4)) {
      case 0:
        text.append(below(choices, 200), "\nabc"[choices.below(4)]);
        break;
      case 1:
        text += delimiter;
        break;
      case 2:
        text += delimiter.substr(0, below(choices, delimiter.size() + 1));
        break;
      default:
        text += "\nabc\xff"[choices.below(5)];
    }
  }
  return text;
}

// Of all the bytes, from anywhere.
void compare_at_once(ByteChoices& choices, std::string_view text, std::string_view delimiter) {
  const Exact exact(text);
  const size_t from = below(choices, text.size() + 2);
  const char byte = delimiter[0];
  require(find_byte(exact.view(), byte, from) == text.find(byte, from), "find_byte");
  require(count_byte(exact.view(), byte) ==
              static_cast<size_t>(std::count(text.begin(), text.end(), byte)),
          "count_byte");
  std::vector<uint64_t> masks(text.size() / 64);
  byte_masks(exact.view().data(), masks.size(), byte, masks.data());
  for (size_t i = 0; i < masks.size() * 64; ++i) {
    require((masks[i / 64] >> (i % 64) & 1) == (text[i] == byte ? 1U : 0U), "byte_masks");
  }
  if (from > text.size()) return;
  const size_t at = text.find(delimiter, from);
  const ScanResult result = scan_delimiter(exact.view(), from, delimiter);
  require(result.found == (at != std::string_view::npos), "scan_delimiter finds");
  if (result.found) require(result.length == at + delimiter.size(), "scan_delimiter's length");
}

// As the bytes come, each view in memory of its own.
void compare_resumed(ByteChoices& choices, std::string_view text, std::string_view delimiter) {
  const size_t at = text.find(delimiter);
  size_t seen = 0;
  size_t examined = 0;
  size_t work = 0;
  size_t calls = 0;
  for (;;) {
    seen = std::min(text.size(), seen + below(choices, choices.one_in(3) ? 100 : 4));
    if (choices.exhausted()) seen = text.size();
    const Exact view(text.substr(0, seen));
    ++calls;
    const ScanResult result = internal::scan_delimiter(view.view(), examined, delimiter, work);
    const bool there = at != std::string_view::npos && at + delimiter.size() <= seen;
    require(result.found == there, "a resumed scan finds");
    if (there) {
      require(result.length == at + delimiter.size(), "a resumed scan's length");
      break;
    }
    require(result.examined >= examined && result.examined <= seen, "examined goes on");
    require(seen - result.examined < delimiter.size(), "examined says too little");
    examined = result.examined;
    if (seen == text.size()) break;
  }
  require(work <= 16 * (seen + calls * delimiter.size()) + 256, "a scan is not linear");
}

// All of them, while the range grows at its end, loses its beginning, and moves.
void compare_index(ByteChoices& choices, std::string_view text) {
  size_t end = below(choices, text.size() + 1);
  std::string memory(text);
  std::string elsewhere(text);
  const char* base = memory.data();
  DelimiterIndex index(base, base + end, '\n');
  size_t at = 0;  // delimiters in front of it were taken, or skipped
  for (bool last = false;;) {
    const size_t expected = text.substr(0, end).find('\n', at);
    const bool peeks = choices.one_in(2);
    const char* found = peeks ? index.peek() : index.next();
    if (found != nullptr && peeks) require(index.take() == found, "take what was peeked at");
    if (expected == std::string_view::npos) {
      require(found == nullptr, "an index of too many");
      if (last) return;
      end = std::min(text.size(), end + 1 + below(choices, 500));
      last = end == text.size();
      index.extend(base + end);
      continue;
    }
    require(found == base + expected, "an index of another");
    at = expected + 1;
    if (choices.one_in(8)) {
      at += below(choices, end - at + 1);
      index.skip_to(base + at);
    }
    if (choices.one_in(8)) {
      const char* other = base == memory.data() ? elsewhere.data() : memory.data();
      index.rebase(other - base);
      base = other;
    }
  }
}

}  // namespace
}  // namespace bufio

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  uring::testing::ByteChoices choices(std::span<const uint8_t>(data, size));
  const std::string delimiter = bufio::make_delimiter(choices);
  const std::string text = bufio::make_text(choices, delimiter);
  bufio::compare_at_once(choices, text, delimiter);
  bufio::compare_resumed(choices, text, delimiter);
  bufio::compare_index(choices, text);
  return 0;
}
