#include "bufio/testing/fuzz_parser.h"

#include <cstdio>
#include <cstdlib>
#include <string>

namespace bufio::testing {

FuzzInput::FuzzInput(const uint8_t* data, size_t size) {
  if (size > 0) options = data[0];
  if (size > 1) seed = data[1];
  if (size > 2) bytes = std::string_view(reinterpret_cast<const char*>(data) + 2, size - 2);
}

namespace internal {

void require_same(const absl::Status& status, const FuzzInput& input) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\nfor %s, options %d, seed %d\n", status.ToString().c_str(),
               quoted(input.bytes).c_str(), static_cast<int>(input.options),
               static_cast<int>(input.seed));
  std::abort();
}

}  // namespace internal
}  // namespace bufio::testing
