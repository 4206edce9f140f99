// bufio/split.h
//
// The pieces of a stream between delimiters of any kind, as lines are those between newlines.
//
//   bufio::Split fields = bufio::split(reader, "; ");
//   for (;;) {
//     bufio::Token field = co_await fields.next();
//     if (!field) break;
//     use(*field);
//   }
//   if (!fields.status().ok()) …
//
// Each piece is one view. For pieces that may be large see until.h.

#ifndef BUFIO_SPLIT_H_
#define BUFIO_SPLIT_H_

#include <coroutine>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bufio/reader.h"
#include "bufio/reader_state.h"
#include "bufio/scan_call.h"
#include "uring/ref.h"

namespace bufio {

// Keeps the Reader's state alive, and may be mixed with other calls on the Reader. What is in
// progress is kept in the Reader: a new Split goes on where another one was dropped.
class Split {
 public:
  Split(ReaderState& state, std::string_view delimiter, ReadUntilOptions options)
      : state_(&state), delimiter_(delimiter), options_(options) {}
  Split(const Split&) = delete;
  Split& operator=(const Split&) = delete;

  class Next;
  // The next piece, consumed with its delimiter; behind the last delimiter what is left, if that is
  // anything; nothing at the end or on an error, see status(). The view lives until the next call
  // on the Reader.
  //
  //   cost      a piece that is buffered: no allocation, no system call
  //   cancel    nothing is lost; the next call goes on
  Next next();

  // OK, or why next() had nothing. ResourceExhausted for a long piece is not final.
  const absl::Status& status() const { return status_; }

 private:
  uring::Ref<ReaderState> state_;
  std::string delimiter_;
  ReadUntilOptions options_;
  absl::Status status_;
};

class [[nodiscard]] Split::Next final : public DelimitedRequest {
 public:
  explicit Next(Split& split)
      : DelimitedRequest(*split.state_, split.delimiter_, split.options_), split_(&split) {}

  bool await_ready() { return begin(); }
  bool await_suspend(std::coroutine_handle<> waiting) { return suspend(waiting); }
  Token await_resume() {
    absl::StatusOr<Token> piece = take();
    split_->status_ = piece.status();
    return piece.ok() ? *piece : Token();
  }

 private:
  std::string_view delimiter() const override { return split_->delimiter_; }

  Split* split_;
};

inline Split::Next Split::next() { return Next(*this); }

// `delimiter`: one byte or more.
inline Split split(Reader& reader, std::string_view delimiter, ReadUntilOptions options = {}) {
  return Split(reader.state(), delimiter, options);
}

}  // namespace bufio

#endif  // BUFIO_SPLIT_H_
