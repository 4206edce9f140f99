#include "bufio/testing/simulated_ring.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstddef>
#include <utility>

#include "absl/status/statusor.h"
#include "bufio/descriptor.h"
#include "uring/check.h"
#include "uring/testing/sim_knobs.h"

namespace bufio::testing {
namespace {

// Errors of the kernel are scripted.
uring::testing::SimKnobs knobs_without_errors(uring::testing::Choices& choices) {
  uring::testing::SimKnobs knobs = uring::testing::random_knobs(choices);
  knobs.error_one_in = 0;
  return knobs;
}

}  // namespace

SimulatedRing::SimulatedRing(uint64_t seed)
    : choices_(seed), kernel_(choices_, knobs_without_errors(choices_)) {
  kernel_.watch(memory_);
  kernel_.on_idle = [this] { return feed_one(); };
  uring::RingOptions options;
  options.kernel = &kernel_;
  options.entries = 8;
  options.completion_entries = 16;
  options.buffer_memory = &memory_;
  options.buffer_cache_bytes = 0;  // what is cached was not freed
  absl::StatusOr<uring::Ring> ring = uring::Ring::create(std::move(options));
  URING_CHECK(ring.ok(), ring.status().ToString());
  ring_.emplace(*std::move(ring));
}

SimulatedRing::~SimulatedRing() {
  ring_.reset();
  kernel_.finish_torn_down();
  URING_CHECK(kernel_.violations().empty(), kernel_.violations().front());
}

Reader SimulatedRing::read(const Split& split, ReaderOptions options, int error) {
  int ends[2];
  URING_CHECK(pipe2(ends, O_CLOEXEC) == 0, "no pipe");
  ::close(ends[1]);
  Feed feed = {kernel_.attach_stream(ends[0]), {}, error};
  for (size_t i = 0; i < split.pieces(); ++i) feed.pieces.emplace_back(split.piece(i));
  feeds_.push_back(std::move(feed));
  return adopt_fd(*ring_, ends[0], options);
}

// One more piece, or the end, of one of the streams; false if all have ended.
bool SimulatedRing::feed_one() {
  if (feeds_.empty()) return false;
  const size_t which = choices_.below(static_cast<uint32_t>(feeds_.size()));
  Feed& feed = feeds_[which];
  if (!feed.pieces.empty()) {
    feed.stream->feed(feed.pieces.front());
    feed.pieces.pop_front();
    return true;
  }
  if (feed.error != 0) feed.stream->fail(feed.error);
  feed.stream->end();
  feeds_.erase(feeds_.begin() + static_cast<ptrdiff_t>(which));
  return true;
}

}  // namespace bufio::testing
