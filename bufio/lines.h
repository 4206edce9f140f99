// bufio/lines.h
//
// Lines: of LF or CRLF, with or without a terminator on the last one.
//
//   bufio::Lines lines = reader.lines();
//   for (;;) {
//     bufio::Token line = co_await lines.next();
//     if (!line) break;
//     use(*line);
//   }
//   if (!lines.status().ok()) …
//
// The newlines of what is buffered are found in bulk (delimiter_index.h), so a line that is there
// costs a few nanoseconds, and no call.

#ifndef BUFIO_LINES_H_
#define BUFIO_LINES_H_

#include <concepts>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bufio/delimiter_index.h"
#include "bufio/fill_request.h"
#include "bufio/reader_state.h"
#include "bufio/scan_call.h"

namespace bufio {

// What becomes of a line that is longer than the limit.
//   error      ResourceExhausted, nothing consumed: call again with another policy or limit
//   truncate   its first bytes are handed out, the rest is dropped
//   skip       it is dropped as a whole
enum class LongLine : uint8_t { kError, kTruncate, kSkip };

struct LineOptions {
  // The longest line in bytes, without its terminator; 0: what the Reader may buffer.
  size_t max_length = 0;
  LongLine long_lines = LongLine::kError;
  // Whether a line is handed out with its "\n" or "\r\n".
  bool keep_terminator = false;
};

// Waits for one line; base of the two ways to ask for one. Drops the rest of a line that was too
// long first.
class LineRequest : public FillRequest {
 public:
  LineRequest(ReaderState& state, LineOptions options);

 protected:
  // The line, consumed; nothing at the end.
  absl::StatusOr<Token> take();

  size_t max_length() const { return max_length_; }
  bool keep_terminator() const { return options_.keep_terminator; }
  // For a request that is made again: forgets the last line.
  void forget() { found_ = Found::kNothing; }

 private:
  enum class Found : uint8_t { kNothing, kLine, kTooLong };

  bool satisfied() final;
  size_t buffer_limit() const final;
  // The first newline of the window, or null.
  virtual const char* find_newline() = 0;
  bool drop_rest_of_line(const char* newline);

  LineOptions options_;
  size_t max_length_;
  size_t length_ = 0;      // of the line that was found, terminator excluded
  size_t terminator_ = 0;  // of it
  Found found_ = Found::kNothing;
};

// Reader::read_line's awaiter: one line.
class [[nodiscard]] ReadLineCall final : public LineRequest {
 public:
  ReadLineCall(ReaderState& state, LineOptions options) : LineRequest(state, options) {}

  bool await_ready() { return begin(); }
  bool await_suspend(std::coroutine_handle<> waiting) { return suspend(waiting); }
  absl::StatusOr<Token> await_resume() { return take(); }

 private:
  const char* find_newline() override;
};

// All lines, one after the other. Keeps the Reader's state alive, and may be mixed with other calls
// on the Reader. What is in progress is kept in the Reader: a new Lines goes on where another one
// was dropped.
class Lines {
 public:
  Lines(ReaderState& state, LineOptions options)
      : state_(&state), request_(*this, state, options) {}
  Lines(const Lines&) = delete;
  Lines& operator=(const Lines&) = delete;

  class Next;
  // The next line; nothing at the end or on an error, see status(). The view lives until the next
  // call on the Reader.
  //
  //   cost      a line that is buffered: no call, no allocation, no system call
  //   cancel    nothing is lost; the next call goes on
  Next next();

  // Calls `use(line)` for every line all of which is buffered, consumes them, and returns how many
  // there were. A plain loop without awaits, so the fastest way through many lines: what next()
  // costs for each of them is paid once per read.
  //
  //   for (;;) {
  //     bufio::Token line = co_await lines.next();
  //     if (!line) break;
  //     use(*line);
  //     lines.for_each_buffered(use);
  //   }
  //
  // `use` must not call the Reader. A line lives until `use` returns, or longer, as for next(). If
  // `use` returns a bool, false ends it: that line was not used, and is the next one again.
  template <class Use>
  size_t for_each_buffered(Use use);

  // OK, or why next() had nothing. ResourceExhausted for a long line is not final: next() may be
  // called again.
  const absl::Status& status() const { return status_; }

 private:
  class Request final : public LineRequest {
   public:
    Request(Lines& lines, ReaderState& state, LineOptions options)
        : LineRequest(state, options), lines_(lines) {}
    using LineRequest::forget;
    using LineRequest::keep_terminator;
    using LineRequest::max_length;
    using LineRequest::take;

   private:
    const char* find_newline() override { return lines_.find_newline(); }
    Lines& lines_;
  };

  bool line_is_buffered();
  Token take_buffered();
  bool begin(const Next& next);
  bool finish();
  const char* find_newline();

  uring::Ref<ReaderState> state_;
  // The window's generation for which the index is good, or 0.
  uint64_t generation_ = 0;
  // What the index was told: the bytes up to `limit_`, which lie in front of offset `limit_pos_` of
  // the stream.
  const char* limit_ = nullptr;
  uint64_t limit_pos_ = 0;
  uint64_t jumps_ = 0;
  uint64_t synced_generation_ = 0;
  const Next* waiting_ = nullptr;  // the call that the slow half serves
  std::string_view line_;          // what it has found
  Request request_;
  absl::Status status_;
  DelimiterIndex index_;
};

// The awaiter. The fast half writes nothing but the cursors, because a line costs but a few
// nanoseconds.
class [[nodiscard]] Lines::Next {
 public:
  explicit Next(Lines& lines) : lines_(&lines) {}
  Next(Next&& other) noexcept : lines_(other.lines_) {}
  ~Next() {
    if (lines_->waiting_ == this) [[unlikely]] {
      detach();
    }
  }

  [[gnu::always_inline]] bool await_ready() {
    return lines_->line_is_buffered() || lines_->begin(*this);
  }
  bool await_suspend(std::coroutine_handle<> waiting) { return lines_->request_.suspend(waiting); }
  [[gnu::always_inline]] Token await_resume() {
    if (lines_->waiting_ == nullptr) [[likely]] {
      return lines_->take_buffered();
    }
    if (lines_->waiting_ != this || !lines_->finish()) return Token();
    return Token(lines_->line_);
  }

 private:
  void detach();

  Lines* lines_;
};

inline Lines::Next Lines::next() { return Next(*this); }

// The fast path: the window is as the index knows it, but for its cursor, and another newline is in
// it. A line that is too long, or a newline behind the cursor, which makes a huge unsigned number,
// is left to the slow half.
[[gnu::always_inline]] inline bool Lines::line_is_buffered() {
  const Window& window = state_->window();
  if (window.generation() != generation_) [[unlikely]] {
    return false;
  }
  state_->expire_views();
  const char* newline = index_.peek();
  if (newline == nullptr) [[unlikely]] {
    return false;
  }
  return static_cast<size_t>(newline - window.cursor()) <= request_.max_length();
}

[[gnu::always_inline]] inline Token Lines::take_buffered() {
  Window& window = state_->window();
  const char* start = window.cursor();
  auto length = static_cast<size_t>(index_.take() - start);
  window.consume(length + 1);
  if (request_.keep_terminator()) [[unlikely]] {
    return Token(std::in_place, start, length + 1);
  }
  // Of an empty line it looks at the newline itself.
  bool carriage_return = start[length - static_cast<size_t>(length != 0)] == '\r';
  return Token(std::in_place, start, length - static_cast<size_t>(carriage_return));
}

// Inlined, so that what `use` captures by reference can live in registers.
template <class Use>
[[gnu::always_inline]] inline size_t Lines::for_each_buffered(Use use) {
  const size_t max_length = request_.max_length();
  const bool keep_terminator = request_.keep_terminator();
  size_t count = 0;
  while (line_is_buffered()) {
    // What has been used so far, kept here and written back even if `use` throws.
    struct Progress {
      ~Progress() {
        lines.index_.drop(used);
        lines.state_->window().consume(static_cast<size_t>(start - begin));
      }
      Lines& lines;
      const char* begin;
      const char* start;
      size_t used;
    } progress{*this, state_->window().cursor(), state_->window().cursor(), 0};
    for (uint16_t offset : index_.found()) {
      const char* start = progress.start;
      const char* newline = index_.base() + offset;
      auto length = static_cast<size_t>(newline - start);
      if (length > max_length) break;
      progress.start = newline + 1;
      ++progress.used;
      bool carriage_return = start[length - static_cast<size_t>(length != 0)] == '\r';
      const std::string_view line(
          start, keep_terminator ? length + 1 : length - static_cast<size_t>(carriage_return));
      if constexpr (std::same_as<std::invoke_result_t<Use&, std::string_view>, bool>) {
        if (!use(line)) {
          progress.start = start;
          return count + --progress.used;
        }
      } else {
        use(line);
      }
    }
    count += progress.used;
  }
  return count;
}

}  // namespace bufio

#endif  // BUFIO_LINES_H_
