#include "bufio/write_calls.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace bufio {
namespace {

using CordHeld = uring::HeldValue<absl::Cord>;

}  // namespace

// All or nothing, while that is possible.
bool AcceptRequest::satisfied() {
  size_t total = 0;
  for (std::string_view part : parts_) total += part.size();
  if (total <= state().high_water()) {
    if (!state().room_for(total, waiting())) return false;
    for (std::string_view part : parts_) state().accept(part);
    return true;
  }
  bool waited = waiting();
  for (; part_ < parts_.size(); ++part_, done_ = 0) {
    std::string_view rest = parts_[part_].substr(done_);
    size_t accepted = state().accept_some(rest, waited);
    done_ += accepted;
    if (accepted < rest.size()) return false;
    waited = false;
  }
  return true;
}

bool OwnedRequest::satisfied() {
  if (piece_.size < state().copy_below() && piece_.size <= state().high_water()) {
    if (!state().room_for(piece_.size, waiting())) return false;
    state().accept(std::string_view(piece_.data, piece_.size));
  } else {
    if (!state().room_for_owned(piece_.size, waiting())) return false;
    if (piece_.size > 0) state().accept(std::move(piece_));
  }
  return true;
}

bool CordRequest::satisfied() {
  if (!state().room_for_owned(cord_.size(), waiting())) return false;
  // The chunks stay where they are while somebody has a share in them; those of a small Cord are
  // within the object itself.
  uring::Ref<CordHeld> held;
  if (cord_.size() >= state().copy_below()) held = uring::make_ref<CordHeld>(cord_);
  for (absl::string_view chunk : held ? held->value().Chunks() : cord_.Chunks()) {
    if (chunk.size() < state().copy_below()) {
      state().accept(std::string_view(chunk.data(), chunk.size()));
    } else {
      state().accept(uring::Piece{chunk.data(), chunk.size(), nullptr, held});
    }
  }
  return true;
}

bool FileRequest::satisfied() {
  if (!state().writes_to_descriptor()) return true;
  if (!state().room_for_owned(range_.size, waiting())) return false;
  if (range_.size > 0) state().accept(std::move(range_));
  return true;
}

absl::Status FileRequest::result() {
  absl::Status failure = finish();
  if (!failure.ok() || state().writes_to_descriptor()) return failure;
  return absl::InvalidArgumentError(
      absl::StrCat(state().where(), ": ranges of files are for Writers to descriptors"));
}

bool RoomRequest::satisfied() {
  return size_ > state().high_water() || state().make_room(size_, waiting());
}

absl::StatusOr<std::span<char>> RoomRequest::result() {
  absl::Status failure = finish();
  if (!failure.ok()) return failure;
  if (size_ > state().high_water()) {
    return absl::ResourceExhaustedError(absl::StrCat(state().where(), ": reserving ", size_,
                                                     " bytes exceeds the high-water mark of ",
                                                     state().high_water()));
  }
  return state().reserved();
}

}  // namespace bufio
