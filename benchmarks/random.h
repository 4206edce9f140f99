// benchmarks/random.h
//
// splitmix64: a few instructions, and the same numbers everywhere.

#ifndef BENCHMARKS_RANDOM_H_
#define BENCHMARKS_RANDOM_H_

#include <cstdint>

namespace bench {

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  // Uniform enough in [0, bound).
  uint64_t below(uint64_t bound) {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return (z ^ (z >> 31)) % bound;
  }

 private:
  uint64_t state_;
};

}  // namespace bench

#endif  // BENCHMARKS_RANDOM_H_
