#include "benchmarks/rivals_posix.h"

#include <sys/mman.h>
#include <sys/types.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <string_view>

#include "benchmarks/die.h"
#include "benchmarks/tally.h"

namespace bench {

// MADV_SEQUENTIAL, MAP_POPULATE and populating 2 MiB at a time were all within 3 % of a plain
// mapping, which sets up its page tables 64 KiB or a whole large folio at a time. The one that
// never lost is used.
Mapping::Mapping(int fd, uint64_t size) {
  void* const address = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
  if (address == MAP_FAILED) die("mmap", errno);
  ::madvise(address, size, MADV_SEQUENTIAL);
  view_ = std::string_view(static_cast<const char*>(address), size);
}

Mapping::~Mapping() { ::munmap(const_cast<char*>(view_.data()), view_.size()); }

Tally lines_with_mmap_and_memchr(int fd, uint64_t size) {
  const Mapping mapping(fd, size);
  LineLengths lengths;
  std::string_view rest = mapping.view();
  while (const void* newline = std::memchr(rest.data(), '\n', rest.size())) {
    const auto length = static_cast<size_t>(static_cast<const char*>(newline) - rest.data());
    lengths.add(rest.substr(0, length));
    rest.remove_prefix(length + 1);
  }
  lengths.finish(rest);
  return lengths.result();
}

// A buffer of 256 KiB (setvbuf) made no difference: the time goes into finding and copying each
// line.
Tally lines_with_getline(const std::string& path) {
  std::FILE* const file = std::fopen(path.c_str(), "re");
  if (file == nullptr) die(path, errno);
  LineLengths lengths;
  char* line = nullptr;
  size_t capacity = 0;
  for (ssize_t got = 0; (got = ::getline(&line, &capacity, file)) >= 0;) {
    std::string_view view(line, static_cast<size_t>(got));
    if (view.ends_with('\n')) view.remove_suffix(1);
    lengths.add(view);
  }
  std::free(line);
  std::fclose(file);
  return lengths.result();
}

Tally lines_with_std_getline(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) die(path, errno);
  LineLengths lengths;
  std::string line;
  while (std::getline(file, line)) lengths.add(line);
  return lengths.result();
}

}  // namespace bench
