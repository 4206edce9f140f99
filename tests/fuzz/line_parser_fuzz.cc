// Lines, short and too long.

#include <cstddef>
#include <cstdint>

#include "bufio/lines.h"
#include "bufio/parse/line_parser.h"
#include "bufio/testing/fuzz_parser.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const bufio::testing::FuzzInput input(data, size);
  bufio::LineOptions options;
  options.max_length = 1 + input.options % 16;
  options.long_lines = static_cast<bufio::LongLine>(input.options / 16 % 3);
  options.keep_terminator = input.options >= 128;
  bufio::testing::fuzz_parser(bufio::LineParser(options), input);
  return 0;
}
