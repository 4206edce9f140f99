// uring/run_on_cores.h
//
// One Ring and one thread for each of several cores.
//
//   absl::Status status = run_on_cores(4, [&](Ring& ring, int core) { return serve(ring, core); });
//
// Runs `work(ring, core)` for each core number from 0 on: on a thread of its own, pinned to a
// processor of its own where there are enough, with a Ring of its own; core 0 is the calling
// thread. Returns when all have ended: OK, or the first error in order of the cores. A Ring that
// cannot be made, or a task that fails, does not end the others: request_stop of a std::stop_source
// that they watch does (stop.h), and such a failure does that by itself if it is handed in.
//
// `work` is called on each thread, concurrently. What it shares between cores it must guard itself;
// nothing of this library is shared between Rings.

#ifndef URING_RUN_ON_CORES_H_
#define URING_RUN_ON_CORES_H_

#include <functional>
#include <stop_token>

#include "absl/status/status.h"
#include "uring/options.h"
#include "uring/ring.h"
#include "uring/task.h"

namespace uring {

// How many processors this process may use.
int usable_cores();

// `cores`: 0 stands for usable_cores().
absl::Status run_on_cores(int cores, const std::function<Task<absl::Status>(Ring&, int)>& work,
                          const RingOptions& options = {},
                          std::stop_source stop = std::stop_source(std::nostopstate));

}  // namespace uring

#endif  // URING_RUN_ON_CORES_H_
