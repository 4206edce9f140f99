// benchmarks/net.cc
//
// Servers of Readers and Writers beside hand-written ones, and Asio: server and load in one process
// tree, each on a core of its own, the same load for everybody.
//
//   bazel run -c opt //benchmarks:net
//   bazel run -c opt //benchmarks:net -- --benchmark_filter=echo64/64/
//
// Names are case / connections / contestant. The repetitions are interleaved at random, each with a
// fresh server, and targets are ratios of medians. A server that answers one wrong byte ends the
// program. Lines that begin with "net " are for plot_net.sh.

#include <benchmark/benchmark.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <iomanip>
#include <iostream>
#include <string>
#include <vector>

#include "benchmarks/batch.h"
#include "benchmarks/net_load.h"
#include "benchmarks/net_script.h"
#include "benchmarks/processors.h"
#include "benchmarks/scoreboard.h"
#include "benchmarks/server_process.h"

namespace {

using namespace std::chrono_literals;

constexpr auto kWarmUp = 100ms;
constexpr auto kSample = 300ms;
constexpr unsigned kSecondsPerSample = 60;

constexpr const char* kMessages = "messages_per_second";
constexpr const char* kProcessor = "ns_per_message";  // of the server's core

struct Case {
  const char* name;
  size_t size;  // of a message; 0: lines
  size_t connections;
  size_t outstanding;
  size_t buffer;  // that a hand-written server would use
  // What ours should reach, against the better of each kind.
  double against_uring;
  double against_asio;
  double against_epoll = 0;

  std::string prefix() const {
    return std::string(name) + '/' + std::to_string(connections) + '/';
  }
};
constexpr std::array<Case, 5> kCases = {{
    {"echo64", 64, 1, 1, 4096, 0.97, 1.0},
    {"echo64", 64, 64, 1, 4096, 0.97, 1.1},
    {"echo64", 64, 1000, 1, 4096, 0.97, 1.15},
    {"echo512x16", 512, 8, 16, 16384, 0.97, 1.1},
    {"lines32", 0, 16, 32, 16384, 0.97, 1.15, 1.0},
}};

enum class Program { kOurs, kRivals, kAsioEpoll, kAsioUring };
enum class Group { kOurs, kEpoll, kUring, kAsio };

struct Contestant {
  const char* name;
  Group group;
  Program program;
  const char* argument = "";
};
constexpr std::array<Contestant, 6> kContestants = {{
    {"ours", Group::kOurs, Program::kOurs},
    {"epoll", Group::kEpoll, Program::kRivals, "epoll"},
    {"uring_multishot", Group::kUring, Program::kRivals, "multishot"},
    {"uring_single", Group::kUring, Program::kRivals, "single"},
    {"asio_epoll", Group::kAsio, Program::kAsioEpoll},
    {"asio_uring", Group::kAsio, Program::kAsioUring},
}};

std::vector<std::string> command(const Case& what, const Contestant& who) {
  const std::string built = bench::built_path();
  const bool lines = what.size == 0;
  if (who.program == Program::kOurs) {
    std::vector<std::string> words = {
        built + (lines ? "/benchmarks/net_lines_server" : "/examples/echo_server"), "--port=0"};
    if (*who.argument != '\0') words.emplace_back(who.argument);
    return words;
  }
  std::vector<std::string> words;
  switch (who.program) {
    case Program::kRivals:
      words = {built + "/benchmarks/net_rivals", who.argument};
      break;
    case Program::kAsioEpoll:
      words = {built + "/benchmarks/net_asio_epoll"};
      break;
    default:
      words = {built + "/benchmarks/net_asio_uring"};
  }
  words.insert(words.end(), {lines ? "lines" : "echo", std::to_string(what.connections),
                             std::to_string(what.buffer)});
  return words;
}

void sample(benchmark::State& state, const Case& what, const Contestant& who) {
  const bench::Script script = what.size == 0 ? bench::lines_script(what.outstanding)
                                              : bench::echo_script(what.size, what.outstanding);
  double messages = 0;
  double bytes = 0;
  double seconds = 0;
  double processor = 0;
  for (auto _ : state) {
    ::alarm(kSecondsPerSample);
    const bench::ServerProcess server(command(what, who));
    bench::LoadOptions options;
    options.port = server.port();
    options.connections = what.connections;
    options.outstanding = what.outstanding;
    bench::Load load(options, script);
    load.run(kWarmUp);
    const double before = server.processor_seconds();
    const bench::LoadResult result = load.run(kSample);
    processor += server.processor_seconds() - before;
    messages += static_cast<double>(result.messages);
    bytes += static_cast<double>(result.bytes);
    seconds += result.seconds;
    ::alarm(0);
  }
  state.counters[bench::kBytesPerSecond] = bytes / seconds;
  state.counters[kMessages] = messages / seconds;
  state.counters[kProcessor] = processor / messages * 1e9;
}

template <class Visit>
void for_each_race(Visit visit) {
  for (const Case& what : kCases) {
    for (const Contestant& who : kContestants) visit(what, who, what.prefix() + who.name);
  }
}

void print_table(const bench::Scoreboard& scoreboard) {
  std::cout << "\nMedians\n"
            << std::left << std::setw(34) << "" << std::right << std::setw(12) << "messages/s"
            << std::setw(22) << "ns of the server's core\n"
            << std::fixed;
  for_each_race([&](const Case&, const Contestant&, const std::string& name) {
    const double messages = scoreboard.median(name, kMessages);
    if (messages < 0) return;
    std::cout << std::left << std::setw(34) << name << std::right << std::setw(12)
              << std::setprecision(0) << messages << std::setw(21)
              << scoreboard.median(name, kProcessor) << '\n';
  });
}

void print_for_plot(const bench::Scoreboard& scoreboard) {
  std::cout << '\n';
  for_each_race([&](const Case& what, const Contestant& who, const std::string& name) {
    const double messages = scoreboard.median(name, kMessages);
    if (messages < 0) return;
    std::cout << "net " << what.name << ' ' << what.connections << ' ' << who.name << ' '
              << std::setprecision(0) << messages << '\n';
  });
}

// The better one of a group in this case; empty if none ran.
std::string best_of(const bench::Scoreboard& scoreboard, const Case& what, Group group) {
  std::string best;
  double most = -1;
  for (const Contestant& who : kContestants) {
    const double messages = scoreboard.median(what.prefix() + who.name, kMessages);
    if (who.group != group || messages <= most) continue;
    most = messages;
    best = what.prefix() + who.name;
  }
  return best;
}

std::vector<bench::RatioTarget> targets(const bench::Scoreboard& scoreboard) {
  constexpr const char* kKernel = "TCP in the kernel: most of the time, and the same for all";
  std::vector<bench::RatioTarget> all;
  for (const Case& what : kCases) {
    for (const Contestant& who : kContestants) {
      if (who.group != Group::kOurs) continue;
      const std::string ours = what.prefix() + who.name;
      const auto against = [&](Group group, double ratio) {
        const std::string rival = best_of(scoreboard, what, group);
        if (!rival.empty()) all.push_back({ours, rival, ratio, kKernel});
      };
      against(Group::kUring, what.against_uring);
      against(Group::kAsio, what.against_asio);
      against(Group::kEpoll, what.against_epoll);
    }
  }
  return all;
}

void raise_descriptor_limit() {
  rlimit limit = {};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int main(int argc, char** argv) {
  bench::initialize(argc, argv);
  raise_descriptor_limit();
  static_cast<void>(bench::processors());  // chosen before we bind ourselves to one
  bench::pin_this_thread(bench::processors().feeder);
  for_each_race([](const Case& what, const Contestant& who, const std::string& name) {
    benchmark::RegisterBenchmark(
        name.c_str(), [&what, &who](benchmark::State& state) { sample(state, what, who); })
        ->Iterations(1)
        ->UseRealTime();
  });
  bench::Scoreboard scoreboard(bench::Scoreboard::Samples::kKept);
  bench::run_batch(scoreboard);
  print_table(scoreboard);
  scoreboard.print_targets(targets(scoreboard), {});
  print_for_plot(scoreboard);
}
