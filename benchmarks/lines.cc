// The lengths of the lines of a cached file: getting the bytes and splitting them, on one core and
// on two.

#include <cstdint>
#include <memory>

#include "benchmarks/corpus.h"
#include "benchmarks/groups.h"
#include "benchmarks/open_file.h"
#include "benchmarks/pass.h"
#include "benchmarks/readers.h"
#include "benchmarks/rivals_posix.h"
#include "benchmarks/rivals_uring.h"
#include "benchmarks/tally.h"
#include "uring/options.h"
#include "uring/ring.h"

namespace bench {
namespace {

// Fewer or smaller pieces leave the polling thread idle between them; more of them leave the cache.
constexpr UringLoopOptions kOffload{.piece = size_t{256} << 10, .depth = 4, .polled = true};

}  // namespace

void add_lines(const Corpus& corpus) {
  const uint64_t size = corpus.size();
  const Input input{size, read_with_mmap(corpus.fd(), size, LineLengths())};
  const auto ring = std::make_shared<uring::Ring>(make_ring());
  const auto polling_ring =
      std::make_shared<uring::Ring>(make_ring({.setup = uring::SetupRung::kPolling}));
  const auto loop = std::make_shared<UringLoop>(UringLoopOptions{.piece = kCachedPiece});
  const auto offload = std::make_shared<UringLoop>(kOffload);

  add_pass("lines/bufio", input,
           [=, &corpus] { return parse_file(*ring, corpus.path(), {}, measure_lines); });
  add_pass("lines/bufio_offload", input, [=, &corpus] {
    return parse_file(*polling_ring, corpus.path(), {.offload = true}, measure_lines);
  });
  // The other way to offload: the kernel's worker threads, on a Ring like any other.
  add_pass("lines/bufio_offload_workers", input, [=, &corpus] {
    return parse_file(*ring, corpus.path(), {.offload = true}, measure_lines);
  });
  add_pass("lines/raw_uring", input,
           [=, &corpus] { return loop->read(OpenFile(corpus.path()).fd(), size, LineLengths()); });
  add_pass("lines/getline", input, [=, &corpus] { return lines_with_getline(corpus.path()); });
  add_pass("lines/std_getline", input,
           [=, &corpus] { return lines_with_std_getline(corpus.path()); });
  add_pass("lines/mmap", input,
           [=, &corpus] { return lines_with_mmap_and_memchr(corpus.fd(), size); });

  // Without a target, to keep the others honest: an await for every line, the same splitter over a
  // mapping, and the hand-written loop with the copying on the second core.
  add_pass("lines/bufio_await_each", input,
           [=, &corpus] { return parse_file(*ring, corpus.path(), {}, measure_each_line); });
  add_pass("lines/mmap_index", input,
           [=, &corpus] { return read_with_mmap(corpus.fd(), size, LineLengths()); });
  add_pass("lines/raw_uring_offload", input, [=, &corpus] {
    return offload->read(OpenFile(corpus.path()).fd(), size, LineLengths());
  });
}

}  // namespace bench
