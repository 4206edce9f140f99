// benchmarks/abandoning_readers.h
//
// The library's contestants in the race of abandonment.h: what a user would write, with default
// options.

#ifndef BENCHMARKS_ABANDONING_READERS_H_
#define BENCHMARKS_ABANDONING_READERS_H_

#include <memory>

#include "benchmarks/abandonment.h"

namespace bench {

// A waiter gives up: the coroutine that waits is destroyed, and another one waits in its place. The
// read stays in flight, and the new call joins it.
std::unique_ptr<Contestant> destroyed_waiters(Scene& scene);

// A waiter gives up: its with_timeout has no time at all, once the read is in flight; then it waits
// again with an hour of time, as the others do.
std::unique_ptr<Contestant> timed_out_waiters(Scene& scene);

// It is not the waiter who goes but the Reader, and another one is made on a duplicate of the
// descriptor: the read is cancelled, and rests in the graveyard until the kernel is done with it.
std::unique_ptr<Contestant> dropped_readers(Scene& scene);

}  // namespace bench

#endif  // BENCHMARKS_ABANDONING_READERS_H_
