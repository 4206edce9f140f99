// tests/simulate/loop_actor.h
//
// Turns the loops, hands over what is queued, lets the kernel work, lets time pass; and, where the
// plot wants it, destroys Rings, makes others, and has the kernel hold on to requests.

#ifndef TESTS_SIMULATE_LOOP_ACTOR_H_
#define TESTS_SIMULATE_LOOP_ACTOR_H_

#include <string>

#include "tests/simulate/actor.h"
#include "tests/simulate/world.h"

namespace bufio::simulate {

class LoopActor final : public Actor {
 public:
  LoopActor(World& world, bool rings_go, bool kernel_holds)
      : world_(world), rings_go_(rings_go), kernel_holds_(kernel_holds) {}

  std::string name() const override { return "loop"; }
  void act(Choices& choices) override;
  void let_go() override {}

 private:
  void change_rings(size_t ring);

  World& world_;
  bool rings_go_;
  bool kernel_holds_;
};

}  // namespace bufio::simulate

#endif  // TESTS_SIMULATE_LOOP_ACTOR_H_
