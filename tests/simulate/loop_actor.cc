#include "tests/simulate/loop_actor.h"

#include <chrono>

namespace bufio::simulate {

void LoopActor::act(Choices& choices) {
  const size_t ring = choices.below(static_cast<uint32_t>(world_.rings()));
  switch (choices.below(12)) {
    case 7:
    case 8:
      if (world_.ring(ring) == nullptr) return;
      world_.note("submit ", ring);
      return world_.ring(ring)->core().submit();
    case 9:
    case 10: {
      world_.note("the kernel works");
      for (uint32_t steps = 1 + choices.below(3); steps > 0; --steps) world_.system().step();
      return;
    }
    case 11:
      if (kernel_holds_ && choices.one_in(2)) {
        world_.note(world_.system().held() ? "the kernel goes on" : "the kernel holds");
        world_.system().hold(!world_.system().held());
        return;
      }
      if (rings_go_ && choices.one_in(2)) return change_rings(ring);
      world_.note("half an hour passes");
      return world_.system().advance(std::chrono::minutes(30));
    default:
      world_.note("turn ", ring);
      return world_.turn(ring);
  }
}

void LoopActor::change_rings(size_t ring) {
  if (world_.ring(ring) == nullptr) {
    world_.note("ring ", ring, " is made anew");
    return world_.make_ring(ring);
  }
  world_.note("ring ", ring, " is destroyed");
  world_.destroy_ring(ring);
}

}  // namespace bufio::simulate
