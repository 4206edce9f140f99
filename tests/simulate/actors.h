// tests/simulate/actors.h
//
// The kinds of actors there are.

#ifndef TESTS_SIMULATE_ACTORS_H_
#define TESTS_SIMULATE_ACTORS_H_

#include <cstdint>
#include <memory>
#include <string>

#include "tests/simulate/actor.h"
#include "tests/simulate/world.h"

namespace bufio::simulate {

// One of the kind; `number` tells it from others.
std::unique_ptr<Actor> make_actor(World& world, uint32_t kind, size_t number);

}  // namespace bufio::simulate

#endif  // TESTS_SIMULATE_ACTORS_H_
