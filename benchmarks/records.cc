#include "benchmarks/records.h"

#include <benchmark/benchmark.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>

#include "benchmarks/allocations.h"
#include "benchmarks/scoreboard.h"

namespace bench {

void add_record_pass(const std::string& name, const Input& input, std::function<Tally()> pass) {
  auto run = [name, input, pass = std::move(pass)](benchmark::State& state) {
    using Clock = std::chrono::steady_clock;
    Clock::duration elapsed{};
    uint64_t bytes = 0;
    uint64_t records = 0;
    const uint64_t allocated = allocations();
    for (auto _ : state) {
      const auto start = Clock::now();
      const Tally found = pass();
      elapsed += Clock::now() - start;
      bytes += input.bytes;
      records += found.lines;
      if (found != input.expected) die(name + " found other records than its rivals", 0);
    }
    state.counters[kBytesPerSecond] =
        static_cast<double>(bytes) / std::chrono::duration<double>(elapsed).count();
    state.counters[kAllocations] =
        static_cast<double>(allocations() - allocated) / static_cast<double>(records);
  };
  benchmark::RegisterBenchmark(name.c_str(), std::move(run));
}

Loaded::Loaded(const Corpus& corpus)
    : bytes_(static_cast<size_t>(corpus.size()) + 64, '\0'),
      size_(static_cast<size_t>(corpus.size())) {
  for (size_t at = 0; at < size_;) {
    const ssize_t got =
        ::pread(corpus.fd(), bytes_.data() + at, size_ - at, static_cast<off_t>(at));
    if (got <= 0) die(corpus.path(), got < 0 ? errno : 0);
    at += static_cast<size_t>(got);
  }
}

}  // namespace bench
