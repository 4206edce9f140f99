// examples/csv2json.cc
//
// Turns CSV into JSON, a line for each record.
//
//   bazel run -c opt //examples:csv2json -- "$PWD/people.csv"       {"name":"Ada","born":"1815"}
//   bazel run -c opt //examples:csv2json -- --array "$PWD/people.csv"       ["Ada","1815"]
//
// All values are strings: CSV knows nothing else. Bytes that are no UTF-8 become U+FFFD.

#include <getopt.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "bufio/messages.h"
#include "bufio/parse/csv.h"
#include "bufio/reader.h"
#include "bufio/scan.h"
#include "bufio/take.h"
#include "bufio/writer.h"
#include "bufio/writer_descriptor.h"
#include "examples/json_text.h"
#include "examples/progress.h"
#include "examples/standard_descriptors.h"
#include "examples/tool.h"
#include "uring/block_on.h"
#include "uring/ring.h"
#include "uring/status.h"
#include "uring/task.h"

namespace csv2json {
namespace {

constexpr size_t kOutput = size_t{64} << 10;

struct Job {
  std::string file = "-";
  bool arrays = false;
  char separator = ',';
  tool::Progress progress;
};

// Which line of the file the byte at `offset` is in; 0: cannot be found out.
uring::Task<uint64_t> line_at(uring::Ring& ring, const Job& job, uint64_t offset) {
  if (job.file == "-") co_return 0;
  absl::StatusOr<bufio::Reader> reader = co_await tool::open_input(ring, job.file);
  if (!reader.ok()) co_return 0;
  bufio::Reader before = bufio::take(*reader, offset);
  uint64_t line = 1;
  for (;;) {
    absl::StatusOr<std::string_view> view = co_await before.fill_buf();
    if (!view.ok()) co_return 0;
    if (view->empty()) co_return line;
    line += bufio::count_byte(*view, '\n');
    before.consume(view->size());
  }
}

void append_record(const bufio::CsvRecord& record, bool as_array, std::string& out) {
  out.push_back(as_array ? '[' : '{');
  for (size_t i = 0; i < record.size(); ++i) {
    if (i > 0) out.push_back(',');
    if (!as_array) {
      append_json_string(record.columns().names()[i], out);
      out.push_back(':');
    }
    append_json_string(record[i], out);
  }
  out.push_back(as_array ? ']' : '}');
  out.push_back('\n');
}

uring::Task<absl::Status> convert(uring::Ring& ring, Job& job) {
  absl::StatusOr<bufio::Reader> reader = co_await tool::open_input(ring, job.file);
  if (!reader.ok()) co_return reader.status();
  bufio::Writer output = bufio::standard_output(ring);
  bufio::Messages<bufio::CsvParser> records(
      *reader, bufio::CsvParser({.separator = job.separator, .header = !job.arrays}));
  std::string out;
  const auto use = [&out, &job](const bufio::CsvRecord& record) {
    append_record(record, job.arrays, out);
  };
  for (;;) {
    std::optional<bufio::CsvRecord> record = co_await records.next();
    if (!record.has_value()) break;
    use(*record);
    records.for_each_buffered(use);
    job.progress.bytes = reader->stats().bytes;
    if (out.size() < kOutput) continue;
    const absl::Status written = co_await output.write(out);
    if (!written.ok()) co_return written;
    out.clear();
  }
  const absl::Status written = co_await output.write(out);
  if (!written.ok()) co_return written;
  const absl::Status closed = co_await output.close();
  if (records.status().ok()) co_return closed;
  const uint64_t line = co_await line_at(ring, job, reader->pos());
  if (line == 0) co_return records.status();
  co_return uring::annotate(records.status(), "line " + std::to_string(line));
}

constexpr const char* kHelp =
    "Usage: csv2json [--array] [-d SEPARATOR] [FILE]\n"
    "Print each record of a CSV file as a JSON object, keyed by the first record.\n"
    "Files that gzip, zstd, lz4 or xz have compressed are decompressed. With no FILE,\n"
    "or when FILE is -, read standard input.\n"
    "\n"
    "  --array       print records as arrays, the first one, too\n"
    "  -d SEPARATOR  one byte instead of the comma; \\t is a tab\n"
    "  --help        display this help and exit\n";

int main(int argc, char** argv) {
  Job job;
  const option options[] = {{"array", no_argument, nullptr, 'a'},
                            {"help", no_argument, nullptr, 'h'},
                            {nullptr, 0, nullptr, 0}};
  for (int option; (option = getopt_long(argc, argv, "d:", options, nullptr)) != -1;) {
    switch (option) {
      case 'a':
        job.arrays = true;
        break;
      case 'd': {
        const std::string_view separator = std::string_view(optarg) == "\\t" ? "\t" : optarg;
        if (separator.size() != 1 || separator == "\"" || separator == "\n" || separator == "\r") {
          std::fputs("csv2json: a SEPARATOR is one byte, and no quote or newline\n", stderr);
          return EXIT_FAILURE;
        }
        job.separator = separator[0];
        break;
      }
      case 'h':
        std::fputs(kHelp, stdout);
        return std::fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
      default:
        std::fputs("Try 'csv2json --help' for more information.\n", stderr);
        return EXIT_FAILURE;
    }
  }
  if (optind + 1 < argc) {
    std::fputs("csv2json: one FILE at a time; try 'csv2json --help'\n", stderr);
    return EXIT_FAILURE;
  }
  if (optind < argc) job.file = argv[optind];
  if (!occupy_standard_descriptors()) return EXIT_FAILURE;
  job.progress = tool::expect({job.file});
  absl::StatusOr<uring::Ring> ring = uring::Ring::create();
  absl::Status status = ring.status();
  if (ring.ok()) {
    status = uring::block_on(*ring, tool::show_while(*ring, job.progress, convert(*ring, job)));
  }
  if (status.ok()) return EXIT_SUCCESS;
  std::fprintf(stderr, "csv2json: %s\n", std::string(status.message()).c_str());
  return EXIT_FAILURE;
}

}  // namespace
}  // namespace csv2json

int main(int argc, char** argv) { return csv2json::main(argc, argv); }
