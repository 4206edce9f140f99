#include "benchmarks/abandonment.h"

#include <benchmark/benchmark.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "benchmarks/allocations.h"
#include "benchmarks/random.h"
#include "benchmarks/scoreboard.h"
#include "benchmarks/streams.h"

namespace bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kReads = size_t{1} << 14;
constexpr size_t kWarmUpReads = kReads / 4;

// Rounds that differ in how many waiters give up do not differ by as much.
constexpr int kDisturbed = 10;

// A contestant who has lost a byte waits for it for ever.
constexpr unsigned kSecondsPerPass = 20;

class Race {
 public:
  Race(const RaceOptions& options, const MakeContestant& make)
      : percent_(options.percent),
        scene_{Streams(options.kind, options.streams), std::vector<char>(options.streams)} {
    took_.reserve(kReads / options.streams);
    draw();
    contestant_ = make(scene_);
  }

  void run(size_t reads) {
    took_.clear();
    auto start = Clock::now();
    for (size_t round = reads / scene_.streams.size(); round > 0; --round) {
      contestant_->wait();
      const auto waiting = Clock::now();
      scene_.streams.feed();
      draw();
      const auto fed = Clock::now();
      contestant_->collect();
      const auto end = Clock::now();
      took_.push_back((waiting - start) + (end - fed));
      start = end;
    }
  }

  // How long a round took the contestant, on average. Rounds in which somebody else had the
  // processor do not count: they took as long as dozens of others.
  double seconds_per_round() {
    const auto middle = took_.begin() + static_cast<ptrdiff_t>(took_.size() / 2);
    std::nth_element(took_.begin(), middle, took_.end());
    const auto undisturbed =
        std::partition(took_.begin(), took_.end(),
                       [most = kDisturbed * *middle](auto each) { return each < most; });
    const auto sum = std::accumulate(took_.begin(), undisturbed, Clock::duration());
    return std::chrono::duration<double>(sum).count() /
           static_cast<double>(undisturbed - took_.begin());
  }

  CancelCosts costs() const { return contestant_->costs(); }

 private:
  void draw() {
    for (char& gives_up : scene_.gives_up) gives_up = random_.below(100) < percent_ ? 1 : 0;
  }

  uint64_t percent_;
  Random random_{1};
  Scene scene_;
  std::unique_ptr<Contestant> contestant_;
  std::vector<Clock::duration> took_;  // By round.
};

}  // namespace

void add_race(const std::string& name, const RaceOptions& options, MakeContestant make) {
  auto run = [options, make = std::move(make)](benchmark::State& state) {
    double seconds_per_round = 0;
    uint64_t allocated = 0;
    CancelCosts sum;
    double passes = 0;
    for (auto _ : state) {
      ::alarm(kSecondsPerPass);
      Race race(options, make);
      race.run(kWarmUpReads);
      const CancelCosts before = race.costs();
      const uint64_t allocated_before = allocations();
      race.run(kReads);
      allocated += allocations() - allocated_before;
      const CancelCosts after = race.costs();
      sum.enters += after.enters - before.enters;
      sum.cancels += after.cancels - before.cancels;
      sum.longest_graveyard = std::max(sum.longest_graveyard, after.longest_graveyard);
      seconds_per_round += race.seconds_per_round();
      ++passes;
      ::alarm(0);
    }
    const auto per_read = [passes](uint64_t count) {
      return static_cast<double>(count) / (passes * double{kReads});
    };
    state.counters[kBytesPerSecond] = passes * static_cast<double>(options.streams) *
                                      double{Streams::kMessage} / seconds_per_round;
    state.counters[kEnters] = per_read(sum.enters);
    state.counters[kCancels] = per_read(sum.cancels);
    state.counters[kAllocations] = per_read(allocated);
    state.counters[kGraveyard] = static_cast<double>(sum.longest_graveyard);
  };
  benchmark::RegisterBenchmark(name.c_str(), std::move(run));
}

}  // namespace bench
