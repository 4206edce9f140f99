#include "tests/simulate/explore.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/simulate/shrink.h"
#include "uring/sanitizer.h"
#include "uring/status.h"

#ifdef URING_ADDRESS_SANITIZER
#include <sanitizer/lsan_interface.h>
#endif

namespace bufio::simulate {
namespace {

using std::chrono::steady_clock;

// No program needs a second; one that needs this many hangs.
constexpr unsigned kPatienceSeconds = 20;

// What the processes of one exploration share.
struct Shared {
  std::atomic<uint64_t> next_seed;
  std::atomic<uint64_t> passed;
  std::atomic<bool> stop;
};

// What one worker works on, for when it does not come back.
struct Progress {
  std::atomic<uint64_t> seed;
  char what[400];  // found by the oracle; else the process told nobody
};

template <class T>
T* map_shared(size_t count) {
  void* memory =
      mmap(nullptr, sizeof(T) * count, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) std::abort();
  return new (memory) T[count]();
}

// The processes end without the leak checker's look, so it is asked for. Slow.
bool memory_leaked() {
#ifdef URING_ADDRESS_SANITIZER
  return __lsan_do_recoverable_leak_check() != 0;
#else
  return false;
#endif
}

pid_t fork_or_die() {
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child < 0) std::abort();
  return child;
}

std::string read_all(int fd) {
  std::string all;
  char bytes[4096];
  for (;;) {
    const ssize_t count = read(fd, bytes, sizeof bytes);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return all;
    all.append(bytes, static_cast<size_t>(count));
  }
}

void write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno != EINTR) std::_Exit(3);
    bytes.remove_prefix(static_cast<size_t>(std::max<ssize_t>(count, 0)));
  }
}

std::string how_it_ended(int status) {
  if (WIFSIGNALED(status)) {
    if (WTERMSIG(status) == SIGALRM) return "it does not end";
    return absl::StrCat("the process was ended by signal ", WTERMSIG(status));
  }
  return absl::StrCat("the process ended with status ", WEXITSTATUS(status));
}

void give_up_if(const std::string& wrong, Progress& progress) {
  if (wrong.empty()) return;
  std::snprintf(progress.what, sizeof progress.what, "%s", wrong.c_str());
  std::_Exit(1);
}

// Runs seeds until there are none. Ends at the first failure, so that the next program finds a
// process that is as it should be.
[[noreturn]] void work(const ExploreOptions& options, Shared& shared, Progress& progress,
                       steady_clock::time_point deadline) {
  constexpr uint64_t kProgramsPerLeakCheck = 200;
  const std::string kLeaked = "memory was leaked, by this program or one a little before it";
  const uint64_t end = options.first_seed + options.seeds;
  uint64_t programs = 0;
  while (!shared.stop) {
    if (options.seconds > 0 && steady_clock::now() >= deadline) break;
    const uint64_t seed = shared.next_seed++;
    if (seed >= end) break;
    progress.seed = seed;
    alarm(kPatienceSeconds);
    const Program program = make_program(seed, options.kernel, options.plot);
    give_up_if(run(program, nullptr, options.sabotage), progress);
    ++shared.passed;
    if (++programs % kProgramsPerLeakCheck == 0 && memory_leaked()) give_up_if(kLeaked, progress);
  }
  if (memory_leaked()) give_up_if(kLeaked, progress);
  std::_Exit(0);
}

Failure examine(const ExploreOptions& options, Failure failure) {
  const uint64_t seed = failure.seed;
  Program program = make_program(seed, options.kernel, options.plot);
  std::string trace;
  const std::string seen_again = run_apart(program, options.sabotage, &trace);
  failure.shrunk = program;
  if (seen_again.empty()) {
    failure.what += ", but not again";
  } else {
    const Fails fails = [&options](const Program& candidate) {
      return !run_apart(candidate, options.sabotage, nullptr).empty();
    };
    failure.shrunk = shrink(program, fails);
    trace.clear();
    const std::string again = run_apart(failure.shrunk, options.sabotage, &trace);
    if (!again.empty()) failure.what = again;
  }
  failure.report =
      absl::StrCat("seed ", seed, ": ", failure.what, "\n  shrunk from ", describe(program),
                   "\n  to ", describe(failure.shrunk), "\n", trace,
                   "  again: ", line_to_run_again(program, options.plot.has_value()), "\n");
  return failure;
}

}  // namespace

std::string run_apart(const Program& program, const Sabotage& sabotage, std::string* trace) {
  int results[2];
  int lines[2];
  if (pipe(results) != 0 || pipe(lines) != 0) std::abort();
  const pid_t child = fork_or_die();
  if (child == 0) {
    close(results[0]);
    close(lines[0]);
    // What a process says as it is ended belongs to the trace.
    if (trace != nullptr) dup2(lines[1], STDERR_FILENO);
    if (trace == nullptr && std::freopen("/dev/null", "w", stderr) == nullptr) std::abort();
    alarm(kPatienceSeconds);
    const LineSink sink = [&lines](std::string_view line) {
      write_all(lines[1], absl::StrCat("  ", uring::as_absl(line), "\n"));
    };
    std::string wrong = run(program, trace != nullptr ? sink : LineSink(), sabotage);
    if (wrong.empty() && memory_leaked()) wrong = "memory was leaked";
    write_all(results[1], wrong);
    std::_Exit(wrong.empty() ? 0 : 1);
  }
  close(results[1]);
  close(lines[1]);
  std::string all = read_all(lines[0]);
  std::string what = read_all(results[0]);
  close(results[0]);
  close(lines[0]);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (trace != nullptr) *trace = std::move(all);
  const bool orderly = WIFEXITED(status) && WEXITSTATUS(status) <= 1;
  return orderly ? what : how_it_ended(status);
}

Explored explore(const ExploreOptions& options) {
  const steady_clock::time_point started = steady_clock::now();
  const auto deadline = started + std::chrono::duration_cast<steady_clock::duration>(
                                      std::chrono::duration<double>(options.seconds));
  auto* shared = map_shared<Shared>(1);
  auto* progress = map_shared<Progress>(options.jobs);
  shared->next_seed = options.first_seed;
  std::vector<pid_t> workers(options.jobs, 0);
  const auto hire = [&](size_t place) {
    progress[place].what[0] = '\0';
    const pid_t child = fork_or_die();
    if (child == 0) work(options, *shared, progress[place], deadline);
    workers[place] = child;
  };
  for (size_t place = 0; place < workers.size(); ++place) hire(place);
  Explored explored;
  std::vector<Failure> failed;
  for (size_t working = workers.size(); working > 0;) {
    int status = 0;
    const pid_t ended = waitpid(-1, &status, 0);
    if (ended < 0 && errno == EINTR) continue;
    const auto worker = std::find(workers.begin(), workers.end(), ended);
    if (worker == workers.end()) continue;
    const auto place = static_cast<size_t>(worker - workers.begin());
    *worker = 0;
    --working;
    if (status == 0) continue;
    const std::string told = progress[place].what;
    failed.push_back({progress[place].seed, told.empty() ? how_it_ended(status) : told, {}, {}});
    if (failed.size() >= options.max_failures) {
      shared->stop = true;
    } else {
      hire(place);
      ++working;
    }
  }
  explored.passed = shared->passed;
  explored.seconds = std::chrono::duration<double>(steady_clock::now() - started).count();
  for (Failure& failure : failed) {
    explored.failures.push_back(examine(options, std::move(failure)));
  }
  munmap(shared, sizeof(Shared));
  munmap(progress, sizeof(Progress) * options.jobs);
  return explored;
}

std::string line_to_run_again(const Program& program, bool plot_given) {
  return absl::StrCat(
      "bazel run -c opt //tests:simulate -- --kernel=",
      program.kernel == KernelKind::kSim ? "sim" : "real",
      plot_given ? absl::StrCat(" --plot=", uring::as_absl(plot_name(program.plot))) : "",
      " --seed=", program.seed);
}

}  // namespace bufio::simulate
