#include "bufio/positioned_source.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "bufio/descriptor_calls.h"
#include "uring/status.h"

namespace bufio {

PositionedSource::PositionedSource(uring::Ref<uring::RingCore> ring,
                                   uring::Ref<uring::Descriptor> descriptor,
                                   const uring::DescriptorKind& kind, const ReaderOptions& options)
    : ReaderState(std::move(ring), options),
      next_position_(kind.offset),
      descriptor_(std::move(descriptor)),
      kind_(kind) {
  if (kind.error != 0) set_error(uring::errno_status(kind.error, "fstat", descriptor_->name()));
  if (positional()) window().clear(kind.offset);
}

absl::StatusOr<uint64_t> PositionedSource::size() {
  if (!positional()) return ReaderState::size();
  return size_of(*descriptor_);
}

void PositionedSource::go_to(uint64_t pos) {
  drop_reads();
  window().clear(pos);
  next_position_ = pos;
}

absl::Status PositionedSource::seek(uint64_t pos) {
  if (!positional()) return ReaderState::seek(pos);
  if (pos > static_cast<uint64_t>(INT64_MAX) - largest_read()) {
    return absl::OutOfRangeError("seek: beyond the largest file offset");
  }
  if (!error().ok()) return error();
  if (pos >= window().pos() && pos <= window().end_pos()) {
    window().advance_to(pos);
    window().expire_views();
    return absl::OkStatus();
  }
  go_to(pos);
  set_ended(false);
  return absl::OkStatus();
}

uint64_t PositionedSource::skip_ahead(uint64_t n) {
  if (!positional() || n < largest_read()) return 0;
  absl::StatusOr<uint64_t> end = size();
  uint64_t pos = window().pos();
  if (!end.ok() || *end <= pos) return 0;
  uint64_t passed = std::min(n, *end - pos);
  go_to(pos + passed);
  return passed;
}

uring::Ref<uring::Descriptor> PositionedSource::take_descriptor() {
  if (in_flight()) {
    // The Ring cannot go on: the requests keep the descriptor, for ever.
    set_error(uring::annotate(ring()->status(), where()));
    return nullptr;
  }
  // Whoever reads on from the descriptor finds what is behind the bytes that we hand out.
  if (positional()) lseek(descriptor_->fd(), static_cast<off_t>(window().end_pos()), SEEK_SET);
  drop_operations();
  return give_away(descriptor_);
}

}  // namespace bufio
