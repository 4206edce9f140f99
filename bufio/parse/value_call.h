// bufio/parse/value_call.h
//
// The awaiter of read_varint and its kin: one value, by a parser that has no state and lives within
// the call.

#ifndef BUFIO_PARSE_VALUE_CALL_H_
#define BUFIO_PARSE_VALUE_CALL_H_

#include <coroutine>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "bufio/gcc12_warning.h"
#include "bufio/parse_call.h"
#include "bufio/parser.h"
#include "bufio/reader_state.h"
#include "uring/ref.h"

namespace bufio {

template <Parser P>
class [[nodiscard]] ValueCall {
 public:
  using Value = typename P::value_type;

  explicit ValueCall(ReaderState& state) : state_(&state) {}
  // Only before it is awaited.
  ValueCall(ValueCall&& other) noexcept : state_(other.state_) {}
  ~ValueCall() {
    // Another parser may come to lie where this one was.
    if (keep_) keep_->parse_mark().clear(&parser_);
  }

  bool await_ready() {
    const Window& window = state_->window();
    if (window.available() > 0 && state_->free() && !state_->closed()) [[likely]] {
      state_->expire_views();
      const ParseResult<Value> result = parser_.parse(window.view(), 0, false);
      if (result.is_value()) [[likely]] {
        value_.emplace(result.value());
        state_->window().consume(result.consumed());
        return true;
      }
    }
    keep_ = uring::Ref<ReaderState>(state_);
    call_.emplace(*state_, parser_, ParseOptions());
    return call_->await_ready();
  }
  bool await_suspend(std::coroutine_handle<> waiting) { return call_->await_suspend(waiting); }
  absl::StatusOr<Value> await_resume() {
    if (value_.has_value()) [[likely]] {
      return *std::move(value_);
    }
    absl::StatusOr<std::optional<Value>> result = call_->await_resume();
    if (!result.ok()) return std::move(result).status();
    if (result->has_value()) return **std::move(result);
    return absl::OutOfRangeError(absl::StrCat(state_->where(), ": the end of the stream"));
  }

 private:
  ReaderState* state_;
  uring::Ref<ReaderState> keep_;
  P parser_;
  std::optional<Value> value_;
  std::optional<ParseCall<P>> call_;
};

}  // namespace bufio

#endif  // BUFIO_PARSE_VALUE_CALL_H_
