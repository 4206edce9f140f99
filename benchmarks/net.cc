// benchmarks/net.cc
//
// Servers of Readers and Writers beside hand-written ones, and Asio: server and load in one process
// tree, each on a core of its own, the same load for everybody.
//
//   bazel run -c opt //benchmarks:net
//   bazel run -c opt //benchmarks:net -- --benchmark_filter=echo64/64
//
// Names are case / connections / contestant. A virtual machine runs at one speed now and at another
// one a second later, so all contestants of a case are there at once, and take turns in slices of
// 50 ms, each round in another order; those who wait sleep. What counts is each one's multiple of
// hand-written epoll in the same round: targets are ratios of medians of these. Each repetition has
// fresh servers. A server that answers one wrong byte ends the program. Lines that begin with
// "net " are for plot_net.sh.
//
// On a machine that others use, too: chrt -f 1 bazel-bin/benchmarks/net, as root.

#include <benchmark/benchmark.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <iomanip>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "benchmarks/batch.h"
#include "benchmarks/die.h"
#include "benchmarks/net_load.h"
#include "benchmarks/net_script.h"
#include "benchmarks/processors.h"
#include "benchmarks/scoreboard.h"
#include "benchmarks/server_process.h"

namespace {

using namespace std::chrono_literals;

constexpr auto kWarmUp = 50ms;
constexpr auto kSlice = 50ms;
constexpr auto kSettle = 20ms;  // in front of each slice: the others have had the caches
constexpr size_t kRounds = 8;
constexpr unsigned kSecondsPerRace = 60;

constexpr const char* kMessages = "messages_per_second";

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

  // One connection that waits for each answer: both ends sleep meanwhile, as they would. With more
  // the load never sleeps, and the server is what is measured.
  bool one_at_a_time() const { return connections * outstanding == 1; }
  std::string prefix() const { return std::string(name) + '/' + std::to_string(connections) + '/'; }
};
constexpr std::array<Case, 5> kCases = {{
    {"echo64", 64, 1, 1, 4096, 0.97, 1.0},
    {"echo64", 64, 64, 1, 4096, 0.97, 1.1},
    {"echo64", 64, 1000, 1, 4096, 0.97, 1.15},
    {"echo512x16", 512, 8, 16, 16384, 0.97, 1.1},
    {"lines32", 0, 16, 32, 16384, 0.97, 1.15, 1.0},
}};

enum class Program { kOurs, kRivals, kAsioEpoll, kAsioUring };
enum class Group { kOurs, kPolling, kEpoll, kUring, kAsio };

struct Contestant {
  const char* name;
  Group group;
  Program program;
  const char* argument = "";
  bool polls = false;  // instead of sleeping, and so does the load: only where it is one at a time

  bool runs_in(const Case& what) const { return !polls || what.one_at_a_time(); }
};
constexpr const char* kPolling = "ours_polling";
constexpr std::array<Contestant, 8> kContestants = {{
    {"ours", Group::kOurs, Program::kOurs, "--shared_pool=false"},
    {"ours_pool", Group::kOurs, Program::kOurs},
    {kPolling, Group::kPolling, Program::kOurs, "--busy_poll=1s", true},
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

// A server with its load.
class Match {
 public:
  Match(const Case& what, const Contestant& who, const bench::Script& script)
      : who_(who), server_(command(what, who)), load_(options(what, who, server_.port()), script) {
    load_.run(kWarmUp);
    if (polls_) server_.pause();
  }

  void play() {
    if (polls_) server_.resume();
    load_.run(kSettle);
    const bench::LoadResult result = load_.run(kSlice);
    if (polls_) server_.pause();
    rates_.push_back(static_cast<double>(result.messages) / result.seconds);
  }
  const Contestant& who() const { return who_; }
  // Messages a second, of each slice.
  const std::vector<double>& rates() const { return rates_; }

 private:
  bench::LoadOptions options(const Case& what, const Contestant& who, uint16_t port) {
    polls_ = who.polls;
    bench::LoadOptions options;
    options.port = port;
    options.connections = what.connections;
    options.outstanding = what.outstanding;
    options.sleep = what.one_at_a_time() && !who.polls;
    return options;
  }

  const Contestant& who_;
  bench::ServerProcess server_;
  bool polls_ = false;
  bench::Load load_;
  std::vector<double> rates_;
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// All contestants of one case.
void race(const Case& what, bench::Scoreboard& scoreboard) {
  ::alarm(kSecondsPerRace);
  const bench::Script script = what.size == 0 ? bench::lines_script(what.outstanding)
                                              : bench::echo_script(what.size, what.outstanding);
  std::deque<Match> matches;
  const Match* epoll = nullptr;
  for (const Contestant& who : kContestants) {
    if (!who.runs_in(what)) continue;
    matches.emplace_back(what, who, script);
    if (who.group == Group::kEpoll) epoll = &matches.back();
  }
  for (size_t round = 0; round < kRounds; ++round) {
    for (size_t i = 0; i < matches.size(); ++i) matches[(round + i) % matches.size()].play();
  }
  for (const Match& match : matches) {
    const std::vector<double>& rates = match.rates();
    std::vector<double> multiples;
    for (size_t round = 0; round < kRounds; ++round) {
      multiples.push_back(rates[round] / epoll->rates()[round]);
    }
    const std::string name = what.prefix() + match.who().name;
    scoreboard.add(name, kMessages, median(rates));
    scoreboard.add(name, bench::kBytesPerSecond, median(std::move(multiples)));
  }
  ::alarm(0);
}

// --- idle connections ----------------------------------------------------------------------------

constexpr size_t kIdle = 10'000;
constexpr size_t kFirst = 1'000;  // not counted: with them comes what all share
constexpr const char* kIdleName = "idle/10000/";
constexpr const char* kBytesEach = "bytes_each";

// One that has talked once.
int idle_connection(uint16_t port) {
  const int fd = bench::connect_to("127.0.0.1", port, 5s);
  std::array<char, 64> bytes{};
  if (::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) != ssize_t{bytes.size()} ||
      ::recv(fd, bytes.data(), bytes.size(), MSG_WAITALL) != ssize_t{bytes.size()}) {
    bench::die("an idle connection was not echoed", errno);
  }
  return fd;
}

void count_idle(benchmark::State& state, const Contestant& who) {
  double each = 0;
  for (auto _ : state) {
    ::alarm(kSecondsPerRace);
    const bench::ServerProcess server(command(kCases[0], who));
    std::vector<int> connections;
    while (connections.size() < kFirst) connections.push_back(idle_connection(server.port()));
    const uint64_t before = server.private_memory();
    while (connections.size() < kIdle) connections.push_back(idle_connection(server.port()));
    each = static_cast<double>(server.private_memory() - before) / double{kIdle - kFirst};
    for (const int fd : connections) ::close(fd);
    ::alarm(0);
  }
  state.counters[kBytesEach] = each;
}

// --- the tables ----------------------------------------------------------------------------------

template <class Visit>
void for_each_contestant(Visit visit) {
  for (const Case& what : kCases) {
    for (const Contestant& who : kContestants) {
      if (who.runs_in(what)) visit(what, who, what.prefix() + who.name);
    }
  }
}

void print_table(const bench::Scoreboard& scoreboard) {
  std::cout << "\nMedians\n"
            << std::left << std::setw(34) << "" << std::right << std::setw(12) << "messages/s"
            << std::setw(12) << "of epoll's" << '\n'
            << std::fixed;
  for_each_contestant([&](const Case&, const Contestant&, const std::string& name) {
    const double messages = scoreboard.median(name, kMessages);
    if (messages < 0) return;
    std::cout << std::left << std::setw(34) << name << std::right << std::setw(12)
              << std::setprecision(0) << messages << std::setw(12) << std::setprecision(2)
              << scoreboard.median(name, bench::kBytesPerSecond) << '\n';
  });
  for (const Contestant& who : kContestants) {
    const std::string name = kIdleName + std::string(who.name);
    const double bytes = scoreboard.median(name, kBytesEach);
    if (bytes < 0) continue;
    std::cout << std::left << std::setw(34) << name << std::right << std::setw(12)
              << std::setprecision(0) << bytes << " bytes of the server's memory each\n";
  }
}

void print_for_plot(const bench::Scoreboard& scoreboard) {
  std::cout << '\n';
  for_each_contestant([&](const Case& what, const Contestant& who, const std::string& name) {
    const double messages = scoreboard.median(name, kMessages);
    if (messages < 0) return;
    std::cout << "net " << what.name << ' ' << what.connections << ' ' << who.name << ' '
              << std::setprecision(0) << messages << ' ' << std::setprecision(3)
              << scoreboard.median(name, bench::kBytesPerSecond) << '\n';
  });
}

// The better one of a group in this case; empty if none ran.
std::string best_of(const bench::Scoreboard& scoreboard, const Case& what, Group group) {
  std::string best;
  double most = -1;
  for (const Contestant& who : kContestants) {
    const double multiple = scoreboard.median(what.prefix() + who.name, bench::kBytesPerSecond);
    if (who.group != group || multiple <= most) continue;
    most = multiple;
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
        if (!rival.empty() && ratio > 0) all.push_back({ours, rival, ratio, kKernel});
      };
      against(Group::kUring, what.against_uring);
      against(Group::kAsio, what.against_asio);
      against(Group::kEpoll, what.against_epoll);
    }
  }
  const std::string alone = kCases[0].prefix();
  all.push_back({alone + kPolling, alone + "ours", 3, "two sends and two receives in the kernel"});
  return all;
}

std::vector<bench::BoundTarget> bounds() {
  return {{kIdleName + std::string("ours_pool"), kBytesEach, 1024,
           "a coroutine, a Reader, a Writer, a request"}};
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
  bench::Scoreboard scoreboard(bench::Scoreboard::Samples::kKept);
  for (const Case& what : kCases) {
    const std::string name = std::string(what.name) + '/' + std::to_string(what.connections);
    benchmark::RegisterBenchmark(name.c_str(), [&](benchmark::State& state) {
      for (auto _ : state) race(what, scoreboard);
    })->Iterations(1);
  }
  for (const Contestant& who : kContestants) {
    if (who.group != Group::kOurs) continue;
    const std::string name = kIdleName + std::string(who.name);
    benchmark::RegisterBenchmark(name.c_str(), [&who](benchmark::State& state) {
      count_idle(state, who);
    })->Iterations(1);
  }
  bench::run_batch(scoreboard);
  print_table(scoreboard);
  scoreboard.print_targets(targets(scoreboard), bounds());
  print_for_plot(scoreboard);
}
