// Netstrings.

#include <cstddef>
#include <cstdint>

#include "bufio/parse/netstring.h"
#include "bufio/testing/fuzz_parser.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const bufio::testing::FuzzInput input(data, size);
  bufio::testing::fuzz_parser(bufio::NetstringParser({.max_size = 1000}), input);
  return 0;
}
