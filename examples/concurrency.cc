// examples/concurrency.cc
//
// Counts the lines of files, on two cores, eight files of each at a time, for at most ten seconds.
//
//   bazel run -c opt //examples:concurrency -- "$PWD/README.md" "$PWD/LICENSE"

#include <pthread.h>
#include <signal.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bufio/open.h"
#include "bufio/reader.h"
#include "uring/ring.h"
#include "uring/run_on_cores.h"
#include "uring/scope.h"
#include "uring/signals.h"
#include "uring/spawn.h"
#include "uring/task.h"
#include "uring/time.h"

using namespace std::chrono_literals;

// Example begin
uring::Task<absl::Status> count_lines(uring::Ring& ring, std::string path, uint64_t& total) {
  absl::StatusOr<bufio::Reader> reader = co_await bufio::open(ring, std::move(path));
  if (!reader.ok()) co_return reader.status();
  bufio::Lines lines = reader->lines();
  for (;;) {
    const bufio::Token line = co_await lines.next();
    if (!line.has_value()) break;
    ++total;
  }
  co_return lines.status();
}

uring::Task<absl::Status> count_files(uring::Ring& ring, std::vector<std::string> paths,
                                      std::stop_token stop, uint64_t& total) {
  uring::ScopeOptions options;
  options.stop = std::move(stop);                             // whoever asks, on any thread
  options.deadline = uring::deadline_after(ring.now(), 10s);  // for all of it
  options.max_running = 8;                                    // files open at once
  uring::Scope scope(ring, std::move(options));
  for (std::string& path : paths) {
    const absl::Status room = co_await scope.room();
    if (!room.ok()) break;  // join() says why
    scope.spawn(count_lines(ring, std::move(path), total));
  }
  const absl::Status status = co_await scope.join();  // the first error, if there was one
  co_return status;
}
// Example end

// Example begin
struct Share {
  std::vector<std::string> paths;
  uint64_t total = 0;
};

uring::Task<void> stop_on_signal(uring::Signals signals, std::stop_source stop) {
  const absl::StatusOr<int> signal = co_await signals.next();
  if (signal.ok()) stop.request_stop();
}

uring::Task<absl::Status> count_share(uring::Ring& ring, int core, Share& share,
                                      std::stop_source stop) {
  if (core == 0) {
    absl::StatusOr<uring::Signals> signals = uring::Signals::block(ring, {SIGINT, SIGTERM});
    if (!signals.ok()) co_return signals.status();
    uring::spawn(ring, stop_on_signal(*std::move(signals), stop));
  }
  const absl::Status status =
      co_await count_files(ring, share.paths, stop.get_token(), share.total);
  co_return status;
}

absl::Status count_on_cores(std::vector<Share>& shares) {
  std::stop_source stop;  // a core that fails stops the others by it
  return uring::run_on_cores(
      static_cast<int>(shares.size()),
      [&](uring::Ring& ring, int core) {
        return count_share(ring, core, shares[static_cast<size_t>(core)], stop);
      },
      {}, stop);
}
// Example end

int main(int argc, char** argv) {
  // Before there are threads: core 0 alone takes them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  std::vector<Share> shares(2);
  for (int i = 1; i < argc; ++i) shares[static_cast<size_t>(i % 2)].paths.emplace_back(argv[i]);
  const absl::Status status = count_on_cores(shares);
  if (!status.ok()) return std::fprintf(stderr, "%s\n", status.ToString().c_str()), 1;
  std::printf("%llu\n", static_cast<unsigned long long>(shares[0].total + shares[1].total));
  return 0;
}
