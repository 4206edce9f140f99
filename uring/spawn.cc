#include "uring/spawn.h"

#include <utility>

#include "uring/detached.h"
#include "uring/ring_core.h"

namespace uring {
namespace {

Detached run_detached(Task<void> task) { co_await std::move(task); }

}  // namespace

void spawn(Ring& ring, Task<void> task) {
  RingCore& core = ring.core();
  core.check_thread("spawn");
  if (core.closed()) return;
  Detached::promise_type& promise = run_detached(std::move(task)).promise();
  core.spawned().add(promise);
  core.make_ready(promise.waiter());
}

}  // namespace uring
