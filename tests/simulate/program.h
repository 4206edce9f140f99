// tests/simulate/program.h
//
// A program as data: what the world is made of, and who acts in which step, with what seed.
//
// Each step draws its decisions from choices of its own, and the kernel from others. So a step can
// be left out, and the rest still does what it did, or nearly: that is what shrinking lives on.

#ifndef TESTS_SIMULATE_PROGRAM_H_
#define TESTS_SIMULATE_PROGRAM_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/simulate/system.h"
#include "tests/simulate/world.h"
#include "uring/testing/choices.h"

namespace bufio::simulate {

enum class KernelKind : uint8_t { kSim, kReal };

// What happens in it.
//   one     one actor, one Ring
//   many    several of both
//   rings   Rings are destroyed, and come back
//   stuck   the kernel holds on to requests for as long as it likes
enum class Plot : uint8_t { kOne, kMany, kRings, kStuck };
inline constexpr uint32_t kPlots = 4;
std::string_view plot_name(Plot plot);
std::optional<Plot> plot_named(std::string_view name);

struct Step {
  size_t actor = 0;  // 0: the loops and the kernel themselves
  uint64_t seed = 0;
};

struct Program {
  uint64_t seed = 0;  // that it was made from
  KernelKind kernel = KernelKind::kSim;
  Plot plot = Plot::kOne;
  RingShape rings;
  // What the others are: which kind, by a number that is drawn here, so that it stays.
  std::vector<uint32_t> actors;
  std::vector<Step> steps;
  uint64_t kernel_seed = 0;
  // The kernel does nothing out of the ordinary.
  bool plain = false;
  // In the end everybody finishes what he does, before all is let go.
  bool winds_up = false;
};

// The program of a seed. Without a plot, one of the seed's own.
Program make_program(uint64_t seed, KernelKind kernel, std::optional<Plot> plot = std::nullopt);

// For tests of the tests: puts something between the world and its system.
using Sabotage = std::function<std::unique_ptr<System>(std::unique_ptr<System>)>;

// Runs it, and says what went wrong, or nothing. `trace` as for World.
std::string run(const Program& program, LineSink trace = nullptr,
                const Sabotage& sabotage = nullptr);

// Runs a program whose every decision, the kernel's too, comes from `choices`, until these have
// nothing more to say or `most_steps` were made.
std::string run_choices(uring::testing::Choices& choices, const std::function<bool()>& exhausted,
                        size_t most_steps);

// One line: what it is made of.
std::string describe(const Program& program);

}  // namespace bufio::simulate

#endif  // TESTS_SIMULATE_PROGRAM_H_
