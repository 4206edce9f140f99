// bufio/write_request.h
//
// One call on a Writer, while it is being served.
//
// Base of the awaiters. It says when the call is satisfied; the WriterState sees to it that bytes
// leave until it is. The call lives in a coroutine frame, so nothing but the waiting itself may:
// bytes are accepted into the WriterState or not at all.
//
//   idle       made, not awaited; may be moved
//   pending    the WriterState points at it; at most one per Writer
//   done       satisfied or failed; resumed in the next turn, or at once if it never suspended

#ifndef BUFIO_WRITE_REQUEST_H_
#define BUFIO_WRITE_REQUEST_H_

#include <coroutine>
#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "uring/ref.h"
#include "uring/waiter.h"

namespace bufio {

class WriterState;

class WriteRequest {
 public:
  // What a call is for; decides when it is refused at once.
  enum class Purpose : uint8_t {
    kAccept,  // more bytes: not after an error, nor after shutdown
    kFlush,   // those that are accepted: not after an error
    kEnd,     // the descriptor: only not after close or release
  };

  WriteRequest(WriterState& state, Purpose purpose);
  // Only while idle.
  WriteRequest(WriteRequest&& other) noexcept;
  WriteRequest(const WriteRequest&) = delete;
  WriteRequest& operator=(const WriteRequest&) = delete;
  // Detaches: what was accepted stays so, and goes on.
  virtual ~WriteRequest();

  // For awaiters: await_ready, await_suspend, and being destroyed while waiting.
  bool begin();
  bool suspend(std::coroutine_handle<> waiting);
  void detach();

 protected:
  // Whether the call can end. Called each time that there is something new, from the run loop too:
  // must not resume coroutines. May hand bytes to the state.
  virtual bool satisfied() = 0;

  WriterState& state() const { return *state_; }
  // Leaves the WriterState; what ended the call (an error, deadline, interrupt, misuse), or OK.
  absl::Status finish();
  // The call has been asked before and was not satisfied.
  bool waiting() const { return waiting_; }
  // From the run loop: the call has ended; has its coroutine resumed. For who is no coroutine.
  virtual void call_ended();
  bool done() const { return done_; }

 private:
  friend class WriterState;

  WriterState* state_;
  uring::Ref<WriterState> keep_;  // from begin() on: the Writer may go while we wait
  uring::Waiter waiter_;
  absl::Status failure_;
  Purpose purpose_;
  bool waiting_ = false;
  bool done_ = false;
};

}  // namespace bufio

#endif  // BUFIO_WRITE_REQUEST_H_
