#include "tests/simulate/program.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/simulate/actors.h"
#include "tests/simulate/loop_actor.h"
#include "tests/simulate/real_system.h"
#include "tests/simulate/sim_system.h"
#include "uring/status.h"

namespace bufio::simulate {
namespace {

using uring::testing::SeededChoices;

constexpr std::array<std::string_view, kPlots> kPlotNames = {"one", "many", "rings", "stuck"};

std::unique_ptr<System> make_system(KernelKind kind, Choices& choices, bool plain) {
  return kind == KernelKind::kSim ? make_sim_system(choices, plain)
                                  : make_real_system(choices, plain);
}

void add_actors(World& world, const Program& program) {
  const bool rings_go = program.plot == Plot::kRings || program.plot == Plot::kStuck;
  world.add(std::make_unique<LoopActor>(world, rings_go, program.plot == Plot::kStuck));
  for (size_t i = 0; i < program.actors.size(); ++i) {
    world.add(make_actor(world, program.actors[i], i + 1));
  }
}

void finish(World& world, bool winds_up) {
  if (winds_up && !world.failed()) world.wind_up();
  if (!world.failed()) world.end();
}

// The world's outline, but for who acts when.
void draw_world(Program& program, Choices& choices) {
  const bool several = program.plot != Plot::kOne;
  program.rings.rings = several ? 1 + choices.below(2) : 1;
  program.rings.entries = 1U << choices.below(5);
  program.rings.completion_entries = std::max(8U << choices.below(4), 2 * program.rings.entries);
  program.rings.cache_bytes = choices.one_in(4) ? size_t{1} << 20 : 0;
  // These are not drawn, so that older seeds make the programs that they made.
  program.rings.max_in_flight = program.seed % 3 == 0 ? 1000 : program.rings.completion_entries / 2;
  program.rings.extra_buffers = program.seed % 2 == 0 ? 0 : program.seed % 7;
  const uint32_t actors = several ? 1 + choices.below(4) : 1;
  for (uint32_t i = 0; i < actors; ++i) program.actors.push_back(choices.below(1U << 16));
  program.winds_up = choices.one_in(2);
}

}  // namespace

std::string_view plot_name(Plot plot) { return kPlotNames[static_cast<size_t>(plot)]; }

std::optional<Plot> plot_named(std::string_view name) {
  const auto* found = std::find(kPlotNames.begin(), kPlotNames.end(), name);
  if (found == kPlotNames.end()) return std::nullopt;
  return static_cast<Plot>(found - kPlotNames.begin());
}

Program make_program(uint64_t seed, KernelKind kernel, std::optional<Plot> plot) {
  SeededChoices choices(seed);
  Program program;
  program.seed = seed;
  program.kernel = kernel;
  const auto drawn = static_cast<Plot>(choices.below(kPlots));
  program.plot = plot.value_or(drawn);
  draw_world(program, choices);
  program.plain = choices.one_in(8);
  program.kernel_seed = choices.next();
  const uint32_t steps = choices.one_in(4) ? 20 + choices.below(150) : 10 + choices.below(50);
  for (uint32_t i = 0; i < steps; ++i) {
    const bool loop = choices.one_in(3);
    const size_t actor = loop ? 0 : 1 + choices.below(static_cast<uint32_t>(program.actors.size()));
    program.steps.push_back({actor, choices.next()});
  }
  return program;
}

namespace {

std::string run_once(const Program& program, LineSink trace, const Sabotage& sabotage,
                     bool& leaked) {
  SeededChoices kernel_choices(program.kernel_seed);
  std::unique_ptr<System> system = make_system(program.kernel, kernel_choices, program.plain);
  if (sabotage) system = sabotage(std::move(system));
  World world(std::move(system), program.rings, std::move(trace));
  add_actors(world, program);
  for (const Step& step : program.steps) {
    if (world.failed()) break;
    SeededChoices choices(step.seed);
    world.actor(step.actor).act(choices);
    world.check();
  }
  finish(world, program.winds_up);
  leaked = world.leaked();
  return world.failure();
}

// The lowest descriptors, but for the standard ones.
using LowDescriptors = std::array<bool, 64>;
constexpr int kLowest = 3;

// Which of them are open.
LowDescriptors open_descriptors() {
  std::array<pollfd, 64> entries;
  for (size_t i = 0; i < entries.size(); ++i) entries[i] = {static_cast<int>(i) + kLowest, 0, 0};
  LowDescriptors open = {};
  if (poll(entries.data(), entries.size(), 0) < 0) return open;
  for (size_t i = 0; i < entries.size(); ++i) open[i] = (entries[i].revents & POLLNVAL) == 0;
  return open;
}

// What a Ring that leaked has kept is not to be lacking to the next program.
void close_others(const LowDescriptors& before) {
  const LowDescriptors now = open_descriptors();
  for (size_t i = 0; i < now.size(); ++i) {
    if (now[i] && !before[i]) ::close(static_cast<int>(i) + kLowest);
  }
}

}  // namespace

std::string run(const Program& program, LineSink trace, const Sabotage& sabotage) {
  const LowDescriptors before = open_descriptors();
  bool leaked = false;
  std::string wrong = run_once(program, std::move(trace), sabotage, leaked);
  if (leaked) close_others(before);
  if (!wrong.empty() || open_descriptors() == before) return wrong;
  return "a descriptor was left behind";
}

std::string run_choices(Choices& choices, const std::function<bool()>& exhausted,
                        size_t most_steps) {
  Program program;
  program.plot = static_cast<Plot>(choices.below(kPlots));
  draw_world(program, choices);
  World world(make_sim_system(choices, choices.one_in(4)), program.rings, nullptr);
  add_actors(world, program);
  for (size_t step = 0; step < most_steps && !exhausted() && !world.failed(); ++step) {
    world.actor(choices.below(static_cast<uint32_t>(world.actors()))).act(choices);
    world.check();
  }
  finish(world, program.winds_up);
  return world.failure();
}

std::string describe(const Program& program) {
  return absl::StrCat(
      "plot ", uring::as_absl(plot_name(program.plot)), ", ", program.actors.size(), " actors, ",
      program.rings.rings, " rings of ", program.rings.entries, " and ",
      program.rings.completion_entries, " entries and ", program.rings.max_in_flight,
      " requests in flight, cache ", program.rings.cache_bytes, ", ", program.rings.extra_buffers,
      " extra buffers, ", program.steps.size(), " steps", program.plain ? ", a plain kernel" : "",
      program.winds_up ? ", winding up" : "");
}

}  // namespace bufio::simulate
