#include "benchmarks/scoreboard.h"

#include <benchmark/benchmark.h>
#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace bench {
namespace {

// The load average above which somebody else is using the machine.
constexpr double kQuiet = 0.7;

constexpr std::string_view compiler() {
#if defined(__clang__)
  return "clang " __clang_version__;
#else
  return "g++ " __VERSION__;
#endif
}

std::string processor() {
  std::ifstream info("/proc/cpuinfo");
  std::string line;
  while (std::getline(info, line)) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "unknown processor";
}

double load() {
  std::array<double, 1> average{};
  return ::getloadavg(average.data(), 1) == 1 ? average[0] : 0;
}

std::string fixed(double value, int digits) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(digits) << value;
  return text.str();
}

// Rates in GB/s, everything else as it is.
double scaled(const std::string& counter, double value) {
  return counter == kBytesPerSecond ? value / 1e9 : value;
}

std::string unit(const std::string& counter) {
  if (counter == kBytesPerSecond) return "GB/s";
  if (counter == kNanosecondsPerStep) return "ns";
  return counter;
}

}  // namespace

bool Scoreboard::ReportContext(const Context& /*context*/) {
  if (!samples_.empty()) return true;
  utsname system{};
  ::uname(&system);
  std::cout << processor() << ", Linux " << system.release << ", " << compiler()
            << ", load average " << load() << "\n";
  if (load() > kQuiet) {
    std::cout
        << "This machine is busy: rates are too low, and ratios that need two cores mean little.\n";
  }
  if (!print_) return true;
  std::cout << '\n'
            << std::left << std::setw(30) << "benchmark" << std::right << std::setw(9) << "median"
            << std::setw(9) << "best" << std::setw(9) << "worst" << '\n';
  return true;
}

void Scoreboard::ReportRuns(const std::vector<Run>& runs) {
  // Called twice for each benchmark: with the repetitions, and with aggregates that we make
  // ourselves.
  if (runs.empty() || runs.front().run_type != Run::RT_Iteration) return;
  const std::string name = runs.front().run_name.function_name;
  auto& counters = samples_[name];
  for (const Run& run : runs) {
    for (const auto& [counter, value] : run.counters) counters[counter].push_back(value);
  }
  for (auto& [counter, values] : counters) {
    std::sort(values.begin(), values.end());
    if (!print_) continue;
    const bool more_is_better = counter == kBytesPerSecond;
    const double best = more_is_better ? values.back() : values.front();
    const double worst = more_is_better ? values.front() : values.back();
    std::cout << std::left << std::setw(30) << name << std::right << std::fixed
              << std::setprecision(2);
    for (const double value : {median(name, counter), best, worst}) {
      std::cout << std::setw(9) << scaled(counter, value);
    }
    std::cout << ' ' << unit(counter) << '\n';
  }
  std::cout.flush();
}

void Scoreboard::add(const std::string& benchmark, const std::string& counter, double value) {
  std::vector<double>& sorted = samples_[benchmark][counter];
  sorted.insert(std::upper_bound(sorted.begin(), sorted.end(), value), value);
}

double Scoreboard::median(const std::string& benchmark, const std::string& counter) const {
  const auto counters = samples_.find(benchmark);
  if (counters == samples_.end()) return -1;
  const auto values = counters->second.find(counter);
  if (values == counters->second.end()) return -1;
  const std::vector<double>& sorted = values->second;
  const size_t middle = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

std::string Scoreboard::explain(const std::string& limit) const {
  std::string text;
  for (size_t at = 0; at < limit.size();) {
    const size_t open = std::min(limit.find('{', at), limit.size());
    text.append(limit, at, open - at);
    if (open == limit.size()) break;
    const size_t close = limit.find('}', open);
    const double rate = median(limit.substr(open + 1, close - open - 1), kBytesPerSecond);
    text += rate < 0 ? "?" : fixed(rate / 1e9, 1);
    at = close + 1;
  }
  return text;
}

void Scoreboard::print_targets(const std::vector<RatioTarget>& ratios,
                               const std::vector<BoundTarget>& bounds) const {
  const auto row = [this](const std::string& what, bool ran, const std::string& value,
                          const std::string& target, bool met, const std::string& limit) {
    std::cout << std::left << std::setw(46) << what << std::right << std::setw(8)
              << (ran ? value : "-") << std::setw(9) << target << "  " << std::left << std::setw(7)
              << (!ran  ? "not run"
                  : met ? "met"
                        : "MISSED")
              << "  " << (ran ? explain(limit) : "") << '\n';
  };
  std::cout << "\nRatios of medians of this run\n";
  row("", true, "ratio", "target", true, "what limits it (figures in GB/s)");
  for (const RatioTarget& target : ratios) {
    const double ours = median(target.contestant, kBytesPerSecond);
    const double theirs = median(target.rival, kBytesPerSecond);
    const double ratio = ours / theirs;
    row(target.contestant + " : " + target.rival, ours >= 0 && theirs >= 0, fixed(ratio, 2),
        ">= " + fixed(target.ratio, 2), ratio >= target.ratio, target.limit);
  }
  for (const BoundTarget& target : bounds) {
    const double value = median(target.contestant, target.counter);
    row(target.contestant + " " + target.counter, value >= 0, fixed(value, 2),
        "<= " + fixed(target.bound, 2), value <= target.bound, target.limit);
  }
}

}  // namespace bench
