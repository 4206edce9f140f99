// uring/descriptor.h
//
// A file descriptor with shares in it.
//
// The number of a closed descriptor is given to the next file that is opened. A request that still
// names the old number would then reach a stranger's file, so whoever may be in flight holds a
// share, and the descriptor is closed when the last share goes: that is after the terminal
// completion of the last request that names it.

#ifndef URING_DESCRIPTOR_H_
#define URING_DESCRIPTOR_H_

#include <string>

#include "uring/frame_allocator.h"
#include "uring/ref.h"

namespace uring {

class Descriptor final : public RefCounted<Descriptor>, public RecycledObject {
 public:
  enum class Ownership { kOwned, kBorrowed };

  // `name` is what errors call it: a path, or empty for "fd N". Borrowed descriptors (stdin, say)
  // are never closed.
  explicit Descriptor(int fd, Ownership ownership = Ownership::kOwned, std::string name = "");
  ~Descriptor();

  int fd() const { return fd_; }
  const std::string& name() const { return name_; }

  // Gives the number away: the destructor will not close it any more. While others share this, they
  // keep it, and what is given away is a duplicate (dup(2)): -1 and errno if there can be none.
  int release();
  // Closes now and says how it went: 0, or the errno of close(2). Only while nothing in flight
  // names it.
  int close();

 private:
  int fd_;
  bool owned_;
  std::string name_;
};

}  // namespace uring

#endif  // URING_DESCRIPTOR_H_
