// benchmarks/pass.h
//
// One contestant: a function that goes over the whole input once and says what it found.
//
// Whatever costs once (rings, buffers, dropping pages, starting a writer) belongs outside the pass,
// and opening the file inside. A pass that finds anything but `expected` ends the program: a
// contestant that skips work does not win.

#ifndef BENCHMARKS_PASS_H_
#define BENCHMARKS_PASS_H_

#include <cstdint>
#include <functional>
#include <string>

#include "benchmarks/tally.h"

namespace bench {

struct Input {
  uint64_t bytes;
  Tally expected;
};

// Registers the benchmark `name`, with the counter kBytesPerSecond. `prepare` runs before each
// pass, untimed.
void add_pass(
    const std::string& name, const Input& input, std::function<Tally()> pass,
    std::function<void()> prepare = [] {});

}  // namespace bench

#endif  // BENCHMARKS_PASS_H_
