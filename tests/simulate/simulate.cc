// tests/simulate/simulate.cc
//
// Runs random programs against their oracle.
//
//   bazel run -c opt //tests:simulate -- --seeds=N [--seed=S] [--kernel=sim|real|both] [--plot=P]
//                                        [--seconds=T] [--jobs=J]
//
// N seeds, from S on if that is given too; S alone is run with a trace. Exit status 1 if any fails.

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/simulate/explore.h"
#include "tests/simulate/program.h"

namespace bufio::simulate {
namespace {

struct Arguments {
  std::optional<uint64_t> seeds;
  std::optional<uint64_t> seed;
  std::vector<KernelKind> kernels = {KernelKind::kSim};
  std::optional<Plot> plot;
  uint64_t seconds = 0;
  uint64_t jobs = std::max(1U, std::thread::hardware_concurrency());
};

template <class T>
bool read_number(std::string_view text, T& into) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  into = number;
  return error == std::errc() && end == text.data() + text.size();
}

bool read_argument(std::string_view argument, Arguments& into) {
  const size_t equals = argument.find('=');
  if (equals == std::string_view::npos) return false;
  const std::string_view name = argument.substr(0, equals);
  const std::string_view value = argument.substr(equals + 1);
  if (name == "--seeds") return read_number(value, into.seeds);
  if (name == "--seed") return read_number(value, into.seed);
  if (name == "--seconds") return read_number(value, into.seconds);
  if (name == "--jobs") return read_number(value, into.jobs) && into.jobs > 0;
  if (name == "--plot") return (into.plot = plot_named(value)).has_value();
  if (name != "--kernel") return false;
  if (value == "sim") into.kernels = {KernelKind::kSim};
  if (value == "real") into.kernels = {KernelKind::kReal};
  if (value == "both") into.kernels = {KernelKind::kSim, KernelKind::kReal};
  return value == "sim" || value == "real" || value == "both";
}

// One program, with all that happens in it.
int trace_one(const Arguments& arguments, KernelKind kernel) {
  const Program program = make_program(*arguments.seed, kernel, arguments.plot);
  std::string trace;
  const std::string what = run_apart(program, nullptr, &trace);
  std::cout << "seed " << *arguments.seed << ": " << describe(program) << "\n" << trace;
  std::cout << (what.empty() ? "1 passed, 0 failed" : what + "\n0 passed, 1 failed") << std::endl;
  return what.empty() ? 0 : 1;
}

int explore_many(const Arguments& arguments) {
  uint64_t passed = 0;
  uint64_t failed = 0;
  for (KernelKind kernel : arguments.kernels) {
    ExploreOptions options;
    options.first_seed = arguments.seed.value_or(std::random_device()());
    // With a time, as many as fit in.
    options.seeds = arguments.seeds.value_or(arguments.seconds > 0 ? UINT32_MAX : 10000);
    options.kernel = kernel;
    options.plot = arguments.plot;
    options.jobs = static_cast<unsigned>(arguments.jobs);
    options.seconds = static_cast<double>(arguments.seconds);
    const char* name = kernel == KernelKind::kSim ? "simulated" : "real";
    std::cout << "seeds from " << options.first_seed << " on the " << name << " kernel"
              << std::endl;
    const Explored explored = explore(options);
    for (const Failure& failure : explored.failures) std::cout << failure.report;
    const uint64_t programs = explored.passed + explored.failures.size();
    std::cout << programs << " programs in " << explored.seconds << " s, "
              << static_cast<uint64_t>(static_cast<double>(programs) / explored.seconds)
              << " per second, " << options.jobs << " at a time" << std::endl;
    passed += explored.passed;
    failed += explored.failures.size();
  }
  std::cout << passed << " passed, " << failed << " failed" << std::endl;
  return failed == 0 ? 0 : 1;
}

int simulate(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    if (read_argument(argv[i], arguments)) continue;
    std::cerr << "usage: simulate --seeds=N [--seed=S] [--kernel=sim|real|both] "
                 "[--plot=one|many|rings|stuck] [--seconds=T] [--jobs=J]\n";
    return 2;
  }
  const bool just_one = arguments.seed && !arguments.seeds && arguments.seconds == 0;
  if (!just_one) return explore_many(arguments);
  int status = 0;
  for (KernelKind kernel : arguments.kernels) status |= trace_one(arguments, kernel);
  return status;
}

}  // namespace
}  // namespace bufio::simulate

int main(int argc, char** argv) { return bufio::simulate::simulate(argc, argv); }
