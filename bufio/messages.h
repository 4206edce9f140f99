// bufio/messages.h
//
// All messages of a stream, one after the other, as a parser (parser.h) understands them.
//
//   bufio::Messages<RespParser> commands(reader);
//   for (;;) {
//     std::optional<RespCommand> command = co_await commands.next();
//     if (!command) break;
//     use(*command);
//   }
//   if (!commands.status().ok()) …
//
// A message that is buffered costs a call of the parser and nothing else. Cancelling loses nothing:
// what is in progress is kept in the Reader. Outcomes are those of parse_one (parse_call.h); what
// the parser calls an error is final, and comes after all messages in front of it.

#ifndef BUFIO_MESSAGES_H_
#define BUFIO_MESSAGES_H_

#include <algorithm>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bufio/parse_call.h"
#include "bufio/parse_mark.h"
#include "bufio/parser.h"
#include "bufio/reader.h"
#include "bufio/reader_state.h"
#include "uring/check.h"
#include "uring/ref.h"

namespace bufio {

// Owns its parser, shares the Reader's state, and may be mixed with other calls on the Reader
// between two messages. Stays where it is.
template <Parser P>
class Messages {
 public:
  using Value = typename P::value_type;
  class Next;

  explicit Messages(Reader& reader, P parser = P(), ParseOptions options = {})
      : state_(&reader.state()),
        parser_(std::move(parser)),
        options_(options),
        max_message_(ParseRequest::max_message(*state_, options)) {}
  Messages(const Messages&) = delete;
  Messages& operator=(const Messages&) = delete;
  ~Messages() { state_->parse_mark().clear(&parser_); }

  // The next message; nothing at the end or on an error, see status(). What it points at lives
  // until the next call on the Reader.
  Next next() { return Next(*this); }

  // Calls `use(message)` for every message all of which is buffered, consumes them, and returns how
  // many there were: the fastest way through many, as Lines::for_each_buffered (lines.h). `use`
  // must not call the Reader, and what it returns means nothing here. What a message points at
  // lives until `use` returns, or longer, as for next().
  template <class Use>
  size_t for_each_buffered(Use use);

  // OK, or why next() had nothing.
  const absl::Status& status() const { return status_; }
  P& parser() { return parser_; }

 private:
  using Result = ParseResult<Value>;

  // No call waits, the window may be lent as it is, and the parser is at the start of a message.
  bool may_parse() const {
    return state_->window().available() > 0 && state_->free() && !state_->closed() &&
           !state_->parse_mark().of(&parser_) && !failed_;
  }
  Result parse() {
    const bool final = state_->final() && state_->error().ok();
    return parser_.parse(state_->window().view(), 0, final);
  }
  // Whether it is a message that can be handed out as it is; else the slow half looks at it.
  bool usable(const Result& result) const {
    return result.is_value() && result.consumed() - 1 < max_message_ &&
           result.consumed() <= state_->window().available();
  }

  // Does what it says, so that next() goes on from there. A value or an error is left to be given
  // again.
  void keep(const Result& result) {
    const size_t available = state_->window().available();
    if (result.kind() == ParseKind::kMore) {
      const size_t consumed = result.consumed();
      URING_CHECK(consumed <= available && result.examined() <= available,
                  "a parser examined more than it was shown");
      state_->window().consume(consumed);
      state_->parse_mark().set(
          &parser_, state_->window().pos(),
          {.examined = std::max(result.examined(), consumed) - consumed, .inside = consumed > 0});
    } else if (result.kind() == ParseKind::kSkip && result.skip() > 0) {
      state_->parse_mark().set(&parser_, state_->window().pos(), {.skip = result.skip()});
    }
  }

  // All that the parser can do in one go.
  template <class Use>
  size_t run(Use& use) {
    MessageRun progress{max_message_};
    // Written back even if `use` throws.
    struct Consumed {
      ~Consumed() { window.consume(progress.consumed); }
      Window& window;
      const MessageRun& progress;
    } consumed{state_->window(), progress};
    parser_.parse_run(state_->window().view(), progress, use);
    return progress.count;
  }

  uring::Ref<ReaderState> state_;
  P parser_;
  ParseOptions options_;
  size_t max_message_;
  bool failed_ = false;
  absl::Status status_;
};

// The awaiter.
template <Parser P>
class [[nodiscard]] Messages<P>::Next {
 public:
  explicit Next(Messages& messages) : messages_(&messages) {}
  // Only before it is awaited.
  Next(Next&& other) noexcept : messages_(other.messages_) {}

  bool await_ready() {
    Messages& all = *messages_;
    if (!all.may_parse()) [[unlikely]] {
      return begin();
    }
    all.state_->expire_views();
    Result result = all.parse();
    if (!all.usable(result)) [[unlikely]] {
      call_.emplace(*all.state_, all.parser_, all.options_);
      call_->offer(std::move(result));
      return call_->await_ready();
    }
    all.state_->window().consume(result.consumed());
    accept(all.parser_);
    value_.emplace(std::move(result.value()));
    return true;
  }
  bool await_suspend(std::coroutine_handle<> waiting) { return call_->await_suspend(waiting); }
  std::optional<Value> await_resume() {
    if (call_.has_value()) [[unlikely]] {
      return slow_result();
    }
    return std::move(value_);
  }

 private:
  bool begin() {
    if (messages_->failed_) return true;
    call_.emplace(*messages_->state_, messages_->parser_, messages_->options_);
    return call_->await_ready();
  }
  std::optional<Value> slow_result() {
    absl::StatusOr<std::optional<Value>> result = call_->await_resume();
    if (result.ok()) {
      messages_->status_ = absl::OkStatus();
      return *std::move(result);
    }
    messages_->failed_ = call_->final_failure();
    messages_->status_ = std::move(result).status();
    return std::nullopt;
  }

  Messages* messages_;
  std::optional<Value> value_;
  std::optional<ParseCall<P>> call_;
};

template <Parser P>
template <class Use>
size_t Messages<P>::for_each_buffered(Use use) {
  size_t count = 0;
  if (!may_parse()) return count;
  state_->expire_views();
  for (;;) {
    if constexpr (RunParser<P, Use>) count += run(use);
    if (state_->window().available() == 0) break;
    Result result = parse();
    if (!usable(result)) {
      keep(result);
      break;
    }
    state_->window().consume(result.consumed());
    accept(parser_);
    ++count;
    use(result.value());
  }
  return count;
}

// The same by a function, so that the parser's type need not be written.
template <Parser P>
Messages<P> messages(Reader& reader, P parser, ParseOptions options = {}) {
  return Messages<P>(reader, std::move(parser), options);
}

}  // namespace bufio

#endif  // BUFIO_MESSAGES_H_
