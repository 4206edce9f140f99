// Frames with their length in front, of every kind.

#include <cstddef>
#include <cstdint>

#include "bufio/parse/frames.h"
#include "bufio/testing/fuzz_parser.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const bufio::testing::FuzzInput input(data, size);
  bufio::FrameOptions options;
  options.length = static_cast<bufio::FrameLength>(input.options % 3);
  options.width = 1 + input.options / 3 % 8;
  options.includes_header = input.options >= 128;
  options.max_size = 1000;
  bufio::testing::fuzz_parser(bufio::FrameParser(options), input);
  return 0;
}
