// benchmarks/allocations.h
//
// Counts operator new, for the whole program that links this.

#ifndef BENCHMARKS_ALLOCATIONS_H_
#define BENCHMARKS_ALLOCATIONS_H_

#include <cstdint>

namespace bench {

// How often memory was asked of operator new, in any form, on any thread, since the program
// started.
uint64_t allocations();

}  // namespace bench

#endif  // BENCHMARKS_ALLOCATIONS_H_
