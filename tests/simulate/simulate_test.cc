// Random programs on both kernels, a fixed number of each kind; and whether all that would notice
// if something were wrong.
//
// BUFIO_SIMULATE_SEED=n begins elsewhere. More of them: bazel run -c opt //tests:simulate

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/simulate/explore.h"
#include "tests/simulate/program.h"
#include "tests/simulate/tampering.h"
#include "uring/sanitizer.h"

namespace bufio::simulate {
namespace {

uint64_t first_seed() {
  const char* given = std::getenv("BUFIO_SIMULATE_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
}

// Instrumented code is slower by as much.
constexpr uint64_t kSlowdown = uring::kAddressSanitizer ? 8 : 1;

void run_programs(KernelKind kernel, Plot plot, uint64_t seeds) {
  ExploreOptions options;
  options.first_seed = first_seed();
  options.seeds = seeds / kSlowdown;
  options.kernel = kernel;
  options.plot = plot;
  options.max_failures = 3;
  std::cout << options.seeds << " seeds from " << options.first_seed << std::endl;
  const Explored explored = explore(options);
  for (const Failure& failure : explored.failures) ADD_FAILURE() << failure.report;
  if (explored.failures.empty()) {
    EXPECT_EQ(explored.passed, options.seeds);
  }
}

TEST(SimulatedKernel, OneReaderAgreesWithItsText) {
  run_programs(KernelKind::kSim, Plot::kOne, 3000);
}
TEST(SimulatedKernel, ManyReadersAgreeWithTheirTexts) {
  run_programs(KernelKind::kSim, Plot::kMany, 3000);
}
TEST(SimulatedKernel, ReadersOutliveTheirRings) {
  run_programs(KernelKind::kSim, Plot::kRings, 3000);
}
TEST(SimulatedKernel, NothingIsFreedWhileTheKernelIsStuck) {
  run_programs(KernelKind::kSim, Plot::kStuck, 3000);
}

TEST(RealKernel, OneReaderAgreesWithItsText) { run_programs(KernelKind::kReal, Plot::kOne, 800); }
TEST(RealKernel, ManyReadersAgreeWithTheirTexts) {
  run_programs(KernelKind::kReal, Plot::kMany, 800);
}
TEST(RealKernel, ReadersOutliveTheirRings) { run_programs(KernelKind::kReal, Plot::kRings, 800); }

// --- the tests' own tests ------------------------------------------------------------------------

std::string trace_of(uint64_t seed) {
  std::string trace;
  const LineSink sink = [&trace](std::string_view line) { (trace += line) += '\n'; };
  EXPECT_EQ(run(make_program(seed, KernelKind::kSim), sink), "");
  return trace;
}

TEST(Program, IsAFunctionOfItsSeed) {
  const std::string once = trace_of(11);
  EXPECT_EQ(once, trace_of(11));
  EXPECT_NE(once, trace_of(12));
  EXPECT_GT(std::count(once.begin(), once.end(), '\n'), 10);
}

// The first failure among a few hundred programs on a kernel that was tampered with.
Failure first_failure(Sabotage sabotage, KernelKind kernel = KernelKind::kSim) {
  ExploreOptions options;
  options.seeds = 500;
  options.kernel = kernel;
  options.max_failures = 1;
  options.sabotage = std::move(sabotage);
  const Explored explored = explore(options);
  if (explored.failures.empty()) return {};
  return explored.failures.front();
}

TEST(Oracle, SeesAByteThatIsWrong) {
  const Failure failure = first_failure(corrupt_a_byte());
  EXPECT_NE(failure.report.find("bytes"), std::string::npos) << failure.report;
}

TEST(Oracle, SeesAByteThatIsMissing) {
  const Failure failure = first_failure(lose_a_byte());
  EXPECT_NE(failure.what, "") << failure.report;
}

TEST(Oracle, SeesAnEndThatComesTooEarly) {
  const Failure failure = first_failure(end_early());
  EXPECT_NE(failure.what, "") << failure.report;
}

TEST(Oracle, SeesACompletionThatNeverComes) {
  const Failure failure = first_failure(lose_a_completion());
  EXPECT_NE(failure.what, "") << failure.report;
}

TEST(Oracle, SeesAProcessThatEnds) {
  const Failure failure = first_failure(end_the_process());
  EXPECT_NE(failure.what.find("signal"), std::string::npos) << failure.report;
}

TEST(Shrinking, LeavesTheFewStepsThatItTakes) {
  const Failure failure = first_failure(corrupt_a_byte());
  ASSERT_NE(failure.what, "");
  EXPECT_LE(failure.shrunk.steps.size(), 8u) << failure.report;
  EXPECT_EQ(failure.shrunk.actors.size(), 1u);
  // And the few fail in the same way when they are run again.
  EXPECT_EQ(run(failure.shrunk, nullptr, corrupt_a_byte()), failure.what);
  EXPECT_EQ(run(failure.shrunk), "");
}

TEST(Shrinking, NamesTheLineThatRunsItAgain) {
  const Failure failure = first_failure(corrupt_a_byte());
  const std::string line =
      "bazel run -c opt //tests:simulate -- --kernel=sim --seed=" + std::to_string(failure.seed);
  EXPECT_NE(failure.report.find(line), std::string::npos) << failure.report;
}

}  // namespace
}  // namespace bufio::simulate
