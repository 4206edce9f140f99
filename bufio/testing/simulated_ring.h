// bufio/testing/simulated_ring.h
//
// A Ring whose kernel does what a seed says: it completes in any order and late, reads short, is
// interrupted, answers cancels in every way. The same seed does the same.
//
//   for (uint64_t seed = 1; seed <= 200; ++seed) {
//     SimulatedRing simulated(seed);
//     bufio::Reader reader = simulated.read(Split::random(text, seed));
//     EXPECT_EQ(uring::block_on(simulated.ring(), count_lines(reader)), 400) << seed;
//   }
//
// Bytes arrive when the program waits for them. A program that waits for what nothing will bring is
// ended with a message. In its end it looks whether the kernel saw anything that must not be (a
// buffer or descriptor that went too early), and ends the process with that. What it models:
// docs/simulation.md.

#ifndef BUFIO_TESTING_SIMULATED_RING_H_
#define BUFIO_TESTING_SIMULATED_RING_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bufio/reader.h"
#include "bufio/reader_options.h"
#include "bufio/testing/split.h"
#include "uring/ring.h"
#include "uring/testing/choices.h"
#include "uring/testing/sim_kernel.h"
#include "uring/testing/sim_memory.h"

namespace bufio::testing {

class SimulatedRing {
 public:
  explicit SimulatedRing(uint64_t seed);
  SimulatedRing(const SimulatedRing&) = delete;
  SimulatedRing& operator=(const SimulatedRing&) = delete;
  // Readers must go first.
  ~SimulatedRing();

  uring::Ring& ring() { return *ring_; }
  // A Reader of a stream that arrives in these pieces, and then ends; or fails with `error`, a
  // positive errno, such as ECONNRESET.
  Reader read(const Split& split, ReaderOptions options = {}, int error = 0);
  // For what else the kernel can be told: other knobs, the clock, a trace.
  uring::testing::SimKernel& kernel() { return kernel_; }

 private:
  struct Feed {
    std::shared_ptr<uring::testing::SimStream> stream;
    std::deque<std::string> pieces;
    int error;
  };

  bool feed_one();

  uring::testing::SeededChoices choices_;
  uring::testing::SimMemory memory_;
  uring::testing::SimKernel kernel_;
  std::vector<Feed> feeds_;  // that have not ended
  std::optional<uring::Ring> ring_;
};

}  // namespace bufio::testing

#endif  // BUFIO_TESTING_SIMULATED_RING_H_
