// bufio/parse_call.h
//
// One message, as a parser (parser.h) understands it.
//
//   RequestHeadParser parser;
//   auto head = co_await bufio::parse_one(reader, parser);   // StatusOr<optional<RequestHead>>
//   if (!head.ok()) co_return head.status();
//   if (!head->has_value()) co_return absl::OkStatus();      // the end of the stream
//
//   outcomes  OK with a value, its bytes consumed; OK without one at the end of the stream, between
//             messages. The parser's own error, naming the Reader and the offset, nothing consumed.
//             DataLoss: the stream ends within a message. ResourceExhausted: a message longer than
//             ParseOptions::max_message. Internal: the parser makes no progress. And those that all
//             calls of a Reader have (reader.h).
//   value     what it points at lives as a Reader's view does: until the next fill-class call
//   cost      the parser runs where bytes arrive, so the caller is resumed once a message, however
//             many reads it takes; no allocation
//   cancel    nothing is lost: how far the parser got is kept in the Reader, as long as the parser
//             stays where it is. Another parser must not be put into the place of one that was
//             given up half way through a message.
//
// For one message after the other, Messages (messages.h) is faster.

#ifndef BUFIO_PARSE_CALL_H_
#define BUFIO_PARSE_CALL_H_

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bufio/fill_request.h"
#include "bufio/gcc12_warning.h"
#include "bufio/parser.h"
#include "bufio/reader.h"
#include "bufio/reader_state.h"

namespace bufio {

// Knows outcomes and progress, not types.
class ParseRequest : public FillRequest {
 public:
  ParseRequest(ReaderState& state, const void* parser, ParseOptions options);

  static size_t max_message(const ReaderState& state, ParseOptions options) {
    return options.max_message != 0 ? options.max_message : state.max_buffer_size();
  }

 protected:
  // A ParseResult without its value.
  struct Answer {
    ParseKind kind;
    size_t consumed;
    size_t examined;
    size_t need;
    uint64_t skip;
  };
  // Asks the parser.
  virtual Answer ask(std::string_view view, size_t examined, bool final) = 0;
  // The status of its last answer, an error.
  virtual const absl::Status& parser_error() const = 0;

  // True: there is a value, and its bytes are consumed now. False: the end.
  absl::StatusOr<bool> outcome();
  // The outcome was the parser's fault, or what it said: it holds for good.
  bool final_failure() const { return end_ == End::kError || end_ == End::kStuck; }

 private:
  enum class End : uint8_t { kNone, kValue, kClean, kCutOff, kError, kStuck, kTooLong };

  bool satisfied() final;
  // One more than allowed: a message of just the limit may need a look at what follows.
  size_t buffer_limit() const final;
  bool end(End how) {
    end_ = how;
    return true;
  }
  bool pass_over();
  bool use(const Answer& answer, size_t available, bool final);

  const void* parser_;
  size_t max_message_;
  size_t seen_ = 0;      // bytes that the parser was shown when it last wanted more
  size_t need_ = 0;      // how many it wants to be shown
  size_t consumed_ = 0;  // of the value that was found
  size_t error_at_ = 0;
  End end_ = End::kNone;
};

// The awaiter.
template <Parser P>
class [[nodiscard]] ParseCall final : public ParseRequest {
 public:
  using Value = typename P::value_type;

  ParseCall(ReaderState& state, P& parser, ParseOptions options)
      : ParseRequest(state, &parser, options), parser_(parser) {}
  // Only while idle.
  ParseCall(ParseCall&& other) noexcept = default;

  // `result` is what the parser says of all that is buffered, asked by somebody else just now.
  void offer(ParseResult<Value> result) {
    result_.emplace(std::move(result));
    offered_ = true;
  }

  bool await_ready() { return begin(); }
  bool await_suspend(std::coroutine_handle<> waiting) { return suspend(waiting); }
  absl::StatusOr<std::optional<Value>> await_resume() {
    absl::StatusOr<bool> found = outcome();
    if (!found.ok()) return std::move(found).status();
    if (!*found) return std::optional<Value>();
    accept(parser_);
    return std::optional<Value>(std::move(result_->value()));
  }
  using ParseRequest::final_failure;

 private:
  Answer ask(std::string_view view, size_t examined, bool final) override {
    if (!std::exchange(offered_, false)) result_.emplace(parser_.parse(view, examined, final));
    return Answer{
        result_->kind(), result_->consumed(),
        result_->kind() == ParseKind::kError ? result_->error_offset() : result_->examined(),
        result_->need(), result_->skip()};
  }
  const absl::Status& parser_error() const override { return result_->status(); }

  P& parser_;
  bool offered_ = false;
  std::optional<ParseResult<Value>> result_;
};

// See above. `parser` must outlive the call, and stay where it is until its message is complete.
template <Parser P>
ParseCall<P> parse_one(Reader& reader, P& parser, ParseOptions options = {}) {
  return ParseCall<P>(reader.state(), parser, options);
}

}  // namespace bufio

#endif  // BUFIO_PARSE_CALL_H_
