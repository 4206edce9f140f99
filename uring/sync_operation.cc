#include "uring/sync_operation.h"

#include <cerrno>
#include <utility>

#include "uring/ring_core.h"

namespace uring {

SyncOperation::SyncOperation(Ref<RingCore> ring, Ref<Descriptor> descriptor, bool data_only,
                             Observer& observer)
    : ring_(std::move(ring)),
      descriptor_(std::move(descriptor)),
      observer_(&observer),
      data_only_(data_only) {}

void SyncOperation::sync() {
  io_uring_prep_fsync(&blank_sqe(), descriptor_->fd(), data_only_ ? IORING_FSYNC_DATASYNC : 0);
  ring_->start(*this);
}

void SyncOperation::let_go() {
  observer_ = nullptr;
  ring_->abandon(*this);
}

void SyncOperation::completed(int32_t result, uint32_t /*flags*/, bool /*terminal*/) {
  if (result == -EINTR && !cancel_requested() && !orphaned()) return sync();
  result_ = result;
  descriptor_.reset();
  if (observer_ != nullptr) observer_->sync_completed(*this);
}

void SyncOperation::stranded() {
  if (observer_ != nullptr) observer_->sync_stranded(*this);
}

std::string SyncOperation::describe() const {
  return "fsync " + (descriptor_ ? descriptor_->name() : std::string());
}

}  // namespace uring
