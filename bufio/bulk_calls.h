// bufio/bulk_calls.h
//
// skip, read_exact and read_to_end: calls that move many bytes.

#ifndef BUFIO_BULK_CALLS_H_
#define BUFIO_BULK_CALLS_H_

#include <algorithm>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bufio/fill_request.h"
#include "bufio/reader_state.h"

namespace bufio {

// Reader::skip's awaiter. Consumes as it goes, so a cancelled one leaves the cursor where it got
// to.
class [[nodiscard]] SkipCall final : public FillRequest {
 public:
  SkipCall(ReaderState& state, uint64_t count) : FillRequest(state), count_(count) {}

  bool await_ready() { return begin(); }
  bool await_suspend(std::coroutine_handle<> waiting) { return suspend(waiting); }
  absl::StatusOr<uint64_t> await_resume();

 private:
  bool satisfied() override;

  uint64_t count_;
  uint64_t skipped_ = 0;
};

// Reader::read_exact's awaiter. What it has taken is put back if it does not come to its end, so
// that nothing is lost.
class [[nodiscard]] ReadExactCall final : public FillRequest {
 public:
  ReadExactCall(ReaderState& state, std::span<char> into) : FillRequest(state), into_(into) {}
  ReadExactCall(ReadExactCall&& other) noexcept = default;
  ~ReadExactCall() override { put_back(); }

  bool await_ready() { return begin(); }
  bool await_suspend(std::coroutine_handle<> waiting) { return suspend(waiting); }
  absl::Status await_resume();

 private:
  bool satisfied() override;
  void put_back();

  std::span<char> into_;
  size_t taken_ = 0;
};

// Reader::read_to_end's awaiter.
class [[nodiscard]] ReadToEndCall final : public FillRequest {
 public:
  ReadToEndCall(ReaderState& state, size_t limit)
      : FillRequest(state), limit_(std::min(limit, SIZE_MAX - 1)) {}

  bool await_ready() { return begin(); }
  bool await_suspend(std::coroutine_handle<> waiting) { return suspend(waiting); }
  absl::StatusOr<std::string> await_resume();

 private:
  bool satisfied() override;
  // One more than allowed, or a stream of just the limit could not be told from a longer one.
  size_t buffer_limit() const override { return limit_ + 1; }

  size_t limit_;
};

}  // namespace bufio

#endif  // BUFIO_BULK_CALLS_H_
