// bufio/reader_options.h
//
// What a Reader can be told. Every field has a default that nobody needs to touch.

#ifndef BUFIO_READER_OPTIONS_H_
#define BUFIO_READER_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "uring/buffer.h"

namespace uring {
class BufferPool;
}

namespace bufio {

using uring::BufferKind;

struct ReaderOptions {
  // The bound on unconsumed bytes. A call that would need more gets ResourceExhausted, with nothing
  // consumed; calls that take a limit of their own may go above it.
  size_t max_buffer_size = size_t{1} << 20;

  // The largest single read, in bytes; 0: half the second-level cache, between 128 and
  // 512 KiB, and 512 KiB for O_DIRECT. Reads start smaller where
  // little is expected and grow as long as they come back full.
  size_t read_size = 0;

  // Files: reads kept in flight ahead of the parser, beside the one that it waits for, at most. The
  // depth grows when the parser had to wait and falls back to 0 while reads complete at once,
  // because then reading ahead only costs. A negative number stands for the default: 3, and 7 for
  // O_DIRECT.
  int max_read_ahead = -1;

  // Files: let another core copy, by worker threads of the kernel, always reading ahead. Pays when
  // a parser is busy for about as long as the copying takes, and a core is idle. On a Ring that was
  // set up as SetupRung::kPolling the polling thread copies instead.
  bool offload = false;

  // Pipes: the capacity to ask for, in bytes; 0 leaves it alone. A pipe of 64 KiB, the default of
  // the system, has reader and writer take turns. The system may refuse (fs.pipe-max-size), which
  // is ignored.
  size_t pipe_size = size_t{1} << 20;

  // How buffers are made; see BufferKind. What cannot be had silently becomes kHeap.
  BufferKind buffers = BufferKind::kFixed;

  // Opening a path: bypass the page cache. Falls back to ordinary reads where the file system
  // refuses. A descriptor that was opened with O_DIRECT is recognised by itself.
  bool direct = false;

  // Read into buffers of this pool, which must be on the Reader's Ring and live while the Reader is
  // made; see pooled_source.h. A stream that is silent has none of them. Without read-ahead,
  // offload and pipe_size. What is read with O_DIRECT does not use the pool.
  const uring::BufferPool* pool = nullptr;

  // Sockets: receive into the Ring's shared pool (uring::receive_pool), as by `pool`, instead of
  // into buffers of the Reader's own. One that is silent has no buffer then, and one that talks
  // costs no request a message. If nothing is said, Streams do (open_stream), which is mostly
  // faster (//benchmarks:net), and other Readers do not.
  std::optional<bool> shared_pool;
};

// What a Reader has done so far.
struct ReaderStats {
  uint64_t reads = 0;         // requests sent
  uint64_t bytes = 0;         // read
  uint64_t hits = 0;          // the next bytes had been read ahead when they were asked for
  uint64_t stalls = 0;        // the parser had to wait for a read that did not complete at once
  uint64_t wasted_bytes = 0;  // asked for ahead and then not used
  uint64_t copied_bytes = 0;  // moved to keep a token contiguous
  int read_ahead = 0;         // the depth now
};

}  // namespace bufio

#endif  // BUFIO_READER_OPTIONS_H_
