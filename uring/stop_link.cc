#include "uring/stop_link.h"

namespace uring {

absl::Status StopLink::arm(RingCore& core, std::stop_token token) {
  disarm();
  if (!token.stop_possible()) return absl::OkStatus();
  absl::StatusOr<Poster> poster = Poster::create(core);
  if (!poster.ok()) return poster.status();
  poster_ = *std::move(poster);
  callback_.emplace(std::move(token), Tell{this});
  return absl::OkStatus();
}

// When the callback's destructor has returned, nobody will post any more; what was posted is taken
// back.
void StopLink::disarm() {
  if (!callback_) return;
  callback_.reset();
  poster_.take_back(*this);
  poster_ = Poster();
}

void StopLink::run() {
  callback_.reset();
  poster_ = Poster();
  stopped();
}

}  // namespace uring
