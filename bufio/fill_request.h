// bufio/fill_request.h
//
// One fill-class call, while it is being served.
//
// Base of the awaiters. It says when the call is satisfied; the ReaderState brings bytes until it
// is. The call lives in a coroutine frame, so nothing but the waiting itself may: progress belongs
// into the ReaderState, where it survives the frame.
//
//   idle       made, not awaited; may be moved
//   pending    the ReaderState points at it; at most one per Reader
//   done       satisfied or failed; resumed in the next turn, or at once if it never suspended

#ifndef BUFIO_FILL_REQUEST_H_
#define BUFIO_FILL_REQUEST_H_

#include <coroutine>
#include <cstddef>
#include <utility>

#include "absl/status/status.h"
#include "uring/ref.h"
#include "uring/waiter.h"

namespace bufio {

class ReaderState;

class FillRequest {
 public:
  explicit FillRequest(ReaderState& state);
  // Only while idle.
  FillRequest(FillRequest&& other) noexcept;
  FillRequest(const FillRequest&) = delete;
  FillRequest& operator=(const FillRequest&) = delete;
  // Detaches: what is in flight stays so, and the next call joins it.
  virtual ~FillRequest();

  // For awaiters: await_ready, await_suspend, and being destroyed while waiting.
  bool begin();
  bool suspend(std::coroutine_handle<> waiting);
  void detach();

 protected:
  // Whether the call can end, given the window and whether the source has ended. Called each time
  // there is something new, from the run loop too: must not resume coroutines. May consume.
  virtual bool satisfied() = 0;
  // Whether bytes help; a call that closes only waits for what is in flight.
  virtual bool wants_bytes() const { return true; }
  // The most unconsumed bytes that the call may need.
  virtual size_t buffer_limit() const;

  ReaderState& state() const { return *state_; }
  // Leaves the ReaderState; what ended the call from outside (deadline, interrupt, misuse), or OK.
  absl::Status finish();

  // --- for who stands on a Reader and is no coroutine (parent_reader.h) ---
  // From the run loop: the call has ended; has its coroutine resumed.
  virtual void call_ended();
  // From the run loop: there was something new, and the call waits on.
  virtual void waits_on() {}
  // The Reader's bytes are needed where they belong.
  virtual void give_window_back() {}
  // The Reader, or one that it stands on, is being destroyed.
  virtual void reader_gone() {}
  // Keeps the Reader without asking for anything, as a call that is done; false: it is not free.
  bool hold();
  // Holds on, but waits no more.
  void pause();
  // The Reader is kept by this call.
  bool holds() const;
  bool done() const { return done_; }
  absl::Status take_failure() { return std::exchange(failure_, absl::OkStatus()); }

 private:
  friend class ReaderState;

  ReaderState* state_;
  uring::Ref<ReaderState> keep_;  // from begin() on: the Reader may go while we wait
  uring::Waiter waiter_;
  absl::Status failure_;
  bool done_ = false;
};

}  // namespace bufio

#endif  // BUFIO_FILL_REQUEST_H_
