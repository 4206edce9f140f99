#include "bufio/scan_call.h"

#include <algorithm>

namespace bufio {

size_t ScanRequest::buffer_limit() const { return std::max(state().max_buffer_size(), max_token_); }

bool ScanRequest::satisfied() {
  size_t available = state().window().available();
  bool final = state().final();
  if (available > 0) {
    ScanResult result = scan(final);
    if (result.found) {
      length_ = result.length;
      return true;
    }
  }
  return final || available >= max_token_;
}

absl::StatusOr<std::optional<size_t>> ScanRequest::outcome() {
  absl::Status failure = finish();
  if (!failure.ok()) return failure;
  failure = state().usable();
  if (!failure.ok()) return failure;
  if (length_.has_value() && *length_ <= max_token_) return length_;
  if (!length_.has_value() && !state().error().ok()) return state().error();
  if (length_.has_value() || state().window().available() >= max_token_)
    return state().too_long("a token", max_token_);
  return std::optional<size_t>();
}

namespace {

// The bound on a token with its delimiter. Without a limit of its own the token is bounded by what
// may be buffered.
size_t max_token(const ReaderState& state, size_t max_length, size_t delimiter) {
  if (max_length == 0) return state.max_buffer_size();
  return max_length > SIZE_MAX - delimiter ? SIZE_MAX : max_length + delimiter;
}

}  // namespace

DelimitedRequest::DelimitedRequest(ReaderState& state, std::string_view delimiter,
                                   ReadUntilOptions options)
    : ScanRequest(state, max_token(state, options.max_length, delimiter.size())),
      max_length_(options.max_length == 0 ? state.max_buffer_size() : options.max_length),
      keep_delimiter_(options.keep_delimiter) {
  URING_CHECK(!delimiter.empty(), "read_until, split: the delimiter is empty");
}

ScanResult DelimitedRequest::scan(bool final) {
  static constexpr char kKind = 0;
  ScanMark& mark = state().scan_mark();
  std::string_view view = state().window().view();
  uint64_t pos = state().window().pos();
  ScanResult result = scan_delimiter(view, mark.start(&kKind, delimiter(), pos), delimiter());
  if (result.found) return result;
  mark.set(&kKind, delimiter(), pos, result.examined);
  // What is left at the end is the last token, unless an error cut it off.
  return final && state().error().ok() ? ScanResult::token(view.size()) : result;
}

absl::StatusOr<Token> DelimitedRequest::take() {
  absl::StatusOr<std::optional<size_t>> length = outcome();
  if (!length.ok()) return std::move(length).status();
  if (!length->has_value()) return Token();
  std::string_view token = state().window().view().substr(0, **length);
  bool delimited = token.ends_with(delimiter());
  if (!delimited && token.size() > max_length_) return state().too_long("a token", max_length_);
  state().consume(token.size());
  if (delimited && !keep_delimiter_) token.remove_suffix(delimiter().size());
  return Token(token);
}

}  // namespace bufio
