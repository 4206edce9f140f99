// tests/simulate/listener_actor.h
//
// Listens, accepts and connects on one Ring, and has Streams over what comes of it (Unix sockets,
// and TCP where there is a network): calls are made and given up in any order, connections are
// dropped, the Listener goes with calls that wait and with connections that nobody has taken.
//
// No connection may get lost or be in two hands: each is accepted by one call, in the order of the
// calls, or closed with its Listener.

#ifndef TESTS_SIMULATE_LISTENER_ACTOR_H_
#define TESTS_SIMULATE_LISTENER_ACTOR_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/simulate/actor.h"
#include "tests/simulate/connection_end.h"
#include "tests/simulate/connection_ledger.h"
#include "tests/simulate/pending_call.h"
#include "tests/simulate/world.h"
#include "uring/listener.h"
#include "uring/socket.h"
#include "uring/task.h"

namespace bufio::simulate {

class ListenerActor final : public Actor {
 public:
  ListenerActor(World& world, std::string name);
  ~ListenerActor() override { let_go(); }

  std::string name() const override { return name_; }
  void act(Choices& choices) override;
  void check() override;
  bool idle() override;
  void ring_goes(size_t ring) override { ring_goes_ |= ring == ring_; }
  void ring_gone(size_t ring) override;
  bool wind_up() override;
  void let_go() override;

 private:
  static constexpr size_t kMostCalls = 4;
  static constexpr size_t kMostEnds = 6;

  // A call of accept() or connect(); used again when it is over.
  struct Call {
    Call(World& world, const std::string& name) : pending(world, name, [this] { cut_short(); }) {}
    void cut_short();

    uint64_t number = 0;
    bool accepts = false;
    bool over = true;  // ended or given up
    Place* place = nullptr;
    bool waited = false;  // it did not end at once
    bool plain = false;   // not in a race, which others may have won before it says so
    std::optional<uint64_t> due_since;  // so many turns: its Listener is gone
    PendingCall pending;
  };

  // --- steps
  void begin(Choices& choices);
  void act_on_leftovers(Choices& choices);
  void listen(Choices& choices);
  void close_listener();
  void accept(Choices& choices);
  void connect(Choices& choices);
  void act_on_call(Choices& choices);
  void act_on_end(Choices& choices);
  void drop_end(size_t index);
  Call* begin_call(bool accepts);
  void collect();

  static uring::Task<void> accepting(ListenerActor& a, Call& call);
  static uring::Task<void> connecting(ListenerActor& a, Call& call, bool by_host);
  void was_accepted(Call& call, absl::StatusOr<uring::Socket> socket);
  void was_connected(Call& call, absl::StatusOr<uring::Socket> socket);
  void add_end(Place& place, bool accepted, const uring::Socket& socket);

  // --- when the loop sleeps
  bool pass_by();
  bool accept_waits() const;
  bool connect_waits() const;

  void expect(bool holds, std::string_view what);
  bool ring_gone_now() const { return ring_generation_ != world_.ring_generation(ring_); }

  World& world_;
  std::string name_;
  size_t ring_ = 0;
  uint64_t ring_generation_ = 0;
  bool ring_goes_ = false;
  bool begun_ = false;
  bool winds_up_ = false;
  ConnectionLedger ledger_;
  Place* place_ = nullptr;  // of the last listener
  std::optional<uring::Listener> listener_;
  bool listens_ = false;  // somebody has waited for a connection
  uint64_t passed_in_turn_ = 0;
  int passed_ = 0;  // so many in that turn
  uint64_t calls_made_ = 0;
  std::vector<std::unique_ptr<ConnectionEnd>> ends_;
  // Destroyed first. One that is over is used again, so they are not in the order of the calls.
  std::vector<std::unique_ptr<Call>> calls_;
};

}  // namespace bufio::simulate

#endif  // TESTS_SIMULATE_LISTENER_ACTOR_H_
