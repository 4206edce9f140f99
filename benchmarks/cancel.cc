// benchmarks/cancel.cc
//
// What it costs that reads are abandoned in flight, beside hand-written io_uring that cancels them
// and waits for the kernel's answers.
//
//   bazel run -c opt //benchmarks:cancel
//   bazel run -c opt //benchmarks:cancel -- --benchmark_filter=pipe/64/
//
// Names are kind of stream / number of streams / contestant / percentage that is abandoned. The
// repetitions are interleaved at random, and targets are ratios of medians. A contestant that loses
// a byte, or takes one twice, ends the program.

#include <array>
#include <cstddef>
#include <cstdint>
#include <iomanip>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "benchmarks/abandoning_readers.h"
#include "benchmarks/abandoning_rivals.h"
#include "benchmarks/abandonment.h"
#include "benchmarks/batch.h"
#include "benchmarks/processors.h"
#include "benchmarks/scoreboard.h"
#include "benchmarks/streams.h"

namespace {

struct Kind {
  const char* name;
  bench::StreamKind kind;
};
constexpr std::array<Kind, 2> kKinds = {
    {{"pipe", bench::StreamKind::kPipe}, {"socket", bench::StreamKind::kSocket}}};
constexpr std::array<size_t, 2> kStreams = {1, 64};
constexpr std::array<uint64_t, 4> kPercents = {0, 10, 50, 90};

struct Way {
  const char* name;
  std::unique_ptr<bench::Contestant> (*make)(bench::Scene& scene);
  // What it should reach against raw_waits, by percentage, and against raw_keeps at the highest.
  std::array<double, kPercents.size()> against_waits = {};
  double against_keeps = 0;
};
constexpr const char* kWaits = "raw_waits";
constexpr const char* kKeeps = "raw_keeps";
// Where nobody gives up, a coroutine (and a timer) runs against a flag; where many do, they are
// cheaper than a cancel.
constexpr std::array<Way, 2> kCalls = {
    {{"destroyed", bench::destroyed_waiters, {0.7, 0.8, 1.0, 1.35}, 0.65},
     {"timed_out", bench::timed_out_waiters, {0.6, 0.7, 0.95, 1.1}, 0.55}}};
constexpr Way kDropped = {"dropped", bench::dropped_readers};
constexpr std::array<Way, 2> kRivals = {
    {{kWaits, bench::raw_uring_waits}, {kKeeps, bench::raw_uring_keeps}}};

std::string name_of(const Kind& kind, size_t streams, const char* way, uint64_t percent) {
  return std::string(kind.name) + '/' + std::to_string(streams) + '/' + way + '/' +
         std::to_string(percent);
}

// In the order of the table.
template <class Visit>
void for_each_race(Visit visit) {
  for (const Kind& kind : kKinds) {
    for (const size_t streams : kStreams) {
      for (const uint64_t percent : kPercents) {
        for (const Way& way : kCalls) visit(kind, streams, percent, way);
        for (const Way& way : kRivals) visit(kind, streams, percent, way);
        if (percent > 0) visit(kind, streams, percent, kDropped);
      }
    }
  }
}

void print_table(const bench::Scoreboard& scoreboard) {
  constexpr std::array<const char*, 4> kCounters = {bench::kEnters, bench::kCancels,
                                                    bench::kAllocations, bench::kGraveyard};
  std::cout << "\nMedians; per read, and the longest graveyard\n"
            << std::left << std::setw(30) << "" << std::right << std::setw(10) << "Mreads/s";
  for (const char* counter : kCounters) std::cout << std::setw(13) << counter;
  std::cout << '\n' << std::fixed;
  for_each_race([&](const Kind& kind, size_t streams, uint64_t percent, const Way& way) {
    const std::string name = name_of(kind, streams, way.name, percent);
    const double bytes = scoreboard.median(name, bench::kBytesPerSecond);
    if (bytes < 0) return;
    std::cout << std::left << std::setw(30) << name << std::right << std::setw(10)
              << std::setprecision(2) << bytes / double{bench::Streams::kMessage} / 1e6;
    for (const char* counter : kCounters) {
      std::cout << std::setw(13) << std::setprecision(counter == bench::kGraveyard ? 0 : 3)
                << scoreboard.median(name, counter);
    }
    std::cout << '\n';
  });
}

std::vector<bench::RatioTarget> ratio_targets() {
  constexpr const char* kReading =
      "the kernel's arming, waking and copying; ours: a coroutine; theirs: a flag";
  constexpr const char* kCancelling =
      "the same; theirs: cancels, two completions each, reads sent again";
  std::vector<bench::RatioTarget> targets;
  for (const Kind& kind : kKinds) {
    for (const size_t streams : kStreams) {
      for (const Way& way : kCalls) {
        for (size_t i = 0; i < kPercents.size(); ++i) {
          targets.push_back({name_of(kind, streams, way.name, kPercents[i]),
                             name_of(kind, streams, kWaits, kPercents[i]), way.against_waits[i],
                             kPercents[i] == 0 ? kReading : kCancelling});
        }
        targets.push_back({name_of(kind, streams, way.name, kPercents.back()),
                           name_of(kind, streams, kKeeps, kPercents.back()), way.against_keeps,
                           kReading});
      }
    }
  }
  return targets;
}

std::vector<bench::BoundTarget> bound_targets() {
  std::vector<bench::BoundTarget> targets;
  for (const Kind& kind : kKinds) {
    for (const Way& way : kCalls) {
      const std::string ours = name_of(kind, kStreams.back(), way.name, kPercents.back());
      targets.push_back({ours, bench::kAllocations, 0, "frames and statuses are used again"});
      targets.push_back({ours, bench::kCancels, 0, "the read stays in flight"});
      targets.push_back({ours, bench::kGraveyard, 0, "nothing is orphaned"});
    }
  }
  return targets;
}

}  // namespace

int main(int argc, char** argv) {
  bench::initialize(argc, argv);
  bench::pin_this_thread(bench::processors().contestant);
  for_each_race([](const Kind& kind, size_t streams, uint64_t percent, const Way& way) {
    bench::add_race(name_of(kind, streams, way.name, percent), {kind.kind, streams, percent},
                    way.make);
  });
  bench::Scoreboard scoreboard(bench::Scoreboard::Samples::kKept);
  bench::run_batch(scoreboard);
  print_table(scoreboard);
  scoreboard.print_targets(ratio_targets(), bound_targets());
}
