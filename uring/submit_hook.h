// uring/submit_hook.h
//
// Somebody who has something to send, and waits with it until the loop's turn is over.
//
// What one turn's coroutines produce piece by piece can go to the kernel as one request, if whoever
// gathers it is asked right before the Ring hands over what is queued. A hook is asked once each
// time it was hooked in (RingCore::before_submit), and leaves the Ring's list by itself when it is
// destroyed.
//
// Belongs to one Ring and its thread. Costs two stores to hook in, and no system call.

#ifndef URING_SUBMIT_HOOK_H_
#define URING_SUBMIT_HOOK_H_

#include "uring/list.h"

namespace uring {

struct SubmitHookTag;

class SubmitHook : public ListNode<SubmitHookTag> {
 public:
  // Queue what you have. It is unhooked already; whoever hooks in from here is asked in the same
  // round, so none may do so again and again.
  virtual void about_to_submit() = 0;

 protected:
  ~SubmitHook() = default;
};

using SubmitHooks = List<SubmitHook, SubmitHookTag>;

}  // namespace uring

#endif  // URING_SUBMIT_HOOK_H_
