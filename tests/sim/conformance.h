// tests/sim/conformance.h
//
// Runs a script in both worlds, and compares.

#ifndef TESTS_SIM_CONFORMANCE_H_
#define TESTS_SIM_CONFORMANCE_H_

#include <functional>

#include "tests/sim/outcomes.h"
#include "tests/sim/world.h"

namespace uring::testing {

struct Script {
  const char* name;
  std::function<void(World& world, unsigned setup_flags)> run;
  // The real kernel has no choice here (or never takes another one), so the simulated one, left to
  // its defaults, does the very same.
  bool exact = true;
  // Of the real kernel, for each way of setting a ring up.
  int real_runs = 10;
};

// All that the simulated kernel may do with it.
Outcomes model(const Script& script, unsigned setup_flags);
// What it does when it behaves.
std::string plain_model(const Script& script, unsigned setup_flags);

// Runs it a few times in the real world for each way of setting a ring up, and fails the test if
// what was seen is not what the model allows. Skips the test, with the reason, if it cannot be run
// here.
void compare(const Script& script);

}  // namespace uring::testing

#endif  // TESTS_SIM_CONFORMANCE_H_
