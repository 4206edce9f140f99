// uring/block_on.h
//
// The way into the world of coroutines: runs a Ring until one task has ended.
//
//   int lines = block_on(ring, count_lines(ring, path));
//
//   outcomes  the task's result; its exception passes through
//   cost      the run loop's turns: at most one system call each
//   cancel    nobody can: the thread is here until the task has ended. Tasks that were spawned run
//             meanwhile, and stay with the Ring if they have not ended.
//
// Within a coroutine of the same Ring it is a checked failure: `co_await` there. Waiting for
// something that nothing in flight can bring is one, too.

#ifndef URING_BLOCK_ON_H_
#define URING_BLOCK_ON_H_

#include <coroutine>
#include <utility>

#include "uring/as_task.h"
#include "uring/ref.h"
#include "uring/ring.h"
#include "uring/ring_core.h"
#include "uring/run_scope.h"
#include "uring/task.h"

namespace uring {
namespace internal {

// Resumes nobody: block_on looks for itself.
class BlockOnObserver final : public TaskObserver {
  std::coroutine_handle<> task_ended() noexcept override { return std::noop_coroutine(); }
};

}  // namespace internal

template <class A>
typename AsTask<A>::value_type block_on(Ring& ring, A&& awaitable) {
  const Ref<RingCore> core(&ring.core());
  core->check_thread("block_on");
  const RunScope scope(core.get(), "block_on");
  internal::BlockOnObserver observer;
  auto task = as_task(std::forward<A>(awaitable));
  if (!task.start(observer)) {
    while (!task.ended()) core->turn();
  }
  return task.result();
}

}  // namespace uring

#endif  // URING_BLOCK_ON_H_
