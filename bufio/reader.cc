#include "bufio/reader.h"

#include "absl/strings/str_cat.h"

namespace bufio {

Reader& Reader::operator=(Reader&& other) noexcept {
  if (this != &other) {
    if (state_) state_->reader_gone();
    state_ = std::move(other.state_);
  }
  return *this;
}

Reader::~Reader() {
  if (state_) state_->reader_gone();
}

absl::Status Reader::seek(uint64_t pos) {
  absl::Status usable = state().usable();
  if (!usable.ok()) return usable;
  if (!state().free())
    return absl::FailedPreconditionError("seek: another call waits, or an adaptor stands on it");
  absl::Status sought = state().seek(pos);
  if (sought.ok()) {
    state().clear_scan_mark();
    state().set_discarding_line(false);
  }
  return sought;
}

}  // namespace bufio
