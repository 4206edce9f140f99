// tests/simulate/actor.h
//
// Somebody who uses the library in a simulated world, one small step at a time, and knows what
// every answer must be.
//
// A new kind of user is a class that derives from Actor and a line in actors.cc. The rules:
//
// - act() makes one step as its choices say, and never waits: a call that waits is kept as a
//   uring::Task that was started (Unobserved, unobserved.h), and looked at again in a later step.
// - What is wrong is told by World::fail, which does not stop anything.
// - Decisions come from the choices that a step is given, and from nowhere else. A step may be
//   left out of the program without changing what the others decide.

#ifndef TESTS_SIMULATE_ACTOR_H_
#define TESTS_SIMULATE_ACTOR_H_

#include <cstddef>
#include <string>

#include "uring/testing/choices.h"

namespace bufio::simulate {

using uring::testing::Choices;

class Actor {
 public:
  virtual ~Actor() = default;

  // What the trace calls it.
  virtual std::string name() const = 0;
  // One step.
  virtual void act(Choices& choices) = 0;
  // Looks whether what must hold at any time does. After every step of anybody.
  virtual void check() {}
  // A loop sleeps, and nothing will wake it: does something about that, or returns false.
  virtual bool idle() { return false; }
  // Ring `ring` is being destroyed, or has been: calls that wait for it are never resumed.
  virtual void ring_goes(size_t /*ring*/) {}
  virtual void ring_gone(size_t /*ring*/) {}
  // One step towards an orderly end, with nothing but the loops running in between; true when it
  // is reached. Not called in every program.
  virtual bool wind_up() { return true; }
  // Lets go of everything at once, whatever waits.
  virtual void let_go() = 0;
};

}  // namespace bufio::simulate

#endif  // TESTS_SIMULATE_ACTOR_H_
