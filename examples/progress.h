// examples/progress.h
//
// One line on a terminal that says how far a job is and how fast it goes.
//
// A coroutine that sleeps, draws and sleeps again: run it beside the work with when_any, which
// destroys it when the work is done. The line is erased with it.

#ifndef EXAMPLES_PROGRESS_H_
#define EXAMPLES_PROGRESS_H_

#include <cstdint>
#include <string>

#include "uring/ring.h"
#include "uring/task.h"

namespace tool {

struct Progress {
  uint64_t bytes = 0;           // read so far
  uint64_t expected_bytes = 0;  // as far as sizes are known; 0: unknown
  uint64_t inputs = 0;          // counted so far
  uint64_t all_inputs = 0;
};

// "1.5 GB of 4.0 GB, 2.9 GB/s, 3 of 8 inputs"
std::string describe(const Progress& progress, double seconds);

// "512 B", "4.2 MB": powers of ten.
std::string human_bytes(double bytes);

// Draws `progress` on standard error from the end of the first second on, for ever. `progress` must
// outlive it.
uring::Task<void> show_progress(uring::Ring& ring, const Progress& progress);

}  // namespace tool

#endif  // EXAMPLES_PROGRESS_H_
