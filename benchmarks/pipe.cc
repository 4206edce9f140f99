// Newlines from a pipe that a process on the other core fills.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "benchmarks/aligned_memory.h"
#include "benchmarks/corpus.h"
#include "benchmarks/groups.h"
#include "benchmarks/pass.h"
#include "benchmarks/pipe_writer.h"
#include "benchmarks/readers.h"
#include "benchmarks/rivals_posix.h"
#include "benchmarks/tally.h"
#include "bufio/descriptor.h"
#include "bufio/reader.h"
#include "uring/block_on.h"
#include "uring/ring.h"

namespace bench {
namespace {

constexpr uint64_t kBytes = uint64_t{512} << 20;

// A pipe of the default size holds no more.
constexpr size_t kRead2Piece = size_t{64} << 10;

void add_variant(const Corpus& corpus, const Input& input, const std::string& variant,
                 PipeWriter::How how) {
  const auto piece = std::make_shared<AlignedMemory>(kRead2Piece);
  const auto writer = std::make_shared<std::optional<PipeWriter>>();
  const auto start_writer = [=, &corpus] { writer->emplace(corpus, input.bytes, how); };

  const auto ring = std::make_shared<uring::Ring>(make_ring());
  add_pass(
      "pipe/bufio" + variant, input,
      [=] {
        bufio::Reader reader = bufio::adopt_fd(*ring, (*writer)->release_fd());
        return uring::block_on(*ring, count_newlines(reader));
      },
      start_writer);
  add_pass(
      "pipe/read2" + variant, input,
      [=] { return read_with_read2((*writer)->fd(), *piece, NewlineCount()); }, start_writer);
}

}  // namespace

void add_pipe(const Corpus& corpus) {
  const uint64_t bytes = std::min(kBytes, corpus.size());
  const Input input{bytes, read_with_mmap(corpus.fd(), bytes, NewlineCount())};
  add_variant(corpus, input, "/write", PipeWriter::How::kWrite);
  add_variant(corpus, input, "/splice", PipeWriter::How::kSplice);
}

}  // namespace bench
