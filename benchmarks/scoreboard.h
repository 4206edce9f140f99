// benchmarks/scoreboard.h
//
// Turns one interleaved run into the table of targets: each ratio of medians beside what it should
// be, and why it is not larger.
//
// Feed it to Google Benchmark as the display reporter, as often as there are batches;
// print_targets() comes last. A benchmark takes part by setting the counter kBytesPerSecond or
// kNanosecondsPerStep.

#ifndef BENCHMARKS_SCOREBOARD_H_
#define BENCHMARKS_SCOREBOARD_H_

#include <benchmark/benchmark.h>

#include <map>
#include <string>
#include <vector>

namespace bench {

inline constexpr const char* kBytesPerSecond = "bytes_per_second";
inline constexpr const char* kNanosecondsPerStep = "ns_per_step";
inline constexpr const char* kAllocations = "allocations";

// `contestant` should be at least `ratio` times as fast as `rival`.
struct RatioTarget {
  std::string contestant;
  std::string rival;
  double ratio;
  // What keeps the ratio from being larger. "{name}" is replaced by the median of the benchmark
  // `name` in GB/s.
  std::string limit;
};

// `counter` of `contestant` should be at most `bound`.
struct BoundTarget {
  std::string contestant;
  std::string counter;
  double bound;
  std::string limit;
};

class Scoreboard : public benchmark::BenchmarkReporter {
 public:
  // Whether each benchmark's samples are printed as they come. A program whose benchmarks have many
  // counters prints a table of its own.
  enum class Samples { kPrinted, kKept };

  explicit Scoreboard(Samples samples = Samples::kPrinted) : print_(samples == Samples::kPrinted) {}

  bool ReportContext(const Context& context) override;
  void ReportRuns(const std::vector<Run>& runs) override;
  // One more sample of a counter of `benchmark`, from who measures several in one.
  void add(const std::string& benchmark, const std::string& counter, double value);

  // The median over the repetitions, or a negative number if there were none.
  double median(const std::string& benchmark, const std::string& counter) const;

  // Targets whose benchmarks did not run are listed as such.
  void print_targets(const std::vector<RatioTarget>& ratios,
                     const std::vector<BoundTarget>& bounds) const;

 private:
  std::string explain(const std::string& limit) const;

  bool print_;
  std::map<std::string, std::map<std::string, std::vector<double>>>
      samples_;  // benchmark -> counter -> sorted
};

}  // namespace bench

#endif  // BENCHMARKS_SCOREBOARD_H_
