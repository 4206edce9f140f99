// COBS and SLIP: packets that are delimited by a byte, and escape it.

#include <cstddef>
#include <cstdint>

#include "bufio/parse/cobs.h"
#include "bufio/parse/slip.h"
#include "bufio/testing/fuzz_parser.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const bufio::testing::FuzzInput input(data, size);
  const size_t max_size = 1 + size_t{4} * input.options;
  bufio::testing::fuzz_parser(bufio::CobsParser({.max_size = max_size}), input);
  bufio::testing::fuzz_parser(bufio::SlipParser({.max_size = max_size}), input);
  return 0;
}
