// bufio/testing/run_at_once.h
//
// A task that need not wait for anything, run without a Ring.

#ifndef BUFIO_TESTING_RUN_AT_ONCE_H_
#define BUFIO_TESTING_RUN_AT_ONCE_H_

#include <coroutine>
#include <utility>

#include "uring/as_task.h"
#include "uring/check.h"
#include "uring/task.h"

namespace bufio::testing {

// Its result. That it waits is a checked failure: Readers over memory (bufio/memory.h) and over
// scripted sources without stalls never do.
template <class A>
auto run_at_once(A&& awaitable) {
  class Nobody final : public uring::TaskObserver {
    std::coroutine_handle<> task_ended() noexcept override { return std::noop_coroutine(); }
  };
  Nobody nobody;
  auto task = uring::as_task(std::forward<A>(awaitable));
  URING_CHECK(task.start(nobody), "a task that was to run at once waits");
  return task.result();
}

}  // namespace bufio::testing

#endif  // BUFIO_TESTING_RUN_AT_ONCE_H_
