// bufio/parent_reader.h
//
// The Reader that an adaptor stands on: lends its bytes, in place, and asks it for more.
//
// While an adaptor stands on it the parent's window is empty, and its bytes are in a Window of the
// adaptor's: moved, not copied. So nobody can consume them behind the adaptor's back, and other
// calls on the parent are FailedPrecondition, as if a call waited there. Bytes go back whenever the
// parent must read, and when the adaptor lets go: the parent's cursor then stands where the
// adaptor's was. In between, pos() of the parent is where it was when it lent last.
//
//   the adaptor asks     fill(): the parent takes its bytes back, without those that were consumed,
//                        reads as for a call of its own, and lends them again
//   its call is          pause(): the read stays in flight, and its bytes land in the parent
//   cancelled
//   the parent ends      its deadline, interrupt(): the adaptor's call ends in the same way. Its
//                        error, its end: see error(), ended()
//   the parent dies      calls that need more than is there are FailedPrecondition; the bytes go
//                        with it
//
// No coroutine, no allocation: a call that is kept for as long as the adaptor stands.

#ifndef BUFIO_PARENT_READER_H_
#define BUFIO_PARENT_READER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "bufio/adaptor_state.h"
#include "bufio/fill_request.h"
#include "bufio/reader.h"
#include "bufio/reader_state.h"
#include "bufio/window.h"
#include "uring/buffer.h"
#include "uring/descriptor.h"
#include "uring/ref.h"

namespace bufio {

// A Reader that is borrowed, or handed over: how functions that make adaptors take it.
class ParentHandle {
 public:
  // Borrowed: usable again when the adaptor is gone. It may be moved, and it may go first.
  ParentHandle(Reader& reader) : state_(&reader.state()) {}
  // Owned: goes with the adaptor.
  ParentHandle(Reader&& reader) : state_(&reader.state()), owned_(std::move(reader)) {}

  ReaderState& state() const { return *state_; }
  std::optional<Reader> take() { return std::exchange(owned_, std::nullopt); }

 private:
  uring::Ref<ReaderState> state_;
  std::optional<Reader> owned_;
};

class ParentReader final : private FillRequest {
 public:
  enum class Filled : uint8_t {
    kMore,    // there is at least a byte more in the window, or the end or an error behind it
    kLater,   // parent_ready() will be called
    kFailed,  // and so has the call that the adaptor was serving; the next one may ask again
  };

  // `window` is where the parent's bytes are. A parent that is not free, because a call waits or
  // another adaptor stands on it, has fill() fail until it is.
  ParentReader(AdaptorState& adaptor, Window& window, ParentHandle parent);
  ~ParentReader() override;

  // Lends what is there already. For the constructor's end: calls shown().
  void lend();

  // Reads at least one byte more than the window has, into at most `limit` bytes of the parent's
  // buffer.
  Filled fill(size_t limit);
  // Nobody waits for fill() any more.
  void pause();
  // Passes over up to `n` bytes without reading them, if the window is empty and the parent can.
  uint64_t skip_ahead(uint64_t n);
  // An owned parent: ReaderState::quiesce. A borrowed one is left alone.
  bool quiesce();
  // Of an owned parent, to close it; null of a borrowed one.
  uring::Ref<uring::Descriptor> take_descriptor();
  // Gives back what was not consumed, and the parent to its owner.
  void let_go();

  // The window has the parent's bytes, and they, hidden ones included, are the last ones.
  bool ended() const { return lent_ && parent().final(); }
  // What is behind them: the end (OK), or an error.
  const absl::Status& error() const { return parent().error(); }
  const ReaderState& parent() const { return *parent_; }
  ReaderState& parent() { return *parent_; }

 private:
  bool satisfied() override;
  bool wants_bytes() const override { return !closing_; }
  size_t buffer_limit() const override;
  void call_ended() override;
  void waits_on() override;
  void give_window_back() override;
  void reader_gone() override;

  bool serve();
  size_t all() const { return window_.available() + window_.hidden(); }

  AdaptorState& adaptor_;
  Window& window_;
  uring::Ref<ReaderState> parent_;
  std::optional<Reader> owned_;
  uring::Ref<uring::Buffer> last_;  // of views that the adaptor lent before its parent went
  size_t had_ = 0;
  size_t limit_ = 0;
  size_t kept_ = 0;  // bytes in front of the window's cursor that the parent has not consumed
  bool lent_ = false;
  bool waiting_ = false;
  bool closing_ = false;
};

}  // namespace bufio

#endif  // BUFIO_PARENT_READER_H_
