// tests/simulate/signal_actor.h
//
// Waits for signals, which it raises itself: before somebody waits and while somebody does, with
// the call given up in between, with two who wait for the same ones, and with the Ring gone.
//
// Each signal comes to one call, whoever was given up, or is delivered when nobody keeps it back
// any more. One of its two signals is of the kind that comes once however often it was raised, the
// other comes as often.

#ifndef TESTS_SIMULATE_SIGNAL_ACTOR_H_
#define TESTS_SIMULATE_SIGNAL_ACTOR_H_

#include <signal.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "tests/simulate/actor.h"
#include "tests/simulate/pending_call.h"
#include "tests/simulate/world.h"
#include "uring/signals.h"
#include "uring/task.h"

namespace bufio::simulate {

class SignalActor final : public Actor {
 public:
  SignalActor(World& world, std::string name);
  ~SignalActor() override;

  std::string name() const override { return name_; }
  void act(Choices& choices) override;
  void check() override;
  bool idle() override;
  void ring_goes(size_t ring) override { ring_goes_ |= ring == ring_; }
  bool wind_up() override;
  void let_go() override;

 private:
  // Somebody who waits. The second comes later than the first, and goes before it: who has blocked
  // a signal first unblocks it.
  struct Waiting {
    Waiting(World& world, const std::string& name) : call(world, name, [] {}) {}
    std::optional<uring::Signals> signals;
    PendingCall call;
  };
  // One of the two signals.
  struct Kind {
    int number = 0;
    bool queues = false;
    uint64_t pending = 0;    // raised, and neither taken nor delivered
    uint64_t delivered = 0;  // to its handler, of what was expected
  };

  void begin(Choices& choices);
  void block(Waiting& waiting);
  void unblock(Waiting& waiting);
  void raise(Choices& choices);
  void raise(Kind& kind);
  void next(Waiting& waiting, Choices& choices);
  void expect(bool holds, std::string_view what);
  bool anything_pending() const;
  bool ring_gone_now() const { return ring_generation_ != world_.ring_generation(ring_); }

  static uring::Task<void> taking(SignalActor& a, Waiting& waiting);
  void taken(const absl::StatusOr<int>& signal);

  World& world_;
  std::string name_;
  size_t set_;  // of signals, which is nobody else's
  size_t ring_ = 0;
  uint64_t ring_generation_ = 0;
  bool ring_goes_ = false;
  bool begun_ = false;
  std::array<Kind, 2> kinds_;
  std::array<struct sigaction, 2> before_;
  Waiting first_{world_, name_};
  Waiting second_{world_, name_};
};

}  // namespace bufio::simulate

#endif  // TESTS_SIMULATE_SIGNAL_ACTOR_H_
