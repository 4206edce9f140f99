// bufio/reader.h
//
// The Reader: a stream of bytes that owns its buffer.
//
//   for (;;) {
//     absl::StatusOr<std::string_view> view = co_await reader.fill_buf();
//     if (!view.ok()) co_return view.status();
//     if (view->empty()) break;                     // the end of the stream, and nothing else
//     reader.consume(parse(*view));
//   }
//
// One type for every source: files, pipes, sockets, memory, your own (see open.h, descriptor.h,
// memory.h, source.h). The kernel writes into memory that the Reader's heap state owns; a caller
// borrows finished bytes and says what it used.
//
// Cancelling. Destroying a coroutine that waits in any call here, at any moment, loses no byte and
// repeats none: the read stays in flight, its bytes land in the Reader, and the next call joins it.
// Destroying the Reader itself needs no close(): requests are cancelled, and their memory and
// descriptor live until the kernel is done with them.
//
// Views. A view lives until the next fill-class call (those that are awaited, and seek) or the
// Reader's destruction. consume() does not end it, nor does moving the Reader. At least 64 bytes
// behind it are readable, see padded(). Under AddressSanitizer a stale view is reported.
//
// Outcomes of a fill-class call; what a method says besides is what it adds:
//   OK                  what was asked for
//   a kernel error      once the buffered bytes cannot satisfy the call; sticky; uring::errno_of
//   has the number ResourceExhausted   a limit; nothing is consumed, other calls go on
//   DeadlineExceeded    set_deadline; the read stays in flight
//   Cancelled           interrupt(); the read stays in flight
//   FailedPrecondition  another call waits; the Reader was closed, released or destroyed; its Ring
//   was destroyed
//
// Belongs to its Ring's thread.

#ifndef BUFIO_READER_H_
#define BUFIO_READER_H_

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "absl/base/attributes.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bufio/bulk_calls.h"
#include "bufio/closing_calls.h"
#include "bufio/fill_call.h"
#include "bufio/gcc12_warning.h"
#include "bufio/lines.h"
#include "bufio/reader_options.h"
#include "bufio/reader_state.h"
#include "bufio/scan_call.h"

namespace bufio {

class Reader {
 public:
  // For sources; users have the functions of open.h, descriptor.h, memory.h and source.h.
  explicit Reader(uring::Ref<ReaderState> state) : state_(std::move(state)) {}
  Reader(Reader&& other) noexcept = default;
  Reader& operator=(Reader&& other) noexcept;
  ~Reader();

  // --- the window: no I/O, no suspension ---------------------------------------------------------

  // All bytes that are there, none consumed.
  std::string_view buffered() const ABSL_ATTRIBUTE_LIFETIME_BOUND {
    return state().window().view();
  }
  size_t available() const { return state().window().available(); }
  // The cursor's offset from the start of the stream; in a file, from the start of the file.
  uint64_t pos() const { return state().window().pos(); }
  // The end, or an error, has been reached: buffered() will not grow any more.
  bool source_ended() const { return state().final(); }
  // The error that has been reached, or OK.
  absl::Status status() const { return state().error(); }
  // Whether 64 bytes behind a view are readable. False only over memory that the caller keeps.
  bool padded() const { return state().window().padded(); }
  // Moves the cursor over `n` buffered bytes; more than available() is a checked failure. A few
  // instructions.
  void consume(size_t n) { state().consume(n); }

  // --- fill class: one at a time -----------------------------------------------------------------

  // All buffered bytes, at least `min` of them; fewer only at the end of the stream, none only when
  // nothing is left. Asking for more than max_buffer_size is ResourceExhausted.
  //   cost   satisfied already: no system call, no allocation, no virtual call. Else at most one
  //   request
  FillCall fill_buf(size_t min = 1) {
    return FillCall(state(), std::max(min, size_t{1}), AtEnd::kShortView);
  }

  // The same with at least `extra` bytes more than are buffered now: "I need more", for a parser
  // that got stuck.
  FillCall fill_more(size_t extra = 1) {
    return FillCall(state(), saturating_sum(available(), std::max(extra, size_t{1})),
                    AtEnd::kShortView);
  }

  // Exactly `n` bytes. OutOfRange at the end of the stream, DataLoss when it ends within them; they
  // stay buffered.
  FillCall require(size_t n) { return FillCall(state(), n, AtEnd::kError); }

  // The token at the cursor, as `scanner` (scan.h) delimits it, not consumed; nothing when the
  // stream ends without one. Resumed once per token. A token above `max_token` bytes (0:
  // max_buffer_size) is ResourceExhausted.
  template <Scanner S>
  ScanCall<S> fill_until(S scanner, size_t max_token = 0) {
    return ScanCall<S>(state(), std::move(scanner),
                       max_token == 0 ? state().max_buffer_size() : max_token);
  }

  // The bytes up to `delimiter` (one byte or more), consumed with it; at the end of the stream,
  // what is left; nothing when nothing is. One pass over the bytes, however they arrive and however
  // often the call is cancelled.
  ReadUntilCall read_until(std::string_view delimiter, ReadUntilOptions options = {}) {
    return ReadUntilCall(state(), std::string(delimiter), options);
  }

  // One line, consumed, without its LF or CRLF; nothing at the end. For many lines, lines() is
  // faster.
  ReadLineCall read_line(LineOptions options = {}) { return ReadLineCall(state(), options); }
  Lines lines(LineOptions options = {}) { return Lines(state(), options); }

  // Fills `into` and consumes as much; OutOfRange at the end of the stream, DataLoss when it ends
  // too early, and then, as when the call is cancelled, nothing is consumed. `into` must outlive
  // the call. Costs a copy.
  ReadExactCall read_exact(std::span<char> into) { return ReadExactCall(state(), into); }

  // All that is left, consumed; ResourceExhausted if that is more than `limit` bytes.
  ReadToEndCall read_to_end(size_t limit) { return ReadToEndCall(state(), limit); }

  // Passes over `n` bytes; returns how many there were: fewer only at the end. In a file they are
  // not even read. A call that is cancelled has passed over some of them; pos() says how many.
  SkipCall skip(uint64_t n) { return SkipCall(state(), n); }

  // Cancels what is in flight, waits for it, and closes the descriptor: close(2)'s errors are
  // reported, bytes that were not consumed are dropped. A Reader need not be closed.
  CloseCall close() { return CloseCall(state()); }

  // Stops reading and gives the descriptor away, with the bytes that were read too far. Nothing is
  // lost. A Writer to the other half of a socket goes on: what is given away is this half's share.
  ReleaseCall release() { return ReleaseCall(state()); }

  // --- control -----------------------------------------------------------------------------------

  // Moves the cursor; files and memory only (else InvalidArgument with ESPIPE). Ends views.
  // Reads on their way do not deliver to the new place. Past the end is allowed: the next call
  // finds the end.
  absl::Status seek(uint64_t pos);
  // How many bytes the file or the memory has now. One system call.
  absl::StatusOr<uint64_t> size() { return state().size(); }

  // From `deadline` on, a call that would have to wait ends with DeadlineExceeded. Holds until it
  // is set again; a call that waits already keeps the one that it began with.
  void set_deadline(std::chrono::steady_clock::time_point deadline) {
    state().set_deadline(deadline);
  }
  void clear_deadline() { state().set_deadline(std::nullopt); }

  // The call that waits, if any, ends with Cancelled.
  void interrupt() { state().interrupt(); }

  ReaderStats stats() const { return state().stats(); }

  // For copy.h.
  ReaderState& state() const {
    URING_CHECK(state_, "a Reader was used that has been moved from");
    return *state_;
  }

 private:
  static size_t saturating_sum(size_t a, size_t b) { return b > SIZE_MAX - a ? SIZE_MAX : a + b; }

  uring::Ref<ReaderState> state_;
};

}  // namespace bufio

#endif  // BUFIO_READER_H_
