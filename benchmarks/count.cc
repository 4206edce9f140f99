// Newlines in a cached file: what it costs to get at the bytes, since counting them is nearly free.

#include <cstdint>
#include <memory>

#include "benchmarks/aligned_memory.h"
#include "benchmarks/corpus.h"
#include "benchmarks/groups.h"
#include "benchmarks/open_file.h"
#include "benchmarks/pass.h"
#include "benchmarks/readers.h"
#include "benchmarks/rivals_posix.h"
#include "benchmarks/rivals_uring.h"
#include "benchmarks/tally.h"
#include "uring/ring.h"

namespace bench {

void add_count(const Corpus& corpus) {
  const uint64_t size = corpus.size();
  const Input input{size, read_with_mmap(corpus.fd(), size, NewlineCount())};
  const auto ring = std::make_shared<uring::Ring>(make_ring());
  const auto piece = std::make_shared<AlignedMemory>(kCachedPiece);
  const auto loop = std::make_shared<UringLoop>(UringLoopOptions{.piece = kCachedPiece});

  add_pass("count/fill_buf", input,
           [=, &corpus] { return parse_file(*ring, corpus.path(), {}, count_newlines); });
  add_pass("count/raw_uring", input,
           [=, &corpus] { return loop->read(OpenFile(corpus.path()).fd(), size, NewlineCount()); });
  add_pass("count/read2", input, [=, &corpus] {
    return read_with_read2(OpenFile(corpus.path()).fd(), *piece, NewlineCount());
  });
  add_pass("count/mmap", input,
           [=, &corpus] { return read_with_mmap(corpus.fd(), size, NewlineCount()); });

  // Not contestants: what copying costs when nobody looks at the bytes.
  const Input unseen{size, {0, size}};
  add_pass("limit/copy_uring", unseen,
           [=, &corpus] { return loop->read(corpus.fd(), size, Discard()); });
  add_pass("limit/copy_read2", unseen, [=, &corpus] {
    return read_with_read2(OpenFile(corpus.path()).fd(), *piece, Discard());
  });
}

}  // namespace bench
