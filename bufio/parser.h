// bufio/parser.h
//
// What a parser is: a function from borrowed bytes to a value. No I/O, no coroutines, no buffer.
//
//   // A message is one digit, n, and n bytes.
//   struct DigitParser {
//     using value_type = std::string_view;
//     bufio::ParseResult<value_type> parse(std::string_view view, size_t /*examined*/, bool) {
//       if (view.empty()) return bufio::NeedMore();
//       if (view[0] < '0' || view[0] > '9')
//         return bufio::ParseError(absl::InvalidArgumentError("not a digit"));
//       const size_t size = 1 + static_cast<size_t>(view[0] - '0');
//       if (view.size() < size) return bufio::NeedMore(view.size(), size);
//       return {view.substr(1, size - 1), size};
//     }
//   };
//
//   bufio::Messages<DigitParser> messages(reader);      // messages.h
//   auto first = co_await bufio::parse_one(reader, parser);   // parse_call.h
//   bufio::parse_memory(text, parser, use);             // parse_memory.h: no Reader at all
//
// parse() is called with
//
//   view       the stream's bytes from the first one that was not consumed. Later views of the same
//              message begin at the same byte and are longer, but may lie elsewhere: keep offsets.
//   examined   0 at the start of a message (and after bytes were consumed), else what NeedMore said
//              last: go on from there, and no byte is looked at twice.
//   final      the stream ends with this view. An empty final view is shown once, behind the last
//              message: NeedMore is a clean end then, unless bytes of a message were consumed.
//              NeedMore for a final view that is not empty: the message is cut off (DataLoss).
//
// and answers
//
//   {value, consumed}    the message; `consumed` bytes are its, 1 or more. A value may point into
//                        the view or into the parser: it lives until the next call on the Reader.
//                        Only for an empty final view may it consume nothing.
//   NeedMore(…)          not all there yet. May consume a prefix that has been dealt with, and may
//                        say how large the view must be, so that nobody asks before.
//   Skip(n)              the next n bytes hold no value and need not be seen: comments, padding,
//                        bodies nobody wants. More than are there is fine; files do not even read
//                        them.
//   ParseError(…)        these bytes are no message. Nothing is consumed.
//
// A parser that keeps state between calls (because it consumes prefixes) must give a value or an
// error again when it is asked again with the same bytes: the caller who waited for it may have
// been destroyed. It forgets the message in accepted(), which is called, if there is such a
// function, when the value has been handed out.
//
// A parser that is faster at many messages than at each of them may have parse_run() besides, see
// RunParser below.

#ifndef BUFIO_PARSER_H_
#define BUFIO_PARSER_H_

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/status/status.h"

namespace bufio {

class NeedMore {
 public:
  // The first `examined` bytes need not be looked at again. `need`: how many bytes the view must
  // have before it is worth asking again; 0: any more.
  constexpr explicit NeedMore(size_t examined = 0, size_t need = 0)
      : examined_(examined), need_(need) {}
  // The same, with the first `consumed` bytes dealt with; the other two count from the view's
  // start, too.
  static constexpr NeedMore after(size_t consumed, size_t examined = 0, size_t need = 0) {
    NeedMore more(examined < consumed ? consumed : examined, need);
    more.consumed_ = consumed;
    return more;
  }

  size_t consumed() const { return consumed_; }
  size_t examined() const { return examined_; }
  size_t need() const { return need_; }

 private:
  size_t consumed_ = 0;
  size_t examined_;
  size_t need_;
};

class Skip {
 public:
  // 1 or more.
  constexpr explicit Skip(uint64_t count) : count_(count) {}

  uint64_t count() const { return count_; }

 private:
  uint64_t count_;
};

class ParseError {
 public:
  // `at`: where in the view. The status gets the Reader's name and that place in front.
  explicit ParseError(absl::Status status, size_t at = 0) : status_(std::move(status)), at_(at) {}

  const absl::Status& status() const { return status_; }
  size_t at() const { return at_; }

 private:
  absl::Status status_;
  size_t at_;
};

enum class ParseKind : uint8_t { kValue, kMore, kSkip, kError };

template <class T>
class ParseResult {
 public:
  // The answers above.
  ParseResult(T value, size_t consumed)
      : kind_(ParseKind::kValue), consumed_(consumed), value_(std::move(value)) {}
  ParseResult(NeedMore more)  // NOLINT: an answer
      : kind_(ParseKind::kMore),
        consumed_(more.consumed()),
        examined_(more.examined()),
        need_(more.need()) {}
  ParseResult(Skip skipped)
      : kind_(ParseKind::kSkip), skip_(skipped.count()) {}  // NOLINT: an answer
  ParseResult(const ParseError& error)                      // NOLINT: an answer
      : kind_(ParseKind::kError), examined_(error.at()), status_(error.status()) {}

  ParseKind kind() const { return kind_; }
  bool is_value() const { return kind_ == ParseKind::kValue; }
  size_t consumed() const { return consumed_; }
  size_t examined() const { return examined_; }
  size_t need() const { return need_; }
  uint64_t skip() const { return skip_; }
  // Of an error: what, and where in the view.
  const absl::Status& status() const { return status_; }
  size_t error_offset() const { return examined_; }
  // Only of a value.
  T& value() { return *value_; }
  const T& value() const { return *value_; }

 private:
  ParseKind kind_;
  size_t consumed_ = 0;
  size_t examined_ = 0;
  size_t need_ = 0;
  uint64_t skip_ = 0;
  std::optional<T> value_;
  absl::Status status_;
};

template <class P>
concept Parser = requires(P& parser, std::string_view view, size_t examined, bool final) {
  typename P::value_type;
  { parser.parse(view, examined, final) } -> std::same_as<ParseResult<typename P::value_type>>;
};

// The value that `parser` gave last has been handed out.
template <Parser P>
void accept(P& parser) {
  if constexpr (requires { parser.accepted(); }) parser.accepted();
}

// What a parse_run() has done so far.
struct MessageRun {
  size_t max_message;   // a message of more bytes is not for the run
  size_t consumed = 0;  // bytes of the view
  size_t count = 0;     // messages
};

// A parser with
//
//   template <class Use> void parse_run(std::string_view view, MessageRun& run, Use& use);
//
// which calls use(value) for messages at the front of the view, as many as it likes. Both counts of
// `run` include a message when `use` is called with it. It stops in front of anything else: the
// rest, an error, half a message is for parse(), which is called next, at the start of a message.
// There is no accepted() for those of a run.
template <class P, class Use>
concept RunParser =
    Parser<P> && requires(P& parser, std::string_view view, MessageRun& run, Use& use) {
      parser.parse_run(view, run, use);
    };

struct ParseOptions {
  // The most bytes that a message may have before it is complete; 0: what the Reader may buffer.
  // One that needs more is ResourceExhausted, and stays where it is.
  size_t max_message = 0;
};

}  // namespace bufio

#endif  // BUFIO_PARSER_H_
