// benchmarks/rivals_posix.h
//
// What people use without io_uring: read(2), mmap(2), getline(3), std::getline.
//
// Each does its job the best way that was found for it; the figures behind the choices are in
// rivals_posix.cc.

#ifndef BENCHMARKS_RIVALS_POSIX_H_
#define BENCHMARKS_RIVALS_POSIX_H_

#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "benchmarks/aligned_memory.h"
#include "benchmarks/die.h"
#include "benchmarks/tally.h"

namespace bench {

// Everything that read(2) delivers from the current position on, a piece at a time. For sinks that
// take whole views.
template <class Sink>
Tally read_with_read2(int fd, const AlignedMemory& piece, Sink sink) {
  for (;;) {
    const ssize_t got = ::read(fd, piece.data(), piece.size());
    if (got == 0) return sink.result();
    if (got > 0) {
      sink.take(std::string_view(piece.data(), static_cast<size_t>(got)));
    } else if (errno != EINTR) {
      die("read", errno);
    }
  }
}

// A whole file, mapped for reading.
class Mapping {
 public:
  Mapping(int fd, uint64_t size);
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping();

  std::string_view view() const { return view_; }

 private:
  std::string_view view_;
};

template <class Sink>
Tally read_with_mmap(int fd, uint64_t size, Sink sink) {
  const Mapping mapping(fd, size);
  const size_t taken = sink.take(mapping.view());
  sink.finish(mapping.view().substr(taken));
  return sink.result();
}

// The line counters; LineLengths of the same file is the same tally.
Tally lines_with_mmap_and_memchr(int fd, uint64_t size);
Tally lines_with_getline(const std::string& path);
Tally lines_with_std_getline(const std::string& path);

}  // namespace bench

#endif  // BENCHMARKS_RIVALS_POSIX_H_
