// Protobuf messages behind varints.

#include <google/protobuf/any.pb.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "bufio/parse/protobuf_delimited.h"
#include "bufio/testing/fuzz_parser.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using google::protobuf::Any;
  const bufio::testing::FuzzInput input(data, size);
  const bufio::ProtobufDelimitedOptions options = {
      .max_message = (input.options & 1) != 0 ? size_t{10} : size_t{1} << 20};
  bufio::testing::fuzz_parser(
      [options] { return bufio::ProtobufDelimitedParser<Any>(options); }, input,
      [](const Any* message) { return message->type_url() + "|" + message->value(); });
  return 0;
}
