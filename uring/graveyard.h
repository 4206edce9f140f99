// uring/graveyard.h
//
// Operations whose owner is gone but which the kernel still works on.
//
// A destructor cannot wait for a request's terminal completion. So whoever lets go of an operation
// in flight leaves it to the Ring (RingCore::abandon), which buries it here and asks the kernel to
// cancel it; when the terminal completion arrives the Ring drops the last reference and the
// orphan's memory and descriptor are freed.
//
// Counts and lists; owns nothing (the Ring's table does). Belongs to one Ring.

#ifndef URING_GRAVEYARD_H_
#define URING_GRAVEYARD_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "uring/operation.h"

namespace uring {

// One orphan, as a Ring lists it.
struct Orphan {
  std::string what;              // "read log.txt"
  std::chrono::nanoseconds age;  // since its owner left
  size_t pinned_bytes;           // memory that it keeps from being freed
};

class Graveyard {
 public:
  // Takes an operation in flight in. No system call, no allocation.
  void bury(Operation& operation, TimePoint now);
  // Its terminal completion has arrived.
  void exhume(Operation& operation);

  size_t size() const { return size_; }
  size_t pinned_bytes() const { return pinned_bytes_; }
  // Never, of an empty one.
  bool pins_at_least(size_t bytes) const { return pinned_bytes_ >= bytes && size_ > 0; }
  size_t max_size() const { return max_size_; }
  uint64_t buried() const { return buried_; }
  // Oldest first. Allocates.
  std::vector<Orphan> list(TimePoint now) const;

 private:
  List<Operation, OrphanTag> orphans_;
  size_t size_ = 0;
  size_t pinned_bytes_ = 0;
  size_t max_size_ = 0;
  uint64_t buried_ = 0;
};

}  // namespace uring

#endif  // URING_GRAVEYARD_H_
