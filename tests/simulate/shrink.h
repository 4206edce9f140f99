// tests/simulate/shrink.h
//
// Makes a failing program smaller, by leaving things out while it still fails.

#ifndef TESTS_SIMULATE_SHRINK_H_
#define TESTS_SIMULATE_SHRINK_H_

#include <functional>

#include "tests/simulate/program.h"

namespace bufio::simulate {

// Whether a program fails, in whatever way.
using Fails = std::function<bool(const Program&)>;

// The smallest that was found among at most `attempts` programs: with fewer steps (first halves of
// them are left out, then quarters, in the end single ones), without actors that do nothing, with a
// plain kernel, without winding up. `program` fails.
Program shrink(Program program, const Fails& fails, size_t attempts = 2000);

}  // namespace bufio::simulate

#endif  // TESTS_SIMULATE_SHRINK_H_
