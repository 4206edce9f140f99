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

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <string_view>
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

  const char* next_buffered();
  Token take_buffered(const char* newline);
  Token finish();
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
  const char* newline_ = nullptr;  // taken from the index and not used yet
  Request request_;
  absl::Status status_;
  DelimiterIndex index_;
};

// The awaiter. What it finds stays in registers: it writes no more than it must, because a line
// costs but a few nanoseconds.
class [[nodiscard]] Lines::Next {
 public:
  explicit Next(Lines& lines) : lines_(&lines) {}
  Next(Next&& other) noexcept : lines_(other.lines_) {}
  ~Next() {
    if (newline_ == nullptr && lines_ != nullptr) [[unlikely]] {
      lines_->request_.detach();
    }
  }

  [[gnu::always_inline]] bool await_ready() {
    newline_ = lines_->next_buffered();
    return newline_ != nullptr || begin();
  }
  bool await_suspend(std::coroutine_handle<> waiting) { return lines_->request_.suspend(waiting); }
  [[gnu::always_inline]] Token await_resume() {
    return newline_ != nullptr ? lines_->take_buffered(newline_) : finish();
  }

 private:
  static constexpr char kNotAwaited = 0;

  bool begin();
  Token finish() { return lines_ != nullptr ? lines_->finish() : Token(); }

  Lines* lines_;  // null: refused, because another next() waits
  // The end of a line that is buffered; null while the slow half is at work.
  const char* newline_ = &kNotAwaited;
};

inline Lines::Next Lines::next() { return Next(*this); }

// The fast path: the window is as the index knows it, but for its cursor, and another newline is in
// it.
[[gnu::always_inline]] inline const char* Lines::next_buffered() {
  const Window& window = state_->window();
  if (window.generation() != generation_) [[unlikely]]
    return nullptr;
  state_->expire_views();
  const char* newline = index_.next();
  if (newline == nullptr) [[unlikely]]
    return nullptr;
  // Too long, or behind the cursor, which makes a huge unsigned number: the slow half looks
  // closely.
  if (static_cast<size_t>(newline - window.cursor()) > request_.max_length()) [[unlikely]] {
    newline_ = newline;
    generation_ = 0;
    return nullptr;
  }
  return newline;
}

[[gnu::always_inline]] inline Token Lines::take_buffered(const char* newline) {
  Window& window = state_->window();
  const char* start = window.cursor();
  auto length = static_cast<size_t>(newline - start);
  window.consume(length + 1);
  if (request_.keep_terminator()) [[unlikely]]
    return Token(std::in_place, start, length + 1);
  return Token(std::in_place, start,
               length - static_cast<size_t>(length > 0 && newline[-1] == '\r'));
}

}  // namespace bufio

#endif  // BUFIO_LINES_H_
