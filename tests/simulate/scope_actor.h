// tests/simulate/scope_actor.h
//
// Children in a scope that read from streams which they leave to others when they are cut short:
// cancelled, failed, too late, joined or destroyed with the scope. No byte gets lost, no child
// outlives its scope, and join says what happened.

#ifndef TESTS_SIMULATE_SCOPE_ACTOR_H_
#define TESTS_SIMULATE_SCOPE_ACTOR_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "bufio/reader.h"
#include "tests/simulate/actor.h"
#include "tests/simulate/pending_call.h"
#include "tests/simulate/world.h"
#include "uring/scope.h"
#include "uring/task.h"
#include "uring/time.h"

namespace bufio::simulate {

class ScopeActor final : public Actor {
 public:
  ScopeActor(World& world, std::string name) : world_(world), name_(std::move(name)) {}
  ~ScopeActor() override { let_go(); }

  std::string name() const override { return name_; }
  void act(Choices& choices) override;
  void check() override;
  bool idle() override;
  void ring_goes(size_t ring) override { ring_goes_ |= ring == ring_; }
  bool wind_up() override;
  void let_go() override;

 private:
  struct Source {
    std::optional<Reader> reader;
    Feeder* feeder = nullptr;
    uint64_t size = 0;
    uint64_t pos = 0;    // that children have consumed to
    bool taken = false;  // a child is at it
  };
  // What a child is to do.
  struct Order {
    size_t source = 0;
    uint64_t bytes = 0;
    bool fails = false;   // in the end
    uint32_t nested = 0;  // children of its own, in a scope with an hour's time
  };
  class Alive;
  class Running;

  void begin(Choices& choices);
  void open_scope(Choices& choices);
  void close_scope();
  void stop();
  void cancel(Choices& choices);
  void spawn(Choices& choices);
  void look_at_end();
  void look_at_result(const absl::Status& status);
  void expect(bool holds, std::string_view what);
  bool ring_gone_now() const { return ring_generation_ != world_.ring_generation(ring_); }
  uring::Ring* live_ring() { return ring_gone_now() ? nullptr : world_.ring(ring_); }
  bool expected(const absl::Status& status) const;

  static uring::Task<absl::Status> child(ScopeActor& a, Order order);
  static uring::Task<absl::Status> read(ScopeActor& a, Order order);
  static uring::Task<absl::Status> parent(ScopeActor& a, Order order);
  static uring::Task<void> join(ScopeActor& a);

  World& world_;
  std::string name_;
  size_t ring_ = 0;
  uint64_t ring_generation_ = 0;
  bool ring_goes_ = false;
  Source sources_[2];
  bool begun_ = false;
  // Of the scope:
  size_t alive_ = 0;  // children that have begun and not ended
  uint64_t spawned_ = 0;
  uint64_t ended_ = 0;      // by themselves
  absl::Status error_;      // the first of a child
  size_t running_ = 0;      // of its own children, begun and not ended
  size_t max_running_ = 0;  // 0: no limit
  bool has_deadline_ = false;
  uring::TimePoint deadline_;
  bool has_stop_ = false;
  std::stop_source stop_;
  std::optional<uint64_t> due_since_;  // so many turns: it is late, or was stopped
  std::optional<uint64_t> cancelled_since_;
  std::stop_token token_;  // the scope's own
  bool cancelled_ = false;
  std::optional<uring::Scope> scope_;
  PendingCall joining_{world_, name_, [] {}};
};

}  // namespace bufio::simulate

#endif  // TESTS_SIMULATE_SCOPE_ACTOR_H_
