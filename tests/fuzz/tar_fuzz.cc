// Tar archives. The checksums are made to fit, or hardly any header would be looked at.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "bufio/parse/tar.h"
#include "bufio/testing/fuzz_parser.h"
#include "uring/status.h"

namespace {

constexpr size_t kBlock = 512;

// Each block that could be a header gets its checksum.
std::string with_checksums(std::string_view bytes) {
  std::string archive(bytes);
  for (size_t at = 0; at + kBlock <= archive.size(); at += kBlock) {
    const std::string_view block = std::string_view(archive).substr(at, kBlock);
    if (block.substr(257, 5) != "ustar") continue;
    archive.replace(at + 148, 8, 8, ' ');
    unsigned sum = 0;
    for (size_t i = 0; i < kBlock; ++i) sum += static_cast<unsigned char>(archive[at + i]);
    char digits[8];
    std::snprintf(digits, sizeof digits, "%06o", sum);
    archive.replace(at + 148, 7, digits, 7);
  }
  return archive;
}

std::string print(const bufio::TarEntry& entry) {
  return absl::StrCat(uring::as_absl(entry.path), " ", static_cast<int>(entry.flag), " ",
                      entry.size, " ", uring::as_absl(entry.link), " ", uring::as_absl(entry.user),
                      " ", uring::as_absl(entry.group), " ", entry.mode, " ", entry.uid, " ",
                      entry.gid, " ", entry.mtime);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bufio::testing::FuzzInput input(data, size);
  const std::string archive =
      input.options % 2 == 0 ? with_checksums(input.bytes) : std::string(input.bytes);
  input.bytes = archive;
  const bufio::TarOptions options = {.max_extended = size_t{16} * input.options,
                                     .need_end_marker = input.options % 4 < 2};
  bufio::testing::fuzz_parser(bufio::TarParser(options), input, print);
  return 0;
}
