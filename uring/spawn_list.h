// uring/spawn_list.h
//
// The detached tasks of one Ring (see spawn.h), so that its teardown can destroy them.
//
// A spawned coroutine frees itself at its end and leaves the list by that; what has not come to its
// end goes with destroy_all().

#ifndef URING_SPAWN_LIST_H_
#define URING_SPAWN_LIST_H_

#include <coroutine>

#include "uring/list.h"

namespace uring {

struct SpawnTag;

// Part of a detached coroutine's frame.
class Spawned : public ListNode<SpawnTag> {
 protected:
  explicit Spawned(std::coroutine_handle<> frame) : frame_(frame) {}
  ~Spawned() = default;

 private:
  friend class SpawnList;
  std::coroutine_handle<> frame_;
};

class SpawnList {
 public:
  SpawnList() = default;
  SpawnList(const SpawnList&) = delete;
  SpawnList& operator=(const SpawnList&) = delete;
  ~SpawnList() { destroy_all(); }

  bool empty() const { return spawned_.empty(); }
  // The list now owns the coroutine that `spawned` is part of.
  void add(Spawned& spawned) { spawned_.push_back(spawned); }
  // Destroys the coroutines, none of which may be running, oldest first; also those that are added
  // meanwhile.
  void destroy_all() {
    while (Spawned* spawned = spawned_.pop_front()) spawned->frame_.destroy();
  }

 private:
  List<Spawned, SpawnTag> spawned_;
};

}  // namespace uring

#endif  // URING_SPAWN_LIST_H_
