// bufio/closing_calls.h
//
// close and release: calls after which a Reader reads no more.

#ifndef BUFIO_CLOSING_CALLS_H_
#define BUFIO_CLOSING_CALLS_H_

#include <coroutine>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bufio/fill_request.h"
#include "bufio/reader_state.h"
#include "uring/owned_fd.h"

namespace bufio {

// Reader::close's awaiter.
class [[nodiscard]] CloseCall final : public FillRequest {
 public:
  explicit CloseCall(ReaderState& state) : FillRequest(state) {}

  bool await_ready() { return begin(); }
  bool await_suspend(std::coroutine_handle<> waiting) { return suspend(waiting); }
  absl::Status await_resume();

 private:
  bool satisfied() override { return state().quiesce(); }
  bool wants_bytes() const override { return false; }
};

// What Reader::release hands out: reading `leftover` and then `fd` continues the stream.
struct Released {
  uring::OwnedFd fd;     // empty for a source without a descriptor
  std::string leftover;  // bytes that were read and not consumed
  uint64_t pos = 0;      // the stream's offset in front of `leftover`
};

// Reader::release's awaiter.
class [[nodiscard]] ReleaseCall final : public FillRequest {
 public:
  explicit ReleaseCall(ReaderState& state) : FillRequest(state) {}

  bool await_ready() { return begin(); }
  bool await_suspend(std::coroutine_handle<> waiting) { return suspend(waiting); }
  absl::StatusOr<Released> await_resume();

 private:
  bool satisfied() override { return state().quiesce(); }
  bool wants_bytes() const override { return false; }
};

}  // namespace bufio

#endif  // BUFIO_CLOSING_CALLS_H_
