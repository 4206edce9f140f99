// Newlines in a file of which nothing is cached: through the page cache, and around it.

#include <fcntl.h>

#include <cstddef>
#include <cstdint>
#include <iostream>
#include <memory>
#include <string>

#include "benchmarks/aligned_memory.h"
#include "benchmarks/corpus.h"
#include "benchmarks/groups.h"
#include "benchmarks/open_file.h"
#include "benchmarks/pass.h"
#include "benchmarks/readers.h"
#include "benchmarks/rivals_posix.h"
#include "benchmarks/rivals_uring.h"
#include "benchmarks/tally.h"
#include "bufio/reader_options.h"
#include "uring/ring.h"

namespace bench {
namespace {

// Through the page cache the kernel reads ahead by itself: more than one read in flight gains
// nothing, and many small ones confuse it. Around it, the device wants 2 to 4 MiB in flight.
constexpr UringLoopOptions kBuffered{.piece = size_t{512} << 10, .depth = 1};
constexpr UringLoopOptions kDirect{.piece = size_t{512} << 10, .depth = 8};

// As much as kDirect has in flight, so that the kernel splits one read into as many requests.
constexpr size_t kLargePiece = kDirect.piece * kDirect.depth;

void add_variant(const Corpus& corpus, const Input& input, const std::string& variant, int flags,
                 const UringLoopOptions& options) {
  const auto drop = [&corpus] { corpus.drop(); };
  const auto loop = std::make_shared<UringLoop>(options);

  const auto ring = std::make_shared<uring::Ring>(make_ring());
  const bufio::ReaderOptions reader_options{.direct = (flags & O_DIRECT) != 0};
  add_pass(
      "cold/bufio" + variant, input,
      [=, &corpus] { return parse_file(*ring, corpus.path(), reader_options, count_newlines); },
      drop);
  add_pass(
      "cold/raw_uring" + variant, input,
      [=, &corpus] {
        return loop->read(OpenFile(corpus.path(), flags).fd(), input.bytes, NewlineCount());
      },
      drop);
  const auto add_read2 = [&](const std::string& name, size_t size) {
    const auto piece = std::make_shared<AlignedMemory>(size);
    add_pass(
        name + variant, input,
        [=, &corpus] {
          return read_with_read2(OpenFile(corpus.path(), flags).fd(), *piece, NewlineCount());
        },
        drop);
  };
  add_read2("cold/read2", options.piece);
  add_read2("cold/read2_large", kLargePiece);
}

}  // namespace

void add_cold(const Corpus& corpus) {
  if (!corpus.drop()) {
    std::cout << "no cold/ figures: the pages of " << corpus.path() << " cannot be dropped\n";
    return;
  }
  const Input input{corpus.size(), read_with_mmap(corpus.fd(), corpus.size(), NewlineCount())};
  add_variant(corpus, input, "/buffered", 0, kBuffered);
  add_variant(corpus, input, "/direct", O_DIRECT, kDirect);
}

}  // namespace bench
