// tests/simulate/real_system.h
//
// The real kernel, with a clock that the test moves, reads of files that bring less than they could
// or are interrupted, and memory that the kernel cannot touch once it was given back.

#ifndef TESTS_SIMULATE_REAL_SYSTEM_H_
#define TESTS_SIMULATE_REAL_SYSTEM_H_

#include <memory>

#include "tests/simulate/system.h"
#include "uring/testing/choices.h"

namespace bufio::simulate {

// `choices`, which must outlive it, decide on the plague; `plain`: there is none.
std::unique_ptr<System> make_real_system(uring::testing::Choices& choices, bool plain);

}  // namespace bufio::simulate

#endif  // TESTS_SIMULATE_REAL_SYSTEM_H_
