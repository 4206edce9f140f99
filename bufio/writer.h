// bufio/writer.h
//
// The Writer: a stream of bytes that owns its buffers. The mirror image of the Reader.
//
//   absl::Status status = co_await writer.write("hello, ");     // copied; ready at once
//   if (status.ok()) status = co_await writer.write_owned(std::move(name));   // not copied
//   if (status.ok()) status = co_await writer.flush();          // the kernel has it all
//
// One type for every sink: files, pipes, sockets, memory, your own (see create.h,
// writer_descriptor.h, memory_writer.h, sink.h). A call hands bytes over; from then on they are
// *accepted*: the Writer's heap state keeps them until the kernel has taken them, writes them in
// order, goes on after short writes, and fills one buffer while another one is in flight.
//
// Gathering. What was accepted goes out by itself at the end of the loop's turn, as one request: a
// coroutine that answers 32 requests, write by write, causes one send, in the same system call that
// hands over the turn's reads. flush() is for those who must know.
//
// Cancelling. Destroying a coroutine that waits in any call here, at any moment, drops no byte that
// was accepted and repeats none: pos() says how many were. A call that waited for room has accepted
// nothing then, unless it was a write of more than the high-water mark, which goes in by parts.
// Destroying the Writer itself loses what is not written, and says so (WriterOptions::on_drop):
// a request in flight is cancelled, and its memory and the descriptor live until the kernel is done
// with them.
//
// Outcomes of a call that is awaited; what a method says besides is what it adds:
//   OK                  what was asked for
//   a kernel error      the first one; sticky; what was accepted and is not written() is lost.
//   uring::errno_of has the number. EPIPE is an error like any other: no signal is raised
//   DeadlineExceeded    set_deadline; what was accepted goes on
//   Cancelled           interrupt(); what was accepted goes on
//   FailedPrecondition  another call waits; the Writer was shut down, closed, released or
//   destroyed; its Ring was destroyed
//
// Memory. No more than WriterOptions::high_water bytes wait to be written (1 MiB), besides one
// owned piece; none is held by a Writer that has nothing to write. A call that would go over it
// waits.
//
// Belongs to its Ring's thread.

#ifndef BUFIO_WRITER_H_
#define BUFIO_WRITER_H_

#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "absl/base/attributes.h"
#include "absl/status/status.h"
#include "absl/strings/cord.h"
#include "bufio/file_range.h"
#include "bufio/flush_calls.h"
#include "bufio/gcc12_warning.h"
#include "bufio/owned_piece.h"
#include "bufio/write_calls.h"
#include "bufio/writer_options.h"
#include "bufio/writer_state.h"

namespace bufio {

class Writer {
 public:
  // For sinks; users have the functions of create.h, writer_descriptor.h, memory_writer.h and
  // sink.h.
  explicit Writer(uring::Ref<WriterState> state) : state_(std::move(state)) {}
  Writer(Writer&& other) noexcept = default;
  Writer& operator=(Writer&& other) noexcept;
  ~Writer();

  // --- where it stands ---------------------------------------------------------------------------

  // The offset behind the last byte that was accepted; in a file that is written at offsets, from
  // the start of the file.
  uint64_t pos() const { return state().queue().pos(); }
  // The same of the last byte that the kernel has taken.
  uint64_t written() const { return state().queue().written(); }
  // Accepted and not written: on their way, or lost if status() is not OK.
  size_t unwritten() const { return state().queue().unwritten(); }
  // The error that has been reached, or OK.
  absl::Status status() const { return state().error(); }

  // --- giving it bytes: one call at a time -------------------------------------------------------

  // Accepts a copy of the bytes, all or none; more than the high-water mark by parts. `bytes` must
  // outlive the call.
  //   cost   while there is room: a compare and a copy; no system call, no allocation
  WriteCall<1> write(std::string_view bytes) {
    return WriteCall<1>(state(), std::array<std::string_view, 1>{bytes});
  }

  // The same for several ranges, which are accepted together: write_all("a: ", value, "\r\n").
  template <std::convertible_to<std::string_view>... Parts>
  requires(sizeof...(Parts) > 0) WriteCall<sizeof...(Parts)> write_all(const Parts&... parts) {
    return WriteCall<sizeof...(Parts)>(
        state(), std::array<std::string_view, sizeof...(Parts)>{std::string_view(parts)...});
  }
  // `parts` must outlive the call, too.
  WriteSpanCall write_all(std::span<const std::string_view> parts) {
    return WriteSpanCall(state(), parts);
  }

  // The same at once or not at all, and without an await: the fastest way for what many small
  // ranges make up. False: nothing was accepted, and write_all() tells why, or waits until it is.
  //
  //   lines.for_each_buffered([&](std::string_view line) { return writer.try_write("+", line); });
  //
  //   cost   a compare, and a copy of each; the first after the Writer was at rest may take a
  //   buffer
  template <std::convertible_to<std::string_view>... Parts>
  requires(sizeof...(Parts) > 0) [[gnu::always_inline]] bool try_write(const Parts&... parts) {
    const std::array<std::string_view, sizeof...(Parts)> views{std::string_view(parts)...};
    return state().write_at_once(views);
  }

  // Accepts bytes without copying them: a container of chars (std::string, std::vector<char>, your
  // own) that is moved to the heap once, or a range of a Buffer. Kept until the kernel has let go
  // of it. Small ones (WriterOptions::copy_below) are copied after all. A call that is destroyed
  // while it waits has accepted nothing, and frees them.
  template <OwnedBytes T>
  WriteOwnedCall write_owned(T bytes) {
    return WriteOwnedCall(state(), owned_piece(std::move(bytes)));
  }
  WriteOwnedCall write_owned(uring::Piece piece) {
    return WriteOwnedCall(state(), std::move(piece));
  }
  // A Cord is shared, not copied, but for its small chunks.
  WriteCordCall write_owned(absl::Cord bytes) { return WriteCordCall(state(), std::move(bytes)); }

  // Accepts `length` bytes from `offset` of a regular file, which are read, by parts, when their
  // turn comes. The file is shared until then, and must not get shorter: that is DataLoss, which
  // sticks, as the file's own errors do. Writers to descriptors only (else InvalidArgument).
  WriteFileCall write_file(uring::Ref<uring::Descriptor> file, uint64_t offset, uint64_t length) {
    return WriteFileCall(state(), file_piece(std::move(file), offset, length));
  }

  // Lends at least `n` contiguous bytes of the Writer's buffer to write to, until commit or the
  // next call. ResourceExhausted if that is more than the high-water mark.
  //   cost   while there is room: a compare
  ReserveCall reserve(size_t n) ABSL_ATTRIBUTE_LIFETIME_BOUND { return ReserveCall(state(), n); }
  // Accepts the first `n` bytes of what was lent; more than that is a checked failure.
  void commit(size_t n) { state().commit(n); }

  // --- having it done ----------------------------------------------------------------------------

  // Waits until the kernel has taken all that was accepted before: it is in the file's cache, the
  // pipe, the socket's queue.
  FlushCall flush() { return FlushCall(state()); }

  // Files: the same, and then until it is on the disk, by fsync(2), or fdatasync(2) for
  // `data_only`. An error of these is not sticky. Sinks that have no disk answer InvalidArgument.
  SyncCall sync(bool data_only = false) { return SyncCall(state(), data_only); }

  // Sockets: flushes, then shows the end of the stream to the peer; the other direction goes on.
  // From then on nothing is accepted. InvalidArgument where there is no half to shut.
  ShutdownCall shutdown() { return ShutdownCall(state()); }

  // Flushes and closes the descriptor: errors of both are reported, and it is closed in any case
  // but DeadlineExceeded and Cancelled. Of a descriptor that a Reader shares only this half is
  // closed, by shutdown.
  CloseWriterCall close() { return CloseWriterCall(state()); }

  // Flushes and gives the descriptor away; of one that a Reader shares, this half's share.
  ReleaseWriterCall release() { return ReleaseWriterCall(state()); }

  // --- control -----------------------------------------------------------------------------------

  // From `deadline` on, a call that would have to wait ends with DeadlineExceeded. Holds until it
  // is set again; a call that waits already keeps the one that it began with.
  void set_deadline(std::chrono::steady_clock::time_point deadline) {
    state().set_deadline(deadline);
  }
  void clear_deadline() { state().set_deadline(std::nullopt); }

  // The call that waits, if any, ends with Cancelled.
  void interrupt() { state().interrupt(); }

  WriterStats stats() const { return state().stats(); }

  // For copy.h.
  WriterState& state() const {
    URING_CHECK(state_, "a Writer was used that has been moved from");
    return *state_;
  }

 private:
  uring::Ref<WriterState> state_;
};

}  // namespace bufio

#endif  // BUFIO_WRITER_H_
