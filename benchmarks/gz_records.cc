// Lines of a cached file that gzip has compressed, against `zcat | wc -l`, which has both cores.

#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "benchmarks/die.h"
#include "benchmarks/readers.h"
#include "benchmarks/record_files.h"
#include "benchmarks/records.h"
#include "benchmarks/tally.h"
#include "bufio/decompress/gzip.h"
#include "bufio/open.h"
#include "bufio/reader.h"
#include "uring/block_on.h"
#include "uring/ring.h"
#include "uring/task.h"

namespace bench {
namespace {

// The file beside `path` that gzip makes of it, unless it is there.
std::string compressed(const std::string& path) {
  const std::string packed = path + ".gz";
  struct stat stat;
  if (::stat(packed.c_str(), &stat) == 0) return packed;
  const std::string command = absl::StrCat("gzip -c '", path, "' >'", packed, ".new' && mv '",
                                           packed, ".new' '", packed, "'");
  if (std::system(command.c_str()) != 0) die("gzip " + path, 0);
  return packed;
}

uring::Task<Tally> lines_of(uring::Ring& ring, std::string path) {
  absl::StatusOr<bufio::Reader> file = co_await bufio::open(ring, std::move(path));
  die_unless(file.status());
  bufio::Reader reader = bufio::gunzip(*std::move(file));
  Tally tally = co_await measure_lines(reader);
  co_return tally;
}

uint64_t printed_number(const std::string& command) {
  FILE* output = popen(command.c_str(), "r");
  if (output == nullptr) die(command, errno);
  unsigned long long number = 0;
  if (std::fscanf(output, "%llu", &number) != 1) die(command, 0);
  pclose(output);
  return number;
}

}  // namespace

void add_gz_records() {
  const auto corpus = line_file();
  const std::string path = compressed(corpus->path());
  const auto ring = std::make_shared<uring::Ring>(make_ring());
  const Input input{corpus->size(), uring::block_on(*ring, lines_of(*ring, path))};
  add_record_pass("gz/reader", input,
                  [=] { return uring::block_on(*ring, lines_of(*ring, path)); });
  add_record_pass("gz/zcat_wc", input, [=] {
    Tally tally = input.expected;
    tally.lines = printed_number("taskset -c 0-1023 sh -c \"zcat '" + path + "' | wc -l\"");
    return tally;
  });
}

}  // namespace bench
