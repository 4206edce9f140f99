// benchmarks/rivals_uring.h
//
// The best loop that we could write by hand for one job: read a file from front to back through
// io_uring.
//
// It has what a library must not assume: a file whose size is known and does not change, a consumer
// that never needs more than one piece, lines shorter than a piece's headroom, nobody to cancel it,
// and an abort for every surprise. With a depth of one it is the ideal loop for cached files; with
// more, for cold ones.
//
// Pieces are read into slots in turn. A slot is headroom and then an aligned target: what the sink
// left of one view is copied into the headroom, right in front of the next piece, so that reads
// never go to an unaligned address.

#ifndef BENCHMARKS_RIVALS_URING_H_
#define BENCHMARKS_RIVALS_URING_H_

#include <liburing.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "benchmarks/aligned_memory.h"
#include "benchmarks/die.h"
#include "benchmarks/tally.h"

namespace bench {

struct UringLoopOptions {
  size_t piece = size_t{512} << 10;
  unsigned depth = 1;
  // A kernel thread takes submissions and copies, on a core that it does not share with us.
  bool polled = false;
};

class UringLoop {
 public:
  // Sets up the ring (single issuer and deferred task work, or a polling thread) and registers the
  // buffers. What costs once is not part of the race.
  explicit UringLoop(const UringLoopOptions& options);
  UringLoop(const UringLoop&) = delete;
  UringLoop& operator=(const UringLoop&) = delete;
  ~UringLoop();

  // Feeds the `size` bytes of the file to `sink`.
  template <class Sink>
  Tally read(int fd, uint64_t size, Sink sink);

 private:
  static constexpr size_t kHeadroom = size_t{64} << 10;

  char* target(unsigned slot) const;
  void request(int fd, unsigned slot, uint64_t offset);
  size_t wait_for(unsigned slot);

  UringLoopOptions options_;
  AlignedMemory memory_;
  io_uring ring_{};
  std::vector<int> results_;  // By slot; kPending while the kernel works on it.
};

template <class Sink>
Tally UringLoop::read(int fd, uint64_t size, Sink sink) {
  uint64_t requested = 0;
  for (unsigned slot = 0; slot < options_.depth && requested < size; ++slot) {
    request(fd, slot, requested);
    requested += options_.piece;
  }
  size_t rest = 0;  // Bytes of a partial line in front of the next target.
  unsigned slot = 0;
  for (uint64_t done = 0; done < size;) {
    const size_t got = wait_for(slot);
    done += got;
    if (got == 0 || (got < options_.piece && done < size)) die("short read", 0);
    const std::string_view view(target(slot) - rest, rest + got);
    const size_t taken = sink.take(view);
    rest = view.size() - taken;
    if (rest > kHeadroom) die("a line longer than the headroom", 0);
    const unsigned next = (slot + 1) % options_.depth;
    std::memmove(target(next) - rest, view.data() + taken, rest);
    if (requested < size) {
      request(fd, slot, requested);
      requested += options_.piece;
    }
    slot = next;
  }
  sink.finish(std::string_view(target(slot) - rest, rest));
  return sink.result();
}

}  // namespace bench

#endif  // BENCHMARKS_RIVALS_URING_H_
