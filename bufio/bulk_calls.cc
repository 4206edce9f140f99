#include "bufio/bulk_calls.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"

namespace bufio {

// --- skip ----------------------------------------------------------------------------------------

bool SkipCall::satisfied() {
  for (;;) {
    auto step =
        static_cast<size_t>(std::min<uint64_t>(state().window().available(), count_ - skipped_));
    state().consume(step);
    skipped_ += step;
    if (skipped_ == count_ || state().final()) return true;
    uint64_t passed = state().skip_ahead(count_ - skipped_);
    if (passed == 0) return false;
    skipped_ += passed;
  }
}

absl::StatusOr<uint64_t> SkipCall::await_resume() {
  absl::Status failure = finish();
  if (!failure.ok()) return failure;
  if (skipped_ < count_ && !state().error().ok()) return state().error();
  return skipped_;
}

// --- read_exact ----------------------------------------------------------------------------------

bool ReadExactCall::satisfied() {
  // What fits the buffer is taken in one piece, at the end; more than that, as it comes.
  Window& window = state().window();
  if (into_.size() - taken_ > window.available() && into_.size() <= state().max_buffer_size())
    return state().final();
  size_t step = std::min(window.available(), into_.size() - taken_);
  if (step > 0) std::memcpy(into_.data() + taken_, window.cursor(), step);
  window.consume(step);
  taken_ += step;
  return taken_ == into_.size() || state().final();
}

void ReadExactCall::put_back() {
  size_t taken = std::exchange(taken_, 0);
  if (taken > 0 && !state().closed())
    state().window().unread(std::string_view(into_.data(), taken), state().buffers());
}

absl::Status ReadExactCall::await_resume() {
  absl::Status failure = finish();
  if (failure.ok() && taken_ == into_.size()) {
    taken_ = 0;
    return absl::OkStatus();
  }
  put_back();
  if (!failure.ok()) return failure;
  failure = state().usable();
  if (!failure.ok()) return failure;
  if (!state().error().ok()) return state().error();
  size_t left = state().window().available();
  if (left == 0)
    return absl::OutOfRangeError(absl::StrCat(state().where(), ": the end of the stream"));
  return absl::DataLossError(absl::StrCat(state().where(), ": the stream ends after ", left, " of ",
                                          into_.size(), " bytes"));
}

// --- read_to_end ---------------------------------------------------------------------------------

bool ReadToEndCall::satisfied() { return state().final() || state().window().available() > limit_; }

absl::StatusOr<std::string> ReadToEndCall::await_resume() {
  absl::Status failure = finish();
  if (!failure.ok()) return failure;
  failure = state().usable();
  if (!failure.ok()) return failure;
  std::string_view view = state().window().view();
  if (view.size() > limit_) return state().too_long("the rest of the stream", limit_);
  if (!state().error().ok()) return state().error();
  std::string rest(view);
  state().consume(view.size());
  return rest;
}

}  // namespace bufio
