// bufio/fill_call.h
//
// fill_buf, fill_more and require: calls that wait for a number of bytes.

#ifndef BUFIO_FILL_CALL_H_
#define BUFIO_FILL_CALL_H_

#include <algorithm>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "bufio/fill_request.h"
#include "bufio/reader_state.h"

namespace bufio {

// What becomes of a call when the stream ends first.
enum class AtEnd : uint8_t {
  kShortView,  // the bytes that are left, or none
  kError,      // OutOfRange if there are none, DataLoss if there are too few
};

// Waits until `total` bytes are buffered, the end, an error or a limit.
class FillRequestForBytes final : public FillRequest {
 public:
  FillRequestForBytes(ReaderState& state, size_t total, AtEnd at_end)
      : FillRequest(state), total_(total), at_end_(at_end) {}

  absl::StatusOr<std::string_view> result();

 private:
  bool satisfied() override;

  size_t total_;
  AtEnd at_end_;
};

// The awaiter. When the bytes are there already it is three words, two compares and a view: no
// request is made, nothing is called.
class [[nodiscard]] FillCall {
 public:
  FillCall(ReaderState& state, size_t total, AtEnd at_end)
      : state_(&state), total_(total), at_end_(at_end) {}
  FillCall(FillCall&& other) noexcept : FillCall(*other.state_, other.total_, other.at_end_) {}

  bool await_ready() {
    if (state_->window().available() >= total_ && state_->free() && !state_->closed()) [[likely]] {
      state_->expire_views();
      return true;
    }
    return begin();
  }
  bool await_suspend(std::coroutine_handle<> waiting) { return request_->suspend(waiting); }
  absl::StatusOr<std::string_view> await_resume() {
    if (!request_.has_value()) [[likely]] {
      std::string_view view = state_->window().view();
      return at_end_ == AtEnd::kError ? view.substr(0, total_) : view;
    }
    return request_->result();
  }

 private:
  bool begin() {
    request_.emplace(*state_, total_, at_end_);
    return request_->begin();
  }

  ReaderState* state_;
  size_t total_;
  AtEnd at_end_;
  std::optional<FillRequestForBytes> request_;
};

}  // namespace bufio

#endif  // BUFIO_FILL_CALL_H_
