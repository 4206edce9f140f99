#include "tests/sim/conformance.h"

#include <iostream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "uring/testing/choices.h"

namespace uring::testing {
namespace {

// A script whose tree is larger is walked in part.
constexpr int kMostModelRuns = 2000;

std::vector<SimKnobs> kinds_of_kernel() {
  SimKnobs cancels;
  cancels.any_order = true;
  cancels.steps_per_enter = 1;
  cancels.cancel_not_found_one_in = 2;
  cancels.cancel_already_one_in = 2;
  cancels.cancel_late_one_in = 2;
  cancels.cancel_eintr_one_in = 2;
  SimKnobs late;
  late.any_order = true;
  late.steps_per_enter = 1;
  late.inline_one_in = 2;
  late.pieces_one_in = 2;
  SimKnobs buffers;
  buffers.eager_buffers_one_in = 2;
  buffers.buffer_at_end_one_in = 2;
  buffers.buffer_with_error_one_in = 2;
  buffers.end_multishot_one_in = 2;
  SimKnobs zero_copy = late;
  zero_copy.copied_one_in = 2;
  zero_copy.bare_error_one_in = 2;
  return {SimKnobs{}, cancels, late, buffers, zero_copy};
}

}  // namespace

Outcomes model(const Script& script, unsigned setup_flags) {
  Outcomes outcomes;
  for (const SimKnobs& knobs : kinds_of_kernel()) {
    AllChoices choices;
    int runs = 0;
    do {
      SimWorld world(choices, knobs);
      script.run(world, setup_flags);
      outcomes.insert(world.said());
    } while (choices.next_run() && ++runs < kMostModelRuns);
  }
  return outcomes;
}

std::string plain_model(const Script& script, unsigned setup_flags) {
  SeededChoices choices(1);
  SimWorld world(choices, {});
  script.run(world, setup_flags);
  return world.said();
}

void compare(const Script& script) {
  struct Setup {
    const char* name;
    unsigned flags;
  };
  constexpr Setup kSetups[] = {
      {"plain", 0},
      {"cooperative", IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG},
      {"deferred", IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SINGLE_ISSUER},
  };
  int set_up = 0;
  for (const Setup& setup : kSetups) {
    SCOPED_TRACE(setup.name);
    {
      LinuxKernel kernel;
      RawRing probe(kernel, 8, setup.flags);
      if (probe.error() != 0) continue;
    }
    ++set_up;
    // What the defaults do is one of the things that the model allows.
    const Outcomes allowed =
        script.exact ? Outcomes{plain_model(script, setup.flags)} : model(script, setup.flags);
    Outcomes real;
    for (int run = 0; run < script.real_runs && !::testing::Test::HasFailure(); ++run) {
      RealWorld world;
      script.run(world, setup.flags);
      if (!world.why_not().empty()) GTEST_SKIP() << world.why_not();
      EXPECT_THAT(allowed, ::testing::Contains(world.said()));
      real.insert(world.said());
    }
    for (const std::string& outcome : real)
      std::cout << setup.name << ": " << outcome << " (of " << allowed.size() << " allowed)\n";
  }
  if (set_up == 0) GTEST_SKIP() << "io_uring is not available here";
}

}  // namespace uring::testing
