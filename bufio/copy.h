// bufio/copy.h
//
// From a Reader to a Writer.
//
//   bufio::CopyResult copied = co_await bufio::copy(reader, writer);
//   if (!copied.write_error.ok()) …     // the peer has gone: what it has not got is in the reader
//
// Large pieces are not copied: the Writer shares the Reader's buffer until the kernel has taken it.
// Each piece is waited for before the next one is read, so a copy that ends well has written all,
// what the Writer had accepted before included; and a Reader is drained no faster than the Writer.
//
//   outcomes  which side failed, and how; a deadline or an interrupt of either side shows as its
//             error
//   splice    is not used: it was no clear gain (a cached file to TCP over loopback), costs a
//             thread of the kernel for each transfer, and while that one waits for the peer it
//             holds the pipe's lock, for which close(2) of the pipe waits, too
//   cancel    what the Writer has accepted is consumed from the Reader, and goes on; nothing is
//             lost or comes twice. Copying may be started again.
//   write     the Writer's first error is final, and what it had accepted from this copy and not
//   errors    written is put back into the Reader: its cursor is behind the last byte that was
//             written
//   cost      a coroutine frame; two requests for each piece

#ifndef BUFIO_COPY_H_
#define BUFIO_COPY_H_

#include <cstdint>

#include "absl/status/status.h"
#include "bufio/reader.h"
#include "bufio/writer.h"
#include "uring/task.h"

namespace bufio {

struct CopyResult {
  uint64_t bytes = 0;  // consumed from the Reader
  absl::Status read_error;
  absl::Status write_error;

  bool ok() const { return read_error.ok() && write_error.ok(); }
  // The error, whichever side it is of.
  const absl::Status& status() const { return read_error.ok() ? write_error : read_error; }
};

// All that the Reader has, up to its end.
uring::Task<CopyResult> copy(Reader& from, Writer& to);

// At most `n` bytes; fewer, without an error, only if the Reader ends before.
uring::Task<CopyResult> copy_n(Reader& from, Writer& to, uint64_t n);

struct CopyBothResult {
  CopyResult forth;  // from the first Reader to the second Writer
  CopyResult back;   // from the second Reader to the first Writer

  bool ok() const { return forth.ok() && back.ok(); }
};

// Connects two streams: what one Reader brings goes to the other's Writer, both ways at once, until
// both have ended. The end of one is passed on (Writer::shutdown, where there is such a thing)
// while the other direction goes on. An error ends both: the direction that had none says
// Cancelled.
uring::Task<CopyBothResult> copy_bidirectional(Reader& first_in, Writer& first_out,
                                               Reader& second_in, Writer& second_out);

}  // namespace bufio

#endif  // BUFIO_COPY_H_
