#include "bufio/hand_over.h"

#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "uring/buffer.h"
#include "uring/piece.h"
#include "uring/sanitizer.h"

namespace bufio {

bool HandOverRequest::shares(const ReaderState& from, size_t size, const WriterState& to) {
  // Under AddressSanitizer bytes that were consumed must not be looked at any more once the Reader
  // is asked again, and a sink of the user's may do so.
  if (uring::kAddressSanitizer && !to.writes_to_descriptor()) return false;
  const uring::Ref<uring::Buffer>& buffer = from.window().buffer();
  // All that is in the buffer, to a Writer that has none: it would be one more to take and to give
  // back, and the Reader has no more use for this one.
  bool whole = size > 0 && size == from.window().available() && to.queue().unwritten() == 0;
  return (whole || size >= to.copy_below()) && buffer && buffer->may_be_kept();
}

bool HandOverRequest::satisfied() {
  bool waited = waiting();
  while (left_ > 0) {
    if (!state().error().ok()) return false;
    lost_ = from_->window().available() < left_;
    if (lost_) return true;
    std::string_view view = from_->window().view().substr(0, left_);
    if (shares(*from_, left_, state())) {
      if (!state().room_for_owned(left_, waited)) return false;
      state().accept(uring::Piece{view.data(), view.size(), from_->window().buffer(), nullptr});
    } else if (left_ <= state().high_water()) {
      if (!state().room_for(left_, waited)) return false;
      state().accept(view);
    } else {
      view = view.substr(0, state().accept_some(view, waited));
      if (view.empty()) return false;
    }
    waited = false;
    from_->consume(view.size());
    left_ -= view.size();
    moved_ += view.size();
    behind_ = view.data() + view.size();
  }
  return true;
}

void HandOverRequest::put_back(size_t size) {
  if (size == 0 || from_->closed()) return;
  from_->window().unread(std::string_view(behind_ - size, size), from_->buffers());
}

absl::Status HandOverRequest::result() {
  absl::Status failure = finish();
  if (!failure.ok() || !lost_) return failure;
  return absl::FailedPreconditionError(absl::StrCat(
      from_->where(), ": hand_over: what was to be handed over was consumed meanwhile"));
}

}  // namespace bufio
