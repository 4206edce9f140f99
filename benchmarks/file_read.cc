// benchmarks/file_read.cc
//
// How fast bytes get from a file or a pipe to a parser, beside the best that can be done without
// the library.
//
//   bazel run -c opt //benchmarks:file_read
//   BUFIO_BENCH_FILE=/some/text bazel run -c opt //benchmarks:file_read --
//   --benchmark_filter=lines/
//
// The repetitions of a batch are interleaved at random, so that a noisy neighbour hits all
// contestants alike, and targets are ratios of medians. The cold batch comes last because it
// changes how the page cache holds the file.

#include <vector>

#include "benchmarks/batch.h"
#include "benchmarks/corpus.h"
#include "benchmarks/groups.h"
#include "benchmarks/processors.h"
#include "benchmarks/scoreboard.h"

namespace {

std::vector<bench::RatioTarget> ratio_targets() {
  constexpr const char* kCopying =
      "the kernel's copy: alone {limit/copy_uring} with io_uring, {limit/copy_read2} with read(2)";
  constexpr const char* kSplitting =
      "copying ({limit/copy_uring}) and splitting ({lines/mmap_index}) take turns on one core";
  constexpr const char* kHandOver =
      "splitting ({lines/mmap_index}), the second core's leisure, and fetching bytes from its "
      "cache: by hand "
      "{lines/raw_uring_offload}";
  constexpr const char* kDevice =
      "the device; one read(2) of 4 MiB at a time reaches {cold/read2_large/direct}";
  return {
      {"count/fill_buf", "count/raw_uring", 0.97, kCopying},
      {"count/fill_buf", "count/read2", 1.08, kCopying},
      {"lines/bufio", "lines/getline", 1.5, kSplitting},
      {"lines/bufio", "lines/raw_uring", 0.97, kSplitting},
      {"lines/bufio_offload", "lines/getline", 2.0, kHandOver},
      {"lines/bufio_offload", "lines/mmap", 1.1, kHandOver},
      {"pipe/bufio/write", "pipe/read2/write", 2.5, "the writer: it allocates and fills each page"},
      {"pipe/bufio/splice", "pipe/read2/splice", 2.5, "the copy out of the page cache"},
      {"cold/bufio/buffered", "cold/raw_uring/buffered", 0.97,
       "the device and the kernel's read-ahead"},
      {"cold/bufio/direct", "cold/raw_uring/direct", 0.97, kDevice},
      {"cold/bufio/direct", "cold/read2/direct", 1.3, kDevice},
  };
}

std::vector<bench::BoundTarget> bound_targets() {
  return {
      {"hit/fill_buf", bench::kNanosecondsPerStep, 3, "the instructions of the ready path"},
      {"hit/fill_buf", bench::kAllocations, 0, "nothing"},
  };
}

}  // namespace

int main(int argc, char** argv) {
  bench::initialize(argc, argv);
  const bench::Corpus corpus = bench::Corpus::open_or_make();
  bench::pin_this_thread(bench::processors().contestant);
  corpus.warm();
  bench::Scoreboard scoreboard;
  bench::add_count(corpus);
  bench::add_lines(corpus);
  bench::add_pipe(corpus);
  bench::add_hit();
  bench::run_batch(scoreboard);
  bench::add_cold(corpus);
  bench::run_batch(scoreboard);
  scoreboard.print_targets(ratio_targets(), bound_targets());
}
