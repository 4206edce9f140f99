// benchmarks/abandonment.h
//
// A race of readers some of whose waiters give up: what it costs that a read is abandoned in
// flight, and is wanted again.
//
// One round: a waiter on every stream, with its read in flight in the kernel; some of them give up,
// by a script that is the same for all contestants, and wait again; then a message comes into every
// stream, and is taken. So each message is a read, of which a share was abandoned once. Only the
// contestant is timed, not the feeding.
//
//   64 streams   a turn of a server's loop: what is to be said to the kernel is said for all at once
//   1 stream     one peer, asked and waited for: nobody else to share a system call with
//
// Nobody sleeps, and every read is in the kernel before its message comes. So to send a read and to
// collect it are two calls, which a loop that sleeps makes in one. With one stream, calls per read
// are 2 here for whoever keeps an abandoned read, and 2 + 2p for whoever cancels it; in a loop that
// sleeps they would be 1 + p and 1 + 2p, where p is the share that is abandoned.

#ifndef BENCHMARKS_ABANDONMENT_H_
#define BENCHMARKS_ABANDONMENT_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "benchmarks/streams.h"

namespace bench {

// Counters, beside kBytesPerSecond and kAllocations: per read, and the last one at its worst.
inline constexpr const char* kEnters = "enters";    // io_uring_enter(2)
inline constexpr const char* kCancels = "cancels";  // cancel requests
inline constexpr const char* kGraveyard = "graveyard";

struct Scene {
  Streams streams;
  // By stream: whether its waiter gives up in this round, or, once that has happened, in the next.
  std::vector<char> gives_up;
};

// So far.
struct CancelCosts {
  uint64_t enters = 0;
  uint64_t cancels = 0;
  size_t longest_graveyard = 0;
};

class Contestant {
 public:
  Contestant() = default;
  Contestant(const Contestant&) = delete;
  Contestant& operator=(const Contestant&) = delete;
  virtual ~Contestant() = default;

  // Has a read in flight on every stream, abandons those of the waiters who give up, and has all
  // wait again. No message has come.
  virtual void wait() = 0;
  // A message has come into every stream: takes them all, and wants the next ones.
  virtual void collect() = 0;

  virtual CancelCosts costs() const = 0;
};

struct RaceOptions {
  StreamKind kind = StreamKind::kPipe;
  size_t streams = 1;
  uint64_t percent = 0;  // of the reads are abandoned
};

using MakeContestant = std::function<std::unique_ptr<Contestant>(Scene& scene)>;

// Registers the benchmark `name`; each repetition makes a contestant and streams of its own,
// untimed, and warms them up.
void add_race(const std::string& name, const RaceOptions& options, MakeContestant make);

}  // namespace bench

#endif  // BENCHMARKS_ABANDONMENT_H_
