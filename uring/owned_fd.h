// uring/owned_fd.h
//
// A file descriptor with one owner, closed in the destructor.

#ifndef URING_OWNED_FD_H_
#define URING_OWNED_FD_H_

#include <utility>

#include "uring/descriptor.h"
#include "uring/ref.h"

namespace uring {

class OwnedFd {
 public:
  // None.
  OwnedFd() = default;
  // Takes over the only share in a descriptor; one that was borrowed is not closed.
  explicit OwnedFd(Ref<Descriptor> descriptor) : descriptor_(std::move(descriptor)) {}

  explicit operator bool() const { return static_cast<bool>(descriptor_); }
  // The number, or -1.
  int get() const { return descriptor_ ? descriptor_->fd() : -1; }
  // Gives the number away: the caller closes it. Of what somebody shares, such as the other half of
  // a Stream, it is a duplicate, for they go on with theirs; -1 with errno if there can be none.
  int release() { return descriptor_ ? descriptor_->release() : -1; }
  // Gives the descriptor away, to who shares it: its last share closes it, unless it was borrowed.
  Ref<Descriptor> take() { return std::move(descriptor_); }

 private:
  Ref<Descriptor> descriptor_;
};

}  // namespace uring

#endif  // URING_OWNED_FD_H_
