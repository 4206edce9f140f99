#include "benchmarks/batch.h"

#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "benchmarks/die.h"
#include "benchmarks/scoreboard.h"

namespace bench {

void initialize(int argc, char** argv) {
  // Ours first, so that the command line can override them.
  std::vector<std::string> arguments = {
      argv[0], "--benchmark_enable_random_interleaving=true", "--benchmark_repetitions=9",
      "--benchmark_min_time=0.001",  // One pass is long enough.
  };
  arguments.insert(arguments.end(), argv + 1, argv + argc);
  std::vector<char*> pointers;
  pointers.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  int count = static_cast<int>(arguments.size());
  benchmark::Initialize(&count, pointers.data());
  if (benchmark::ReportUnrecognizedArguments(count, pointers.data())) die("see --help", 0);
}

void run_batch(Scoreboard& scoreboard) {
  benchmark::RunSpecifiedBenchmarks(&scoreboard);
  benchmark::ClearRegisteredBenchmarks();
}

}  // namespace bench
