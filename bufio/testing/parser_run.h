// bufio/testing/parser_run.h
//
// What a parser makes of input that arrives in pieces: a driver (messages.h) without a Reader,
// which is stricter than any Reader is.
//
//   RespParser parser;
//   ParserRun run = run_parser(parser, Split::one_byte_each("*1\r\n$4\r\nPING\r\n"), print);
//
// Each view lies elsewhere, is exactly as large as it says, and is spoilt when the next one is
// shown (view_memory.h). Answers that no driver may be given end the run with an Internal status.

#ifndef BUFIO_TESTING_PARSER_RUN_H_
#define BUFIO_TESTING_PARSER_RUN_H_

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "bufio/parser.h"
#include "bufio/testing/split.h"
#include "bufio/testing/view_memory.h"

namespace bufio::testing {

struct RunOptions {
  // The end is said with the last bytes, as by a Reader over memory; else behind them, as by one
  // over a socket.
  bool end_with_data = true;
  // Each answer is asked for twice, as after a caller that was destroyed while it waited: a value
  // or an error must be the same again.
  bool ask_twice = false;
  // 64 bytes behind each view are readable: for parsers that need a Reader with padded().
  bool padded = false;
};

struct ParserRun {
  struct Message {
    std::string value;  // as printed
    uint64_t end;       // the offset behind it
  };

  std::vector<Message> messages;
  // OK: all of the input was messages. DataLoss, "it ends within a message". What the parser calls
  // an error.
  absl::Status status;
  // An answer broke the rules of parser.h; the status, Internal, says which.
  bool broken = false;
  uint64_t offset = 0;  // of the error in the input
  // How many bytes the parser had reason to look at, summed over all calls: those behind
  // `examined`, up to what it consumed, or all if it wanted more.
  uint64_t looked_at = 0;
  uint64_t calls = 0;
};

// The half of a run that knows no types.
class ParserFeed {
 public:
  ParserFeed(const Split& split, RunOptions options, ParserRun& run);

  // Lets bytes arrive until the parser is to be asked. False: the run is over.
  bool next();
  std::string_view view() { return memory_.show(bytes()); }
  size_t examined() const { return examined_; }
  bool final() const { return final_; }
  // What the parser answered. True: a value, which add() is to be told.
  template <class T>
  bool use(const ParseResult<T>& result) {
    return use(result.kind(), result.consumed(),
               result.kind() == ParseKind::kError ? result.error_offset() : result.examined(),
               result.need(), result.skip(), result.status());
  }
  void add(std::string value);
  // It did not answer the second time as it did the first time.
  void not_repeated();

 private:
  std::string_view bytes() const {
    return split_.input().substr(static_cast<size_t>(pos_), static_cast<size_t>(end_ - pos_));
  }
  bool arrive();
  bool use(ParseKind kind, size_t consumed, size_t examined, size_t need, uint64_t skip,
           const absl::Status& status);
  bool take_value(size_t consumed);
  void want_more(size_t consumed, size_t examined, size_t need);
  bool stop(absl::Status status, uint64_t offset);
  bool broken(std::string_view rule);

  const Split& split_;
  RunOptions options_;
  ParserRun& run_;
  ViewMemory memory_;
  size_t next_piece_ = 0;
  uint64_t pos_ = 0;  // consumed so far
  uint64_t end_ = 0;  // arrived so far
  uint64_t skip_ = 0;
  size_t examined_ = 0;
  size_t seen_ = 0;
  size_t need_ = 0;
  bool final_ = false;
  bool inside_ = false;
  bool told_end_ = false;
  bool repeated_ = false;
  bool over_ = false;
};

// Prints text as it is and numbers in decimal; other values need a printer of their own.
struct PrintValue {
  std::string operator()(std::string_view value) const { return std::string(value); }
  template <class T>
  requires std::is_arithmetic_v<T> std::string operator()(T value) const {
    return absl::StrCat(value);
  }
};

// `parser` is new, or between two messages. `print(value)` makes a std::string of a value.
template <Parser P, class Print = PrintValue>
ParserRun run_parser(P& parser, const Split& split, Print print = {}, RunOptions options = {}) {
  ParserRun run;
  ParserFeed feed(split, options, run);
  std::optional<ParseResult<typename P::value_type>> result;
  const auto ask = [&] {
    result.emplace(parser.parse(feed.view(), feed.examined(), feed.final()));
  };
  while (feed.next()) {
    ask();
    if (options.ask_twice && (result->is_value() || result->kind() == ParseKind::kError)) {
      const ParseKind kind = result->kind();
      const size_t size = kind == ParseKind::kError ? result->error_offset() : result->consumed();
      const std::string text =
          result->is_value() ? print(result->value()) : result->status().ToString();
      ask();
      if (result->kind() != kind ||
          size != (kind == ParseKind::kError ? result->error_offset() : result->consumed()) ||
          text != (result->is_value() ? print(result->value()) : result->status().ToString())) {
        feed.not_repeated();
        break;
      }
    }
    if (!feed.use(*result)) continue;
    accept(parser);
    feed.add(print(result->value()));
  }
  return run;
}

// A parser as a check wants it: `make` is one, to be copied, or a function that makes one.
template <class Make>
auto fresh_parser(Make& make) {
  if constexpr (std::invocable<Make&>) {
    return make();
  } else {
    return make;
  }
}

}  // namespace bufio::testing

#endif  // BUFIO_TESTING_PARSER_RUN_H_
