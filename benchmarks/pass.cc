#include "benchmarks/pass.h"

#include <benchmark/benchmark.h>

#include <chrono>
#include <functional>
#include <string>
#include <utility>

#include "benchmarks/die.h"
#include "benchmarks/scoreboard.h"
#include "benchmarks/tally.h"

namespace bench {

// Rates come from a clock of our own: Google Benchmark's wall time would add suffixes to the names
// and count the preparation in the aggregates.
void add_pass(const std::string& name, const Input& input, std::function<Tally()> pass,
              std::function<void()> prepare) {
  auto run = [name, input, pass = std::move(pass),
              prepare = std::move(prepare)](benchmark::State& state) {
    using Clock = std::chrono::steady_clock;
    Clock::duration elapsed{};
    uint64_t bytes = 0;
    for (auto _ : state) {
      state.PauseTiming();
      prepare();
      state.ResumeTiming();
      const auto start = Clock::now();
      const Tally found = pass();
      elapsed += Clock::now() - start;
      bytes += input.bytes;
      if (found != input.expected) die(name + " found other lines than its rivals", 0);
    }
    state.counters[kBytesPerSecond] =
        static_cast<double>(bytes) / std::chrono::duration<double>(elapsed).count();
  };
  benchmark::RegisterBenchmark(name.c_str(), std::move(run));
}

}  // namespace bench
