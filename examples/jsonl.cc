// examples/jsonl.cc
//
// Prints a value of each line of JSON that has it.
//
//   bazel run -c opt //examples:jsonl -- /user/name "$PWD/events.jsonl.gz"
//
// Which value is said by a JSON pointer (RFC 6901). Lines without it are left out; lines that are
// no JSON are an error, unless they may be passed over.

#include <getopt.h>
#include <simdjson.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "bufio/messages.h"
#include "bufio/parse/json_lines.h"
#include "bufio/reader.h"
#include "bufio/writer.h"
#include "bufio/writer_descriptor.h"
#include "examples/progress.h"
#include "examples/standard_descriptors.h"
#include "examples/tool.h"
#include "uring/block_on.h"
#include "uring/ring.h"
#include "uring/task.h"

namespace jsonl {
namespace {

constexpr size_t kOutput = size_t{64} << 10;
constexpr size_t kLongestLine = size_t{64} << 20;

struct Job {
  std::string pointer;
  std::vector<std::string> files;
  bool raw = false;
  bool skip_bad = false;
  tool::Progress progress;
  uint64_t bytes_before = 0;  // of the files that are done
  bool failed = false;
};

void complain(Job& job, absl::string_view what) {
  job.failed = true;
  std::fprintf(stderr, "jsonl: %.*s\n", static_cast<int>(what.size()), what.data());
}

void append_value(const bufio::JsonLine& line, const Job& job, std::string& out) {
  simdjson::dom::element value;
  if (line.json().at_pointer(job.pointer).get(value) != simdjson::SUCCESS) return;
  std::string_view text;
  if (job.raw && value.get(text) == simdjson::SUCCESS) {
    out.append(text);
  } else {
    out += simdjson::minify(value);
  }
  out.push_back('\n');
}

// Goes through one file. The status is that of writing: what is wrong with the file is complained
// of.
uring::Task<absl::Status> print(uring::Ring& ring, const std::string& name, Job& job,
                                bufio::Writer& output) {
  absl::StatusOr<bufio::Reader> reader =
      co_await tool::open_input(ring, name, {.max_buffer_size = kLongestLine});
  if (!reader.ok()) {
    complain(job, reader.status().message());
    co_return absl::OkStatus();
  }
  bufio::Messages<bufio::JsonLinesParser> lines(
      *reader,
      bufio::JsonLinesParser(
          {.padded = reader->padded(), .skip_bad = job.skip_bad, .max_line = kLongestLine}));
  std::string out;
  const auto use = [&out, &job](const bufio::JsonLine& line) { append_value(line, job, out); };
  for (;;) {
    std::optional<bufio::JsonLine> line = co_await lines.next();
    if (!line.has_value()) break;
    use(*line);
    lines.for_each_buffered(use);
    job.progress.bytes = job.bytes_before + reader->stats().bytes;
    if (out.size() < kOutput) continue;
    const absl::Status written = co_await output.write(out);
    if (!written.ok()) co_return written;
    out.clear();
  }
  job.bytes_before += reader->stats().bytes;
  ++job.progress.inputs;
  if (!lines.status().ok()) complain(job, lines.status().message());
  if (lines.parser().skipped() > 0) {
    complain(job, absl::StrCat(name, ": ", lines.parser().skipped(),
                               " lines that are no JSON were passed over"));
  }
  const absl::Status written = co_await output.write(out);
  co_return written;
}

uring::Task<absl::Status> print_all(uring::Ring& ring, Job& job) {
  bufio::Writer output = bufio::standard_output(ring);
  for (const std::string& file : job.files) {
    const absl::Status written = co_await print(ring, file, job, output);
    if (!written.ok()) co_return written;
  }
  const absl::Status closed = co_await output.close();
  co_return closed;
}

constexpr const char* kHelp =
    "Usage: jsonl [-r] [--skip-bad] POINTER [FILE]...\n"
    "Print the value at POINTER, a JSON pointer as /user/name or /list/0, of each line\n"
    "that has one. The empty POINTER stands for whole lines. Files that gzip, zstd,\n"
    "lz4 or xz have compressed are decompressed. With no FILE, or when FILE is -, read\n"
    "standard input.\n"
    "\n"
    "  -r          print strings as they are, without quotes and escapes\n"
    "  --skip-bad  go on behind lines that are no JSON, and say at the end how many\n"
    "              they were\n"
    "  --help      display this help and exit\n"
    "\n"
    "The exit status is 0, or 1 if there was trouble.\n";

int main(int argc, char** argv) {
  Job job;
  const option options[] = {{"skip-bad", no_argument, nullptr, 's'},
                            {"help", no_argument, nullptr, 'h'},
                            {nullptr, 0, nullptr, 0}};
  for (int option; (option = getopt_long(argc, argv, "r", options, nullptr)) != -1;) {
    switch (option) {
      case 'r':
        job.raw = true;
        break;
      case 's':
        job.skip_bad = true;
        break;
      case 'h':
        std::fputs(kHelp, stdout);
        return std::fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
      default:
        std::fputs("Try 'jsonl --help' for more information.\n", stderr);
        return EXIT_FAILURE;
    }
  }
  if (optind == argc) {
    std::fputs("jsonl: no POINTER; try 'jsonl --help'\n", stderr);
    return EXIT_FAILURE;
  }
  job.pointer = argv[optind];
  if (!job.pointer.empty() && job.pointer[0] != '/') {
    complain(job, absl::StrCat("bad POINTER: ", job.pointer, " does not begin with /"));
    return EXIT_FAILURE;
  }
  job.files.assign(argv + optind + 1, argv + argc);
  if (job.files.empty()) job.files.emplace_back("-");
  if (!occupy_standard_descriptors()) return EXIT_FAILURE;
  job.progress = tool::expect(job.files);
  absl::StatusOr<uring::Ring> ring = uring::Ring::create();
  absl::Status status = ring.status();
  if (ring.ok()) {
    status = uring::block_on(*ring, tool::show_while(*ring, job.progress, print_all(*ring, job)));
  }
  if (!status.ok()) complain(job, status.message());
  return job.failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

}  // namespace
}  // namespace jsonl

int main(int argc, char** argv) { return jsonl::main(argc, argv); }
