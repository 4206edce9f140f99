// uring/waiter.h
//
// A suspended coroutine that waits for the run loop to resume it.
//
// Lives inside an awaiter, hence in the frame of the coroutine that waits. States:
//   idle      handle null or set, not linked: nobody will resume it until somebody calls
//   RingCore::make_ready ready     linked in the Ring's ready queue: resumed in a coming turn
// Destroying the frame destroys the Waiter, which leaves the queue by itself; so a destroyed
// coroutine is never resumed.

#ifndef URING_WAITER_H_
#define URING_WAITER_H_

#include <coroutine>

#include "uring/list.h"

namespace uring {

struct ReadyTag;

class Waiter : public ListNode<ReadyTag> {
 public:
  Waiter() = default;

  void set_handle(std::coroutine_handle<> handle) { handle_ = handle; }
  std::coroutine_handle<> handle() const { return handle_; }
  bool ready() const { return linked(); }

 private:
  std::coroutine_handle<> handle_;
};

using ReadyQueue = List<Waiter, ReadyTag>;

}  // namespace uring

#endif  // URING_WAITER_H_
