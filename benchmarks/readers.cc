#include "benchmarks/readers.h"

#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "benchmarks/die.h"
#include "benchmarks/tally.h"
#include "bufio/open.h"
#include "bufio/reader.h"
#include "bufio/reader_options.h"
#include "uring/block_on.h"
#include "uring/options.h"
#include "uring/ring.h"
#include "uring/task.h"

namespace bench {
namespace {

void die_unless_ok(const absl::Status& status) {
  if (!status.ok()) die(status.ToString(), 0);
}

uring::Task<Tally> open_and_parse(uring::Ring& ring, std::string path, bufio::ReaderOptions options,
                                  Parser* parse) {
  absl::StatusOr<bufio::Reader> reader = co_await bufio::open(ring, std::move(path), options);
  die_unless_ok(reader.status());
  co_return co_await parse(*reader);
}

}  // namespace

uring::Task<Tally> count_newlines(bufio::Reader& reader) {
  NewlineCount newlines;
  for (;;) {
    absl::StatusOr<std::string_view> view = co_await reader.fill_buf();
    die_unless_ok(view.status());
    if (view->empty()) break;
    newlines.take(*view);
    reader.consume(view->size());
  }
  co_return newlines.result();
}

uring::Task<Tally> measure_lines(bufio::Reader& reader) {
  LineLengths lengths;
  bufio::Lines lines = reader.lines();
  for (;;) {
    bufio::Token line = co_await lines.next();
    if (!line.has_value()) break;
    lengths.add(*line);
    lines.for_each_buffered([&lengths](std::string_view each) { lengths.add(each); });
  }
  die_unless_ok(lines.status());
  co_return lengths.result();
}

uring::Task<Tally> measure_each_line(bufio::Reader& reader) {
  LineLengths lengths;
  bufio::Lines lines = reader.lines();
  for (;;) {
    bufio::Token line = co_await lines.next();
    if (!line.has_value()) break;
    lengths.add(*line);
  }
  die_unless_ok(lines.status());
  co_return lengths.result();
}

uring::Ring make_ring(const uring::RingOptions& options) {
  absl::StatusOr<uring::Ring> ring = uring::Ring::create(options);
  die_unless_ok(ring.status());
  return *std::move(ring);
}

Tally parse_file(uring::Ring& ring, const std::string& path, const bufio::ReaderOptions& options,
                 Parser* parse) {
  return uring::block_on(ring, open_and_parse(ring, path, options, parse));
}

}  // namespace bench
