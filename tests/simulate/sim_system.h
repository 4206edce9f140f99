// tests/simulate/sim_system.h
//
// The simulated kernel, with knobs turned at random, and memory that it watches.

#ifndef TESTS_SIMULATE_SIM_SYSTEM_H_
#define TESTS_SIMULATE_SIM_SYSTEM_H_

#include <memory>

#include "tests/simulate/system.h"
#include "uring/testing/choices.h"
#include "uring/testing/sim_knobs.h"

namespace bufio::simulate {

// `choices`, which must outlive it, decide on the knobs and on all that the kernel does; `plain`:
// the knobs stay where they are.
std::unique_ptr<System> make_sim_system(uring::testing::Choices& choices, bool plain);

// The same with these knobs.
std::unique_ptr<System> make_sim_system(uring::testing::Choices& choices,
                                        const uring::testing::SimKnobs& knobs);

}  // namespace bufio::simulate

#endif  // TESTS_SIMULATE_SIM_SYSTEM_H_
