// CSV: its records, and the bytes of all their fields. The rival is what one writes by hand: a loop
// over the bytes of a mapping, which knows no limits and reports no errors.

#include <memory>
#include <string_view>

#include "benchmarks/readers.h"
#include "benchmarks/record_files.h"
#include "benchmarks/records.h"
#include "benchmarks/rivals_posix.h"
#include "benchmarks/tally.h"
#include "bufio/parse/csv.h"

namespace bench {
namespace {

Tally csv_by_hand(std::string_view text) {
  Tally tally;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at != end) {
    if (*at == '"') {
      // In quotes, two of which are one.
      for (++at; at != end; ++at) {
        if (*at == '"') {
          if (at + 1 == end || at[1] != '"') break;
          ++at;
        }
        ++tally.bytes;
      }
      if (at != end) ++at;
    }
    const char* start = at;
    while (at != end && *at != ',' && *at != '\n') ++at;
    tally.bytes += static_cast<uint64_t>(at - start);
    if (at == end) break;
    if (*at == '\n') ++tally.lines;
    ++at;
  }
  return tally;
}

}  // namespace

void add_csv_records() {
  const auto corpus = csv_file();
  const auto loaded = std::make_shared<const Loaded>(*corpus);
  const auto ring = std::make_shared<uring::Ring>(make_ring());
  const Input input = add_parser(
      "csv", corpus, loaded, ring, [](bool) { return bufio::CsvParser(); },
      [](Tally& tally, const bufio::CsvRecord& record) {
        ++tally.lines;
        for (std::string_view field : record) tally.bytes += field.size();
      });
  add_record_pass("csv/mapped_loop", input, [=] {
    const Mapping mapping(corpus->fd(), corpus->size());
    return csv_by_hand(mapping.view());
  });
}

}  // namespace bench
