// examples/gz_grep.cc
//
// Prints the lines that match a regular expression, of files that may be compressed.
//
//   bazel run -c opt //examples:gz_grep -- -n 'error|warning' "$PWD"/*.log "$PWD"/*.gz
//
// gzip, zstd, lz4 and xz are told by their first bytes. A batch of files is opened, and its first
// bytes are read, all at once; then one file after the other is searched. A line is held in memory,
// a file is not.

#include <getopt.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "bufio/reader.h"
#include "bufio/writer.h"
#include "bufio/writer_descriptor.h"
#include "examples/progress.h"
#include "examples/standard_descriptors.h"
#include "examples/tool.h"
#include "re2/re2.h"
#include "uring/block_on.h"
#include "uring/ring.h"
#include "uring/task.h"
#include "uring/when_all.h"

namespace gz_grep {
namespace {

constexpr size_t kBatch = 32;
constexpr size_t kLongestLine = size_t{64} << 20;

struct Job {
  Job(const std::string& pattern, const RE2::Options& options) : regex(pattern, options) {}

  RE2 regex;
  bool count = false;
  bool numbers = false;
  std::vector<std::string> files;
  tool::Progress progress;
  uint64_t bytes_before = 0;  // of the files that are done
  bool matched = false;
  bool failed = false;
};

void complain(Job& job, absl::string_view what) {
  job.failed = true;
  std::fprintf(stderr, "gz_grep: %.*s\n", static_cast<int>(what.size()), what.data());
}

// Searches one file. The status is that of writing: what is wrong with the file is complained of.
uring::Task<absl::Status> search(bufio::Reader& reader, const std::string& name, Job& job,
                                 bufio::Writer& output) {
  std::string found;
  uint64_t line_number = 0;
  uint64_t matches = 0;
  const auto use = [&](std::string_view line) {
    ++line_number;
    if (!RE2::PartialMatch(re2::StringPiece(line.data(), line.size()), job.regex)) return;
    ++matches;
    if (job.count) return;
    if (job.files.size() > 1) absl::StrAppend(&found, name, ":");
    if (job.numbers) absl::StrAppend(&found, line_number, ":");
    found.append(line);
    found.push_back('\n');
  };
  bufio::Lines lines = reader.lines();
  for (;;) {
    const bufio::Token line = co_await lines.next();
    if (!line.has_value()) break;
    use(*line);
    lines.for_each_buffered(use);
    job.progress.bytes = job.bytes_before + reader.stats().bytes;
    if (found.empty()) continue;
    const absl::Status written = co_await output.write(found);
    if (!written.ok()) co_return written;
    found.clear();
  }
  job.bytes_before += reader.stats().bytes;
  ++job.progress.inputs;
  job.matched = job.matched || matches > 0;
  if (!lines.status().ok()) {
    complain(job, absl::StrCat(name, ":", line_number + 1, ": ", lines.status().message()));
  }
  if (!job.count) co_return absl::OkStatus();
  if (job.files.size() > 1) absl::StrAppend(&found, name, ":");
  absl::StrAppend(&found, matches, "\n");
  const absl::Status written = co_await output.write(found);
  co_return written;
}

uring::Task<absl::Status> search_all(uring::Ring& ring, Job& job) {
  const bufio::ReaderOptions options = {.max_buffer_size = kLongestLine};
  bufio::Writer output = bufio::standard_output(ring);
  for (size_t first = 0; first < job.files.size(); first += kBatch) {
    const size_t behind = std::min(first + kBatch, job.files.size());
    std::vector<uring::Task<absl::StatusOr<bufio::Reader>>> opening;
    for (size_t i = first; i < behind; ++i)
      opening.push_back(tool::open_input(ring, job.files[i], options));
    std::vector<absl::StatusOr<bufio::Reader>> readers =
        co_await uring::when_all(std::move(opening));
    for (size_t i = first; i < behind; ++i) {
      absl::StatusOr<bufio::Reader> reader = std::move(readers[i - first]);
      if (!reader.ok()) {
        complain(job, reader.status().message());
        continue;
      }
      const absl::Status written = co_await search(*reader, job.files[i], job, output);
      if (!written.ok()) co_return written;
    }
  }
  const absl::Status closed = co_await output.close();
  co_return closed;
}

constexpr const char* kHelp =
    "Usage: gz_grep [-c] [-i] [-n] PATTERN [FILE]...\n"
    "Print the lines of each FILE that match PATTERN, a regular expression of RE2.\n"
    "Files that gzip, zstd, lz4 or xz have compressed are decompressed. With no FILE,\n"
    "or when FILE is -, read standard input.\n"
    "\n"
    "  -c      print only how many lines match, for each FILE\n"
    "  -i      do not tell upper case from lower case\n"
    "  -n      print the number of each line, too\n"
    "  --help  display this help and exit\n"
    "\n"
    "The exit status is 0 if a line matched, 1 if none did, 2 if there was trouble.\n";

constexpr int kTrouble = 2;

int main(int argc, char** argv) {
  bool count = false;
  bool numbers = false;
  RE2::Options regex_options(RE2::Quiet);
  const option options[] = {{"help", no_argument, nullptr, 'h'}, {nullptr, 0, nullptr, 0}};
  for (int option; (option = getopt_long(argc, argv, "cin", options, nullptr)) != -1;) {
    switch (option) {
      case 'c':
        count = true;
        break;
      case 'i':
        regex_options.set_case_sensitive(false);
        break;
      case 'n':
        numbers = true;
        break;
      case 'h':
        std::fputs(kHelp, stdout);
        return std::fflush(stdout) == 0 ? EXIT_SUCCESS : kTrouble;
      default:
        std::fputs("Try 'gz_grep --help' for more information.\n", stderr);
        return kTrouble;
    }
  }
  if (optind == argc) {
    std::fputs("gz_grep: no PATTERN; try 'gz_grep --help'\n", stderr);
    return kTrouble;
  }
  Job job(argv[optind], regex_options);
  job.count = count;
  job.numbers = numbers;
  job.files.assign(argv + optind + 1, argv + argc);
  if (job.files.empty()) job.files.emplace_back("-");
  if (!job.regex.ok()) {
    complain(job, absl::StrCat("bad PATTERN: ", job.regex.error()));
    return kTrouble;
  }
  if (!occupy_standard_descriptors()) return kTrouble;
  job.progress = tool::expect(job.files);
  absl::StatusOr<uring::Ring> ring = uring::Ring::create();
  if (!ring.ok()) {
    complain(job, absl::StrCat("cannot set up io_uring: ", ring.status().message()));
    return kTrouble;
  }
  const absl::Status status =
      uring::block_on(*ring, tool::show_while(*ring, job.progress, search_all(*ring, job)));
  if (!status.ok()) complain(job, status.message());
  return job.failed ? kTrouble : job.matched ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace
}  // namespace gz_grep

int main(int argc, char** argv) { return gz_grep::main(argc, argv); }
