// uring/spawn.h
//
// Starts a task that nobody awaits.
//
//   outcomes  none: report through what the task shares with others. An exception that leaves it
//             ends the process.
//   cost      a coroutine frame besides the task's own
//   owns      the Ring; the task is freed at its end, or destroyed with the Ring. On a Ring that
//             was destroyed already it is destroyed at once, without having run.
//   cancel    only by destroying the Ring; await the task in a scope of yours if you need more
//
// It starts in the Ring's next turn, behind everything that is ready, and not before spawn returns.

#ifndef URING_SPAWN_H_
#define URING_SPAWN_H_

#include "uring/ring.h"
#include "uring/task.h"

namespace uring {

void spawn(Ring& ring, Task<void> task);

}  // namespace uring

#endif  // URING_SPAWN_H_
