#include "bufio/parse_call.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "bufio/parse_mark.h"
#include "uring/check.h"
#include "uring/status.h"

namespace bufio {

ParseRequest::ParseRequest(ReaderState& state, const void* parser, ParseOptions options)
    : FillRequest(state), parser_(parser), max_message_(max_message(state, options)) {}

size_t ParseRequest::buffer_limit() const {
  return std::max(state().max_buffer_size(), max_message_ + (max_message_ < SIZE_MAX ? 1 : 0));
}

bool ParseRequest::satisfied() {
  if (end_ != End::kNone) return true;
  for (;;) {
    if (state().parse_mark().at(parser_, state().window().pos()).skip > 0 && !pass_over()) {
      return end_ != End::kNone;
    }
    const ParseMark::Progress progress = state().parse_mark().at(parser_, state().window().pos());
    const std::string_view view = state().window().view();
    const bool over = state().final();
    const bool final = over && state().error().ok();
    if (final) {
      if (view.empty() && progress.told_end) return end(End::kClean);
    } else if (view.size() <= seen_ || view.size() < need_) {
      // There is nothing new to show.
      if (!over && (view.size() > max_message_ || need_ > max_message_)) return end(End::kTooLong);
      return over;
    }
    if (use(ask(view, progress.examined, final), view.size(), final)) return true;
  }
}

// Passes over what the parser does not want to see. True if that is done; else more bytes are
// needed, or it is the end.
bool ParseRequest::pass_over() {
  Window& window = state().window();
  ParseMark::Progress progress = state().parse_mark().at(parser_, window.pos());
  for (;;) {
    auto step = static_cast<size_t>(std::min<uint64_t>(window.available(), progress.skip));
    state().consume(step);
    progress.skip -= step;
    state().parse_mark().set(parser_, window.pos(), progress);
    if (progress.skip == 0) return true;
    if (state().final()) {
      if (state().error().ok()) end(End::kCutOff);
      return false;
    }
    uint64_t passed = state().skip_ahead(progress.skip);
    if (passed == 0) return false;
    progress.skip -= passed;
    state().parse_mark().set(parser_, window.pos(), progress);
  }
}

// True if the call is over.
bool ParseRequest::use(const Answer& answer, size_t available, bool final) {
  ParseMark& mark = state().parse_mark();
  ParseMark::Progress progress = mark.at(parser_, state().window().pos());
  switch (answer.kind) {
    case ParseKind::kValue:
      URING_CHECK(answer.consumed <= available, "a parser consumed more than it was shown");
      if (answer.consumed == 0 && !(final && available == 0)) return end(End::kStuck);
      if (answer.consumed > max_message_) return end(End::kTooLong);
      consumed_ = answer.consumed;
      return end(End::kValue);
    case ParseKind::kError:
      error_at_ = std::min(answer.examined, available);
      return end(End::kError);
    case ParseKind::kSkip:
      if (answer.skip == 0) return end(End::kStuck);
      progress.skip = answer.skip;
      progress.examined = 0;
      mark.set(parser_, state().window().pos(), progress);
      seen_ = need_ = 0;
      return false;
    case ParseKind::kMore:
      break;
  }
  URING_CHECK(answer.consumed <= available && answer.examined <= available,
              "a parser examined more than it was shown");
  if (final && answer.consumed == 0) {
    if (available > 0 || progress.inside) return end(End::kCutOff);
    progress.told_end = true;
    mark.set(parser_, state().window().pos(), progress);
    return end(End::kClean);
  }
  state().consume(answer.consumed);
  progress.inside = progress.inside || answer.consumed > 0;
  progress.examined = std::max(answer.examined, answer.consumed) - answer.consumed;
  mark.set(parser_, state().window().pos(), progress);
  seen_ = available - answer.consumed;
  need_ = answer.need > answer.consumed ? answer.need - answer.consumed : 0;
  return false;
}

absl::StatusOr<bool> ParseRequest::outcome() {
  absl::Status failure = finish();
  if (!failure.ok()) return failure;
  failure = state().usable();
  if (!failure.ok()) return failure;
  ParseMark& mark = state().parse_mark();
  switch (end_) {
    case End::kValue:
      if (consumed_ == 0) {
        mark.set(parser_, state().window().pos(), {.told_end = true});
      } else {
        state().consume(consumed_);
        mark.clear(parser_);
      }
      return true;
    case End::kClean:
      return false;
    case End::kError:
      return uring::annotate(parser_error(), state().where(error_at_));
    case End::kStuck:
      return absl::InternalError(absl::StrCat(state().where(), ": the parser makes no progress"));
    case End::kTooLong:
      return state().too_long("a message", max_message_);
    case End::kCutOff:
      return absl::DataLossError(
          absl::StrCat(state().where(), ": the stream ends within a message, of which ",
                       state().window().available(), " bytes are there"));
    case End::kNone:
      break;
  }
  return state().error();
}

}  // namespace bufio
