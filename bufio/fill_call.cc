#include "bufio/fill_call.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace bufio {

bool FillRequestForBytes::satisfied() {
  return state().window().available() >= total_ || state().final() ||
         total_ > state().max_buffer_size();
}

absl::StatusOr<std::string_view> FillRequestForBytes::result() {
  absl::Status failure = finish();
  if (!failure.ok()) return failure;
  if (state().closed()) return state().usable();
  std::string_view view = state().window().view();
  bool exact = at_end_ == AtEnd::kError;
  if (view.size() >= total_) return exact ? view.substr(0, total_) : view;
  if (!state().error().ok()) return state().error();
  if (!state().final())
    return state().too_long("what the call asks for", state().max_buffer_size());
  if (!exact) return view;
  if (view.empty())
    return absl::OutOfRangeError(absl::StrCat(state().where(), ": the end of the stream"));
  return absl::DataLossError(absl::StrCat(state().where(), ": the stream ends after ", view.size(),
                                          " of ", total_, " bytes"));
}

}  // namespace bufio
