// Redis' protocol: values and requests.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "bufio/parse/resp.h"
#include "bufio/testing/fuzz_parser.h"
#include "uring/status.h"

namespace bufio {
namespace {

std::string print_value(const RespValue& value) {
  std::string text = absl::StrCat(static_cast<int>(value.type()), ":", value.size(), ":",
                                  value.integer(), ":", uring::as_absl(value.text()));
  if (!value.is_aggregate()) return text;
  for (const RespValue element : value) absl::StrAppend(&text, "[", print_value(element), "]");
  return text;
}

std::string print_request(const std::span<const std::string_view>& request) {
  std::string text;
  for (std::string_view argument : request) absl::StrAppend(&text, uring::as_absl(argument), "|");
  return text;
}

}  // namespace
}  // namespace bufio

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const bufio::testing::FuzzInput input(data, size);
  bufio::RespOptions options;
  if ((input.options & 1) != 0) {
    options = {.max_bulk = 9, .max_elements = 5, .max_depth = 2, .max_line = 12};
  }
  if ((input.options & 2) != 0) {
    bufio::testing::fuzz_parser(bufio::RespParser(options), input, bufio::print_value);
  } else {
    bufio::testing::fuzz_parser(bufio::RespRequestParser(options), input, bufio::print_request);
  }
  return 0;
}
