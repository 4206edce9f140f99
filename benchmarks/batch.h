// benchmarks/batch.h
//
// How Google Benchmark is run here: repetitions interleaved at random, so that a noisy neighbour
// hits all contestants alike.

#ifndef BENCHMARKS_BATCH_H_
#define BENCHMARKS_BATCH_H_

#include "benchmarks/scoreboard.h"

namespace bench {

// Takes the program's arguments; those of Google Benchmark override our defaults. Does not return
// if one of them is unknown.
void initialize(int argc, char** argv);

// Runs everything that was registered since the last batch.
void run_batch(Scoreboard& scoreboard);

}  // namespace bench

#endif  // BENCHMARKS_BATCH_H_
