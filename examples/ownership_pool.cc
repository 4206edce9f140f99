// examples/ownership_pool.cc
//
// Many inputs, few buffers: counts the lines and bytes of each file, pipe or device that is named.
//
//   mkfifo slow; bazel run //examples:ownership_pool -- "$PWD/README.md" "$PWD/slow"
//
// All of them are read side by side through two buffers of 4 KiB. An input that is silent has none,
// and one that has bytes when both are taken waits its turn.

#include <cstddef>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bufio/open.h"
#include "bufio/reader.h"
#include "uring/block_on.h"
#include "uring/buffer_pool.h"
#include "uring/ring.h"
#include "uring/spawn.h"
#include "uring/task.h"

// Example begin
uring::Task<void> count(uring::Ring& ring, const uring::BufferPool& pool, std::string path) {
  absl::StatusOr<bufio::Reader> reader = co_await bufio::open(ring, path, {.pool = &pool});
  absl::Status status = reader.status();
  size_t lines = 0;
  while (status.ok()) {
    absl::StatusOr<bufio::Token> line = co_await reader->read_line();
    if (line.ok() && !line->has_value()) break;  // the end
    status = line.status();
    ++lines;
  }
  if (!status.ok()) co_return static_cast<void>(std::puts(status.ToString().c_str()));
  std::printf("%s: %zu lines, %zu bytes\n", path.c_str(), lines, size_t{reader->pos()});
}

void count_all(uring::Ring& ring, std::vector<std::string> paths) {
  const uring::BufferPool pool(ring, {.buffers = 2, .buffer_size = 4096});
  for (std::string& path : paths) uring::spawn(ring, count(ring, pool, std::move(path)));
  ring.run();
  std::printf("%zu buffers, handed out %zu times\n", pool.stats().buffers,
              size_t{pool.stats().handed_out});
}
// Example end

int main(int argc, char** argv) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  absl::StatusOr<uring::Ring> ring = uring::Ring::create();
  if (!ring.ok()) {
    std::fprintf(stderr, "%s\n", ring.status().ToString().c_str());
    return 1;
  }
  count_all(*ring, std::vector<std::string>(argv + 1, argv + argc));
}
