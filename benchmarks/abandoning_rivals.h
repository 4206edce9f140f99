// benchmarks/abandoning_rivals.h
//
// The best loops that we could write by hand for the race of abandonment.h.
//
// They have what a library must not assume: buffers, files and the ring itself registered, one
// buffer per stream that no message outgrows, a waiter that is no more than a flag, and an abort
// for every surprise.

#ifndef BENCHMARKS_ABANDONING_RIVALS_H_
#define BENCHMARKS_ABANDONING_RIVALS_H_

#include <memory>

#include "benchmarks/abandonment.h"

namespace bench {

// A waiter gives up: its read is cancelled, and its buffer is used again when both the cancel and
// the read have completed; bytes of a read that won are kept. All cancels of a round go in one
// system call, and are waited for in it. Then the reads are sent again, so that they are in flight
// when the message comes, as in life: a read that finds its message there is spared being armed and
// woken, more than a third of what a cancel costs.
std::unique_ptr<Contestant> raw_uring_waits(Scene& scene);

// A waiter gives up: nobody tells the kernel, and the read is there when it is wanted again. What
// the library does, by hand.
std::unique_ptr<Contestant> raw_uring_keeps(Scene& scene);

}  // namespace bench

#endif  // BENCHMARKS_ABANDONING_RIVALS_H_
