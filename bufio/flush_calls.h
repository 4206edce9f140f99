// bufio/flush_calls.h
//
// Calls that wait for what was accepted: flush, sync, shutdown, close, release.
//
// Each may be destroyed while it waits: what was accepted is written all the same, and the call can
// be made again.

#ifndef BUFIO_FLUSH_CALLS_H_
#define BUFIO_FLUSH_CALLS_H_

#include <coroutine>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bufio/write_request.h"
#include "bufio/writer_state.h"
#include "uring/owned_fd.h"

namespace bufio {

// Writer::flush's awaiter.
class [[nodiscard]] FlushCall final : public WriteRequest {
 public:
  explicit FlushCall(WriterState& state) : WriteRequest(state, Purpose::kFlush) {}

  bool await_ready() { return begin(); }
  bool await_suspend(std::coroutine_handle<> waiting) { return suspend(waiting); }
  absl::Status await_resume() { return finish(); }

 private:
  bool satisfied() override { return state().queue().unwritten() == 0; }
};

// Writer::sync's awaiter.
class [[nodiscard]] SyncCall final : public WriteRequest {
 public:
  SyncCall(WriterState& state, bool data_only)
      : WriteRequest(state, Purpose::kFlush), data_only_(data_only) {}
  SyncCall(SyncCall&& other) noexcept
      : WriteRequest(std::move(other)), data_only_(other.data_only_) {}

  bool await_ready() { return begin(); }
  bool await_suspend(std::coroutine_handle<> waiting) { return suspend(waiting); }
  absl::Status await_resume();

 private:
  bool satisfied() override;

  bool data_only_;
  bool started_ = false;
};

// Writer::shutdown's awaiter.
class [[nodiscard]] ShutdownCall final : public WriteRequest {
 public:
  explicit ShutdownCall(WriterState& state) : WriteRequest(state, Purpose::kFlush) {}

  bool await_ready() { return begin(); }
  bool await_suspend(std::coroutine_handle<> waiting) { return suspend(waiting); }
  absl::Status await_resume();

 private:
  bool satisfied() override { return state().queue().unwritten() == 0; }
};

// Waits until nothing is in flight any more: all is written, or an error has ended it.
class EndRequest : public WriteRequest {
 public:
  explicit EndRequest(WriterState& state) : WriteRequest(state, Purpose::kEnd) {}

  bool await_ready() { return begin(); }
  bool await_suspend(std::coroutine_handle<> waiting) { return suspend(waiting); }

 private:
  bool satisfied() final;
};

// Writer::close's awaiter.
class [[nodiscard]] CloseWriterCall final : public EndRequest {
 public:
  using EndRequest::EndRequest;
  absl::Status await_resume();
};

// Writer::release's awaiter.
class [[nodiscard]] ReleaseWriterCall final : public EndRequest {
 public:
  using EndRequest::EndRequest;
  absl::StatusOr<uring::OwnedFd> await_resume();
};

}  // namespace bufio

#endif  // BUFIO_FLUSH_CALLS_H_
