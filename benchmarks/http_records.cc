// Heads of HTTP requests: how many, and the bytes of targets and of fields' values.

#include <memory>

#include "benchmarks/readers.h"
#include "benchmarks/record_files.h"
#include "benchmarks/records.h"
#include "benchmarks/tally.h"
#include "bufio/parse/http1.h"

namespace bench {

void add_http_records() {
  const auto corpus = http_file();
  const auto loaded = std::make_shared<const Loaded>(*corpus);
  const auto ring = std::make_shared<uring::Ring>(make_ring());
  add_parser(
      "http", corpus, loaded, ring, [](bool) { return bufio::HttpRequestParser(); },
      [](Tally& tally, const bufio::HttpRequest& request) {
        ++tally.lines;
        tally.bytes += request.target.size();
        for (const bufio::HttpField& field : request.fields) tally.bytes += field.value.size();
      });
}

}  // namespace bench
