// JSON lines: two fields of each object. The rival is simdjson's iterate_many on the loaded file.

#include <simdjson.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "benchmarks/die.h"
#include "benchmarks/readers.h"
#include "benchmarks/record_files.h"
#include "benchmarks/records.h"
#include "benchmarks/tally.h"
#include "bufio/parse/json_lines.h"

namespace bench {
namespace {

constexpr size_t kBatch = size_t{1} << 20;  // simdjson's default is 1 MB

template <class Document>
void add_document(Tally& tally, Document&& document) {
  uint64_t id = 0;
  std::string_view name;
  if (document["id"].get(id) || document["name"].get(name)) die("no JSON as expected", 0);
  ++tally.lines;
  tally.bytes += id + name.size();
}

Tally json_by_simdjson(std::string_view text) {
  simdjson::ondemand::parser parser;
  simdjson::ondemand::document_stream documents;
  if (parser.iterate_many(text.data(), text.size(), kBatch).get(documents)) die("iterate_many", 0);
  Tally tally;
  for (auto document : documents) add_document(tally, document);
  return tally;
}

}  // namespace

void add_json_records() {
  const auto corpus = json_file();
  const auto loaded = std::make_shared<const Loaded>(*corpus);
  const auto ring = std::make_shared<uring::Ring>(make_ring());
  const Input input = add_parser(
      "json", corpus, loaded, ring,
      [](bool padded) { return bufio::JsonOnDemandParser({.padded = padded}); },
      [](Tally& tally, const bufio::JsonOnDemandLine& line) { add_document(tally, line.json()); });
  add_record_pass("json/iterate_many", input, [=] { return json_by_simdjson(loaded->view()); });
  add_parser(
      "json_dom", corpus, loaded, ring,
      [](bool padded) { return bufio::JsonLinesParser({.padded = padded}); },
      [](Tally& tally, const bufio::JsonLine& line) { add_document(tally, line.json()); });
}

}  // namespace bench
