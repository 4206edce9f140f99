// JSON lines; and that what simdjson is lent behind a line has no part in what it makes of it.

#include <cstddef>
#include <cstdint>
#include <string>

#include "bufio/parse/json_lines.h"
#include "bufio/testing/fuzz_parser.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const bufio::testing::FuzzInput input(data, size);
  const bufio::JsonLinesOptions options = {.padded = false,
                                           .skip_bad = (input.options & 1) != 0,
                                           .max_line = (input.options & 2) != 0 ? 20U : 1000U};
  bufio::testing::fuzz_parser(
      [options] { return bufio::JsonLinesParser(options); }, input,
      [](const bufio::JsonLine& line) { return std::string(simdjson::minify(line.json())); });
  return 0;
}
