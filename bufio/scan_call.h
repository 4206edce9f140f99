// bufio/scan_call.h
//
// fill_until and read_until: calls that wait for the end of a token.
//
// The scanner runs where bytes arrive, so the coroutine is resumed once per token and not once per
// read. Where it stopped is kept in the Reader (scan_mark.h).

#ifndef BUFIO_SCAN_CALL_H_
#define BUFIO_SCAN_CALL_H_

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "bufio/fill_request.h"
#include "bufio/reader_state.h"
#include "bufio/scan.h"

namespace bufio {

// A token, or nothing at the end of the stream.
using Token = std::optional<std::string_view>;

// Base of the two: knows limits and outcomes, not scanners.
class ScanRequest : public FillRequest {
 public:
  ScanRequest(ReaderState& state, size_t max_token) : FillRequest(state), max_token_(max_token) {}

 protected:
  bool satisfied() final;
  size_t buffer_limit() const final;
  // Runs the scanner over the window from where the mark stands, and moves the mark. `final` as for
  // scanners.
  virtual ScanResult scan(bool final) = 0;

  // The length of the token at the cursor, or nothing at the end of the stream; or the error.
  absl::StatusOr<std::optional<size_t>> outcome();

 private:
  size_t max_token_;  // delimiter included
  std::optional<size_t> length_;
};

// fill_until's awaiter.
template <Scanner S>
class [[nodiscard]] ScanCall final : public ScanRequest {
 public:
  ScanCall(ReaderState& state, S scanner, size_t max_token)
      : ScanRequest(state, max_token), scanner_(std::move(scanner)) {}

  bool await_ready() { return begin(); }
  bool await_suspend(std::coroutine_handle<> waiting) { return suspend(waiting); }
  absl::StatusOr<Token> await_resume() {
    absl::StatusOr<std::optional<size_t>> length = outcome();
    if (!length.ok()) return std::move(length).status();
    if (!length->has_value()) return Token();
    return Token(state().window().view().substr(0, **length));
  }

 private:
  ScanResult scan(bool final) override {
    std::string_view view = state().window().view();
    if constexpr (KeyedScanner<S>) {
      uint64_t key = scanner_.key();
      char bytes[sizeof key];
      std::memcpy(bytes, &key, sizeof key);
      return scan_with_key(view, final, std::string_view(bytes, sizeof bytes));
    } else {
      ScanResult result = scanner_(view, examined_, final);
      if (!result.found) examined_ = result.examined;
      return result;
    }
  }
  ScanResult scan_with_key(std::string_view view, bool final, std::string_view key) {
    static constexpr char kKind = 0;  // its address stands for this type of scanner
    ScanMark& mark = state().scan_mark();
    uint64_t pos = state().window().pos();
    ScanResult result = scanner_(view, mark.start(&kKind, key, pos), final);
    if (!result.found) mark.set(&kKind, key, pos, result.examined);
    return result;
  }

  S scanner_;
  size_t examined_ = 0;
};

struct ReadUntilOptions {
  // The longest token, without its delimiter; 0: what the Reader may buffer.
  size_t max_length = 0;
  // Whether the token that is handed out ends with its delimiter.
  bool keep_delimiter = false;
};

// Waits for a token that ends with a delimiter or the stream; base of the ways to ask for one.
class DelimitedRequest : public ScanRequest {
 public:
  // `delimiter` outlives the call, or moves with it: see delimiter().
  DelimitedRequest(ReaderState& state, std::string_view delimiter, ReadUntilOptions options);

 protected:
  // The token, consumed; nothing at the end.
  absl::StatusOr<Token> take();

 private:
  ScanResult scan(bool final) final;
  virtual std::string_view delimiter() const = 0;

  size_t max_length_;  // of a last token, which has no delimiter
  bool keep_delimiter_;
};

// read_until's awaiter.
class [[nodiscard]] ReadUntilCall final : public DelimitedRequest {
 public:
  ReadUntilCall(ReaderState& state, std::string delimiter, ReadUntilOptions options)
      : DelimitedRequest(state, delimiter, options), delimiter_(std::move(delimiter)) {}

  bool await_ready() { return begin(); }
  bool await_suspend(std::coroutine_handle<> waiting) { return suspend(waiting); }
  absl::StatusOr<Token> await_resume() { return take(); }

 private:
  std::string_view delimiter() const override { return delimiter_; }

  std::string delimiter_;
};

}  // namespace bufio

#endif  // BUFIO_SCAN_CALL_H_
