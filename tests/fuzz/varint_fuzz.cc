// Integers of variable length.

#include <cstddef>
#include <cstdint>

#include "bufio/parse/varint.h"
#include "bufio/testing/fuzz_parser.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const bufio::testing::FuzzInput input(data, size);
  bufio::testing::fuzz_parser(bufio::VarintParser(), input);
  bufio::testing::fuzz_parser(bufio::SignedVarintParser(), input);
  bufio::testing::fuzz_parser(bufio::ZigzagParser(), input);
  return 0;
}
