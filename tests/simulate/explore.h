// tests/simulate/explore.h
//
// Runs the programs of many seeds, in processes of their own, so that one that ends its process or
// never ends is a failure like any other.
//
// A failing program is shrunk, each attempt in a fresh process too, and shown step by step with the
// line that runs it again.

#ifndef TESTS_SIMULATE_EXPLORE_H_
#define TESTS_SIMULATE_EXPLORE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/simulate/program.h"

namespace bufio::simulate {

struct ExploreOptions {
  uint64_t first_seed = 1;
  uint64_t seeds = 1000;
  KernelKind kernel = KernelKind::kSim;
  std::optional<Plot> plot;  // none: each seed its own
  unsigned jobs = 1;         // processes at a time
  double seconds = 0;        // begin no more programs after this time; 0: no limit
  size_t max_failures = 10;  // and not after so many failures
  Sabotage sabotage;         // for tests of the tests
};

struct Failure {
  uint64_t seed = 0;
  std::string what;
  Program shrunk;
  // The steps of the shrunk program, and the line to run the seed again.
  std::string report;
};

struct Explored {
  uint64_t passed = 0;
  std::vector<Failure> failures;
  double seconds = 0;
};

// Threads: none but the caller's may be running.
Explored explore(const ExploreOptions& options);

// Runs one program in a process of its own: what went wrong, the end of the process included, or
// nothing. `trace`: where the lines of its trace go, if anywhere.
std::string run_apart(const Program& program, const Sabotage& sabotage, std::string* trace);

// The line to run a program again.
std::string line_to_run_again(const Program& program, bool plot_given);

}  // namespace bufio::simulate

#endif  // TESTS_SIMULATE_EXPLORE_H_
