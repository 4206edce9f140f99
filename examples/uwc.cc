// examples/uwc.cc
//
// Counts lines and bytes, and prints them exactly as `wc -l -c` does.
//
//   bazel run -c opt //examples:uwc -- --stats /var/log/syslog
//
// All inputs are read on one ring, a bounded number of them at once. One coroutine counts one
// input; a handful of workers take the inputs in turn, and a progress line runs beside them until
// they are done.

#include <getopt.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cinttypes>
#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bufio/descriptor.h"
#include "bufio/open.h"
#include "bufio/reader.h"
#include "bufio/scan.h"
#include "examples/progress.h"
#include "examples/standard_descriptors.h"
#include "examples/wc_format.h"
#include "uring/block_on.h"
#include "uring/ring.h"
#include "uring/status.h"
#include "uring/task.h"
#include "uring/when_all.h"
#include "uring/when_any.h"

namespace uwc {
namespace {

constexpr size_t kMostAtOnce = 64;

struct Input {
  std::optional<std::string> name;  // none: standard input, because there were no arguments
  std::optional<struct stat> stat;  // none: could not be looked at
  bool opened = false;              // only then a line is printed
  uint64_t lines = 0;
  uint64_t bytes = 0;
  std::string error;  // why it could not be opened, or read to its end

  bool standard_input() const { return !name.has_value() || *name == "-"; }
  std::string shown_name() const { return quoted_name(name.value_or("standard input")); }
};

std::string reason(const absl::Status& status) {
  const int error = uring::errno_of(status);
  return error != 0 ? std::generic_category().message(error) : std::string(status.message());
}

// What all workers share.
struct Job {
  std::vector<Input> inputs;
  // Inputs that are read one after the other, because what one takes the next does not get:
  // standard input named twice, or one FIFO. Most groups are of one.
  std::vector<std::vector<Input*>> groups;
  size_t next_group = 0;
  tool::Progress progress;
  bufio::ReaderStats stats;
};

void add(bufio::ReaderStats& sum, const bufio::ReaderStats& stats) {
  sum.reads += stats.reads;
  sum.bytes += stats.bytes;
  sum.hits += stats.hits;
  sum.stalls += stats.stalls;
  sum.wasted_bytes += stats.wasted_bytes;
}

uring::Task<absl::Status> count_all(bufio::Reader& reader, Input& input, tool::Progress& progress) {
  for (;;) {
    absl::StatusOr<std::string_view> view = co_await reader.fill_buf();
    if (!view.ok()) co_return view.status();
    if (view->empty()) co_return absl::OkStatus();
    input.lines += bufio::count_byte(*view, '\n');
    input.bytes += view->size();
    progress.bytes += view->size();
    reader.consume(view->size());
  }
}

uring::Task<absl::Status> count_input(uring::Ring& ring, Input& input, Job& job) {
  if (input.standard_input()) {
    bufio::Reader reader = bufio::standard_input(ring);
    input.opened = true;
    absl::Status status = co_await count_all(reader, input, job.progress);
    add(job.stats, reader.stats());
    // Leaves the offset of a file where reading ended, for whoever reads on.
    auto released = co_await reader.release();
    static_cast<void>(released);
    co_return status;
  }
  const std::string path = input.name.value_or("");
  if (path.empty()) co_return absl::OkStatus();  // said in print()
  absl::StatusOr<bufio::Reader> reader = co_await bufio::open(ring, path);
  if (!reader.ok()) co_return reader.status();
  input.opened = true;
  absl::Status status = co_await count_all(*reader, input, job.progress);
  add(job.stats, reader->stats());
  co_return status;
}

// Takes groups until there are no more.
uring::Task<void> work(uring::Ring& ring, Job& job) {
  while (job.next_group < job.groups.size()) {
    for (Input* input : job.groups[job.next_group++]) {
      const absl::Status status = co_await count_input(ring, *input, job);
      if (!status.ok()) input->error = reason(status);
      ++job.progress.inputs;
    }
  }
}

// How many inputs may be open at once: what the system lets us, with some to spare.
size_t at_once() {
  constexpr rlim_t kSpare = 16;
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur <= kSpare) return 1;
  return static_cast<size_t>(std::min<rlim_t>(limit.rlim_cur - kSpare, kMostAtOnce));
}

uring::Task<void> run(uring::Ring& ring, Job& job) {
  std::vector<uring::Task<void>> workers;
  const size_t count = std::min(at_once(), job.groups.size());
  workers.reserve(count);
  for (size_t i = 0; i < count; ++i) workers.push_back(work(ring, job));
  if (isatty(STDERR_FILENO) == 0) {
    co_await uring::when_all(std::move(workers));
    co_return;
  }
  co_await uring::when_any(uring::when_all(std::move(workers)),
                           tool::show_progress(ring, job.progress));
}

Job make_job(char** begin, char** end) {
  Job job;
  if (begin == end) job.inputs.emplace_back();
  for (char** name = begin; name != end; ++name) job.inputs.emplace_back().name = *name;
  std::map<std::pair<dev_t, ino_t>, size_t> shared;
  for (Input& input : job.inputs) {
    struct stat stat;
    const bool is_stdin = input.standard_input();
    const std::string path = input.name.value_or("");
    const int failed = is_stdin ? fstat(STDIN_FILENO, &stat) : ::stat(path.c_str(), &stat);
    if (failed == 0) input.stat = stat;
    if (failed == 0 && S_ISREG(stat.st_mode)) {
      job.progress.expected_bytes += static_cast<uint64_t>(stat.st_size);
    }
    size_t group = job.groups.size();
    if (failed == 0 && (is_stdin || !S_ISREG(stat.st_mode)))
      group = shared.try_emplace(std::pair(stat.st_dev, stat.st_ino), group).first->second;
    if (group == job.groups.size()) job.groups.emplace_back();
    job.groups[group].push_back(&input);
  }
  job.progress.all_inputs = job.inputs.size();
  return job;
}

// Prints what was found, in the order of the arguments; returns whether all of it could be read and
// written.
bool print(const Job& job) {
  std::vector<std::optional<struct stat>> stats;
  stats.reserve(job.inputs.size());
  for (const Input& input : job.inputs) stats.push_back(input.stat);
  const int width = column_width(stats);
  bool good = true;
  uint64_t lines = 0;
  uint64_t bytes = 0;
  for (const Input& input : job.inputs) {
    const bool nameless = input.name.has_value() && input.name->empty();
    if (nameless || !input.error.empty()) {
      good = false;
      std::fflush(stdout);
      if (nameless) {
        std::fputs("uwc: invalid zero-length file name\n", stderr);
      } else {
        std::fprintf(stderr, "uwc: %s: %s\n", input.shown_name().c_str(), input.error.c_str());
      }
    }
    if (!input.opened) continue;
    lines += input.lines;
    bytes += input.bytes;
    std::fputs(count_line(input.lines, input.bytes, width, input.name).c_str(), stdout);
  }
  if (job.inputs.size() > 1) std::fputs(count_line(lines, bytes, width, "total").c_str(), stdout);
  errno = 0;
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0 && std::fclose(stdout) == 0) return good;
  const int error = errno;
  std::fprintf(stderr, "uwc: write error%s%s\n", error != 0 ? ": " : "",
               error != 0 ? std::generic_category().message(error).c_str() : "");
  return false;
}

void print_stats(const uring::Ring& ring, const bufio::ReaderStats& stats, double seconds) {
  std::fprintf(stderr,
               "uwc: %" PRIu64
               " bytes in %.3f s, %s/s\n"
               "uwc: %" PRIu64 " system calls of the ring, %" PRIu64 " reads, %" PRIu64
               " read-ahead hits, %" PRIu64
               " stalls\n"
               "uwc: %s\n",
               stats.bytes, seconds,
               tool::human_bytes(static_cast<double>(stats.bytes) / seconds).c_str(),
               ring.stats().enters, stats.reads, stats.hits, stats.stalls,
               ring.capabilities().describe().c_str());
}

constexpr const char* kHelp =
    "Usage: uwc [--stats] [FILE]...\n"
    "Print newline and byte counts for each FILE, and a total line if more than\n"
    "one FILE is specified, as `wc -l -c` does. With no FILE, or when FILE is -,\n"
    "read standard input. The files are read concurrently, on one io_uring.\n"
    "\n"
    "  --stats  say on standard error what it cost: system calls, reads,\n"
    "           read-ahead hits and stalls\n"
    "  --help   display this help and exit\n";

int main(int argc, char** argv) {
  std::setlocale(LC_CTYPE, "");  // which characters of a name can be shown
  bool stats = false;
  const option options[] = {
      {"stats", no_argument, nullptr, 's'},
      {"help", no_argument, nullptr, 'h'},
      {nullptr, 0, nullptr, 0},
  };
  for (int option; (option = getopt_long(argc, argv, "", options, nullptr)) != -1;) {
    switch (option) {
      case 's':
        stats = true;
        break;
      case 'h':
        std::fputs(kHelp, stdout);
        return std::fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
      default:
        std::fputs("Try 'uwc --help' for more information.\n", stderr);
        return EXIT_FAILURE;
    }
  }
  Job job = make_job(argv + optind, argv + argc);
  if (!occupy_standard_descriptors()) return EXIT_FAILURE;
  absl::StatusOr<uring::Ring> ring = uring::Ring::create();
  if (!ring.ok()) {
    std::fprintf(stderr, "uwc: cannot set up io_uring: %s\n",
                 std::string(ring.status().message()).c_str());
    return EXIT_FAILURE;
  }
  const auto started = std::chrono::steady_clock::now();
  uring::block_on(*ring, run(*ring, job));
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - started;
  const bool good = print(job);
  if (stats) print_stats(*ring, job.stats, elapsed.count());
  return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace
}  // namespace uwc

int main(int argc, char** argv) { return uwc::main(argc, argv); }
