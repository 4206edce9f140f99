// Whole programs on the simulated kernel: the bytes decide on the world, on what everybody does in
// it, and on all that the kernel does.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>

#include "tests/simulate/program.h"
#include "uring/testing/choices.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t kMostSteps = 400;
  uring::testing::ByteChoices choices(std::span<const uint8_t>(data, size));
  const std::string wrong = bufio::simulate::run_choices(
      choices, [&choices] { return choices.exhausted(); }, kMostSteps);
  if (wrong.empty()) return 0;
  std::fprintf(stderr, "%s\n", wrong.c_str());
  std::abort();
}
