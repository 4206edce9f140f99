// examples/ownership_raw.cc
//
// Counts the lines of a file that is read into the program's own memory.
//
//   bazel run //examples:ownership_raw -- "$PWD/README.md"

#include <fcntl.h>
#include <liburing.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>

#include "absl/status/statusor.h"
#include "uring/block_on.h"
#include "uring/raw_operation.h"
#include "uring/ring.h"
#include "uring/task.h"
#include "uring/timeout.h"

// Example begin
// Lines, or minus an errno. May be destroyed at any moment: the kernel goes on writing to memory
// that the cancellation keeps.
uring::Task<int64_t> count_lines(uring::Ring& ring, int fd) {
  constexpr unsigned kSize = 65536;
  auto memory = std::make_shared<char[]>(kSize);
  uring::RawOperation read(ring, "read lines", kSize);
  read.set_cancellation(memory);  // for when this coroutine is destroyed while it waits
  int64_t lines = 0;
  for (uint64_t offset = 0;;) {
    read.start(
        [&](io_uring_sqe& entry) { io_uring_prep_read(&entry, fd, memory.get(), kSize, offset); });
    const int32_t result = co_await read;
    if (result < 0) co_return result;
    if (result == 0) co_return lines;  // the end of the file
    offset += static_cast<uint64_t>(result);
    lines += std::count(memory.get(), memory.get() + result, '\n');
  }
}
// Example end

int main(int argc, char** argv) {
  absl::StatusOr<uring::Ring> ring = uring::Ring::create();
  const int fd = argc == 2 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;
  if (!ring.ok() || fd < 0) {
    std::fprintf(stderr, "usage: ownership_raw FILE (with io_uring)\n");
    return 1;
  }
  absl::StatusOr<int64_t> lines = uring::block_on(
      *ring, uring::with_timeout(*ring, std::chrono::seconds(10), count_lines(*ring, fd)));
  if (!lines.ok() || *lines < 0) return 1;
  std::printf("%lld\n", static_cast<long long>(*lines));
  return 0;
}
