// uring/run_scope.h
//
// Marks a run loop as running on this thread, to catch whoever runs it again from inside.
//
// A coroutine that blocked on its own Ring would keep the loop from resuming the coroutine itself,
// and every coroutine below it on the stack. Another Ring of the same thread may run inside.

#ifndef URING_RUN_SCOPE_H_
#define URING_RUN_SCOPE_H_

#include <string_view>

namespace uring {

class RunScope {
 public:
  // A checked failure that names `what` if a scope of the same loop is open on this thread.
  RunScope(const void* loop, std::string_view what);
  RunScope(const RunScope&) = delete;
  RunScope& operator=(const RunScope&) = delete;
  ~RunScope();

 private:
  const void* loop_;
  const RunScope* outer_;
};

}  // namespace uring

#endif  // URING_RUN_SCOPE_H_
