// tests/sim/outcomes.h
//
// All that a script can come to on the simulated kernel.

#ifndef TESTS_SIM_OUTCOMES_H_
#define TESTS_SIM_OUTCOMES_H_

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/sim/raw_ring.h"
#include "uring/testing/choices.h"
#include "uring/testing/sim_kernel.h"

namespace uring::testing {

using Outcomes = std::set<std::string>;

// "1:5", "2:ECANCELED": what a completion says, without its flags.
std::string to_text(const Completion& completion);
// "1:5 2:ECANCELED", oldest first.
std::string to_text(const std::vector<Completion>& completions);
// "EINVAL"; a number, where there is no name for it here.
std::string errno_text(int error);

// Runs `script` with every sequence of choices that these knobs leave.
Outcomes every_outcome(const SimKnobs& knobs, const std::function<std::string(SimKernel&)>& script);

}  // namespace uring::testing

#endif  // TESTS_SIM_OUTCOMES_H_
