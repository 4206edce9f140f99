// benchmarks/groups.h
//
// The groups of contestants, one source file each. Each function registers its group with Google
// Benchmark and must be given a corpus that outlives the run.

#ifndef BENCHMARKS_GROUPS_H_
#define BENCHMARKS_GROUPS_H_

#include <cstddef>

#include "benchmarks/corpus.h"

namespace bench {

// The best of 32 KiB to 1 MiB for a cached file, for read(2) and for io_uring alike: few calls, and
// still at home in a second-level cache of 1 MiB.
inline constexpr size_t kCachedPiece = size_t{512} << 10;

void add_count(const Corpus& corpus);
void add_lines(const Corpus& corpus);
void add_pipe(const Corpus& corpus);
void add_hit();

// Changes how the page cache holds the file, so it must not share a batch with the others.
void add_cold(const Corpus& corpus);

}  // namespace bench

#endif  // BENCHMARKS_GROUPS_H_
