// benchmarks/parsers.cc
//
// How fast the ready parsers go through files in the page cache: beside a rival each, and beside
// themselves over the same bytes in memory.
//
//   bazel run -c opt //benchmarks:parsers
//   bazel run -c opt //benchmarks:parsers -- --benchmark_filter=csv/
//
// The repetitions are interleaved at random, and targets are ratios of medians. What a Reader costs
// is mostly the kernel's copy, which takes turns with the parser on one core; with offload it is
// done on another one.

#include <string>
#include <vector>

#include "benchmarks/batch.h"
#include "benchmarks/processors.h"
#include "benchmarks/records.h"
#include "benchmarks/scoreboard.h"

namespace {

std::vector<bench::RatioTarget> ratio_targets() {
  std::vector<bench::RatioTarget> targets = {
      {"lines/reader", "lines/getline", 1.5, "the kernel's copy"},
      {"csv/reader", "csv/mapped_loop", 1.0, "the work for each field"},
      {"json/reader", "json/iterate_many", 0.9, "simdjson is begun anew for each line"},
      {"protobuf/reader", "protobuf/delimited_stream", 1.0, "protobuf's parsing"},
      {"gz/reader", "gz/zcat_wc", 1.0, "zlib's inflating"},
  };
  for (const char* group : {"lines", "csv", "json", "json_dom", "http", "protobuf", "frames"}) {
    const std::string name(group);
    targets.push_back({name + "/reader", name + "/memory", 0.9,
                       "the kernel's copy beside parsing at {" + name + "/memory}"});
    targets.push_back({name + "/reader_offload", name + "/memory", 0.9,
                       "fetching bytes from the other core's cache"});
  }
  return targets;
}

std::vector<bench::BoundTarget> bound_targets() {
  std::vector<bench::BoundTarget> targets;
  for (const char* group : {"lines", "csv", "json", "http", "protobuf", "frames"}) {
    targets.push_back({std::string(group) + "/reader", bench::kAllocations, 0.001,
                       "what a pass allocates once, over its records"});
  }
  return targets;
}

}  // namespace

int main(int argc, char** argv) {
  bench::initialize(argc, argv);
  bench::pin_this_thread(bench::processors().contestant);
  bench::add_line_records();
  bench::add_csv_records();
  bench::add_json_records();
  bench::add_http_records();
  bench::add_protobuf_records();
  bench::add_gz_records();
  bench::Scoreboard scoreboard;
  bench::run_batch(scoreboard);
  scoreboard.print_targets(ratio_targets(), bound_targets());
}
