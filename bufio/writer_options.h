// bufio/writer_options.h
//
// What a Writer can be told. Every field has a default that nobody needs to touch.

#ifndef BUFIO_WRITER_OPTIONS_H_
#define BUFIO_WRITER_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"

namespace bufio {

// Bytes that a Writer had accepted, and took along when it was destroyed.
struct DroppedBytes {
  std::string name;     // of the descriptor or the sink
  uint64_t count = 0;   // those in flight included, of which some may have been written
  absl::Status status;  // why, if it was an error that no call has returned
};

struct WriterOptions {
  // The bound on accepted bytes that are not written yet. A call that would go over it waits until
  // no more than `low_water` are left (default: half), so that it does not come back for each byte
  // that leaves.
  size_t high_water = size_t{1} << 20;
  std::optional<size_t> low_water;

  // The largest buffer. Buffers start at a page and double while they fill up; a Writer that has
  // nothing to write holds none.
  size_t buffer_size = size_t{64} << 10;

  // write_owned copies what is smaller than this: holding and gathering a piece of its own costs
  // more.
  size_t copy_below = 2048;

  // Sockets: owned pieces of at least this size are sent from where they are, without a copy, if
  // the kernel can (Linux 6.2) and as long as it does not say that it copied all the same, as it
  // does on the loopback device. 0: never.
  size_t zero_copy_above = size_t{32} << 10;

  // Whether accepted bytes are sent by themselves at the end of the loop's turn. If not, they wait
  // for flush() and its kin, or until a call waits for room.
  bool auto_flush = true;

  // Files: write at offsets from here on, whatever the descriptor's own position is, which is
  // neither used nor moved then. None: at the descriptor's own position, or at the end if it was
  // opened with O_APPEND.
  std::optional<uint64_t> offset;

  // Told of bytes that were lost because the Writer was destroyed; none: a line on stderr.
  std::function<void(const DroppedBytes&)> on_drop;
};

// What a Writer has done so far.
struct WriterStats {
  uint64_t writes = 0;            // requests sent
  uint64_t short_writes = 0;      // that the kernel took only a part of
  uint64_t zero_copy_writes = 0;  // sent from where the bytes are
  uint64_t pieces = 0;            // ranges of memory that these requests named
  uint64_t waits = 0;             // calls that had to wait
};

}  // namespace bufio

#endif  // BUFIO_WRITER_OPTIONS_H_
