#include "bufio/lines.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "bufio/scan.h"

namespace bufio {
namespace {

// "\r\n".
constexpr size_t kLongestTerminator = 2;

}  // namespace

LineRequest::LineRequest(ReaderState& state, LineOptions options)
    : FillRequest(state),
      options_(options),
      max_length_(options.max_length != 0
                      ? std::min(options.max_length, SIZE_MAX - kLongestTerminator)
                      : std::max(state.max_buffer_size(), kLongestTerminator + 1) -
                            kLongestTerminator) {}

size_t LineRequest::buffer_limit() const {
  return std::max(state().max_buffer_size(), max_length_ + kLongestTerminator);
}

// Drops what belongs to a line that was too long; true when its end has been dropped too.
bool LineRequest::drop_rest_of_line(const char* newline) {
  Window& window = state().window();
  if (newline == nullptr && !state().final()) {
    window.consume(window.available());
    state().set_discarding_line(true);
    return false;
  }
  window.consume(newline == nullptr ? window.available()
                                    : static_cast<size_t>(newline + 1 - window.cursor()));
  state().set_discarding_line(false);
  return true;
}

bool LineRequest::satisfied() {
  Window& window = state().window();
  for (;;) {
    std::string_view view = window.view();
    const char* newline = view.empty() ? nullptr : find_newline();
    if (state().discarding_line()) {
      if (!drop_rest_of_line(newline)) return false;
      continue;
    }
    size_t length = newline != nullptr ? static_cast<size_t>(newline - view.data()) : view.size();
    terminator_ = newline != nullptr ? 1 : 0;
    // At the very end of the view a '\r' may be half of a terminator that has not arrived, or that
    // an error has cut off.
    bool at_end = state().final() && state().error().ok();
    if (length > 0 && view[length - 1] == '\r' && (newline != nullptr || !at_end)) {
      --length;
      ++terminator_;
    }
    if (length > max_length_) {
      if (options_.long_lines == LongLine::kSkip) {
        state().set_discarding_line(true);
        continue;
      }
      found_ = Found::kTooLong;
      return true;
    }
    if (newline == nullptr && !state().final()) return false;
    // An error that cuts the last line off comes in its place; the end hands it out.
    if (newline != nullptr || (!view.empty() && state().error().ok())) {
      found_ = Found::kLine;
      length_ = length;
    }
    return true;
  }
}

absl::StatusOr<Token> LineRequest::take() {
  absl::Status failure = finish();
  if (!failure.ok()) return failure;
  failure = state().usable();
  if (!failure.ok()) return failure;
  Window& window = state().window();
  switch (std::exchange(found_, Found::kNothing)) {
    case Found::kTooLong: {
      if (options_.long_lines == LongLine::kError) return state().too_long("a line", max_length_);
      std::string_view start = window.view().substr(0, max_length_);
      window.consume(start.size());
      state().set_discarding_line(true);
      return Token(start);
    }
    case Found::kLine: {
      std::string_view line = window.view().substr(0, length_ + terminator_);
      window.consume(line.size());
      return Token(options_.keep_terminator ? line : line.substr(0, length_));
    }
    case Found::kNothing:
      break;
  }
  if (!state().error().ok()) return state().error();
  return Token();
}

const char* ReadLineCall::find_newline() {
  static constexpr char kKind = 0;
  ScanMark& mark = state().scan_mark();
  std::string_view view = state().window().view();
  uint64_t pos = state().window().pos();
  size_t at = find_byte(view, '\n', mark.start(&kKind, "", pos));
  if (at != std::string_view::npos) return view.data() + at;
  mark.set(&kKind, "", pos, view.size());
  return nullptr;
}

// Finds the first newline of the window with the index, which is first told what has become of the
// window: its bytes may have moved, more may have come, and others may have consumed some.
const char* Lines::find_newline() {
  const Window& window = state_->window();
  bool known = limit_ != nullptr && window.jumps() == jumps_ && window.pos() <= limit_pos_;
  if (known) {
    const char* limit = window.limit() - (window.end_pos() - limit_pos_);
    if (limit != limit_) index_.rebase(limit - limit_);
    index_.extend(window.limit());
    index_.skip_to(window.cursor());
  } else {
    index_.reset(window.cursor(), window.limit(), '\n');
  }
  limit_ = window.limit();
  limit_pos_ = window.end_pos();
  jumps_ = window.jumps();
  synced_generation_ = window.generation();
  return index_.peek();
}

// Hands a call over to the slow half; true if it need not suspend.
bool Lines::begin(const Next& next) {
  if (waiting_ != nullptr) {
    status_ = absl::FailedPreconditionError("another next() of these lines waits");
    return true;
  }
  waiting_ = &next;
  generation_ = 0;
  request_.forget();
  return request_.begin();
}

// Takes the slow half's result over; false if there is no line.
bool Lines::finish() {
  waiting_ = nullptr;
  absl::StatusOr<Token> line = request_.take();
  status_ = line.ok() ? absl::OkStatus() : std::move(line).status();
  // What is left to do for the slow half: to take an error back, to drop the rest of a line that
  // was cut, to learn what the index does not know.
  bool all_done = line.ok() && !state_->discarding_line() &&
                  synced_generation_ == state_->window().generation();
  if (all_done) {
    index_.skip_to(state_->window().cursor());
    generation_ = synced_generation_;
  }
  if (!line.ok() || !line->has_value()) return false;
  line_ = **line;
  return true;
}

void Lines::Next::detach() {
  lines_->waiting_ = nullptr;
  lines_->request_.detach();
}

}  // namespace bufio
