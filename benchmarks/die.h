// benchmarks/die.h
//
// Ends the benchmark when the machine does not play along: no disk space, no file, no ring.
//
// A figure taken after an error that was ignored is worse than none.

#ifndef BENCHMARKS_DIE_H_
#define BENCHMARKS_DIE_H_

#include <string_view>

namespace bench {

// Prints "benchmark: WHAT: strerror(ERROR)" to stderr, without the last part if `error` is 0, and
// exits with 1.
[[noreturn]] void die(std::string_view what, int error);

}  // namespace bench

#endif  // BENCHMARKS_DIE_H_
