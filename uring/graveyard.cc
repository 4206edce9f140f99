#include "uring/graveyard.h"

#include <algorithm>

namespace uring {

void Graveyard::bury(Operation& operation, TimePoint now) {
  operation.orphaned_at_ = now;
  orphans_.push_back(operation);
  pinned_bytes_ += operation.pinned_bytes();
  max_size_ = std::max(max_size_, ++size_);
  ++buried_;
}

void Graveyard::exhume(Operation& operation) {
  static_cast<ListNode<OrphanTag>&>(operation).unlink();
  pinned_bytes_ -= operation.pinned_bytes();
  --size_;
}

std::vector<Orphan> Graveyard::list(TimePoint now) const {
  std::vector<Orphan> orphans;
  orphans_.for_each([&](Operation& operation) {
    orphans.push_back(
        {operation.describe(), now - operation.orphaned_at_, operation.pinned_bytes()});
  });
  return orphans;
}

}  // namespace uring
