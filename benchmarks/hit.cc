// Eight-byte steps through bytes that are buffered already: what asking costs when there is nothing
// to do.

#include <benchmark/benchmark.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "benchmarks/allocations.h"
#include "benchmarks/die.h"
#include "benchmarks/groups.h"
#include "benchmarks/readers.h"
#include "benchmarks/scoreboard.h"
#include "bufio/memory.h"
#include "bufio/reader.h"
#include "uring/block_on.h"
#include "uring/ring.h"
#include "uring/task.h"

namespace bench {
namespace {

constexpr size_t kStep = 8;
constexpr size_t kBytes = size_t{256} << 10;  // Stays in the second-level cache.
constexpr int kRounds = 256;

// The first `steps` steps; a word of each is used, as a parser would.
uring::Task<uint64_t> walk(bufio::Reader& reader, size_t steps) {
  uint64_t sum = 0;
  for (size_t i = 0; i < steps; ++i) {
    absl::StatusOr<std::string_view> view = co_await reader.fill_buf(kStep);
    if (!view.ok()) die(view.status().ToString(), 0);
    sum += static_cast<unsigned char>(view->front());
    reader.consume(kStep);
  }
  co_return sum;
}

}  // namespace

void add_hit() {
  benchmark::RegisterBenchmark("hit/fill_buf", [](benchmark::State& state) {
    using Clock = std::chrono::steady_clock;
    uring::Ring ring = make_ring();
    const std::string text(kBytes, 'x');
    bufio::Reader reader = bufio::read_view(text);
    Clock::duration elapsed{};
    uint64_t allocated = 0;
    uint64_t steps = 0;
    for (auto _ : state) {
      for (int round = 0; round < kRounds; ++round) {
        if (!reader.seek(0).ok()) die("seek", 0);
        auto task = walk(reader, kBytes / kStep);
        const uint64_t before = allocations();
        const auto start = Clock::now();
        benchmark::DoNotOptimize(uring::block_on(ring, std::move(task)));
        elapsed += Clock::now() - start;
        allocated += allocations() - before;
        steps += kBytes / kStep;
      }
    }
    state.counters[kNanosecondsPerStep] =
        std::chrono::duration<double, std::nano>(elapsed).count() / static_cast<double>(steps);
    state.counters[kAllocations] = static_cast<double>(allocated);
  });
}

}  // namespace bench
