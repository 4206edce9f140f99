// tests/simulate/pending_call.h
//
// A call that was made in one step of an actor and is looked at in later ones, and the ways in
// which it may be cancelled meanwhile.

#ifndef TESTS_SIMULATE_PENDING_CALL_H_
#define TESTS_SIMULATE_PENDING_CALL_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "tests/simulate/actor.h"
#include "tests/simulate/world.h"
#include "uring/ring.h"
#include "uring/task.h"

namespace bufio::simulate {

class PendingCall {
 public:
  // `cut_short` is called when the call was destroyed while it waited.
  PendingCall(World& world, const std::string& name, std::function<void()> cut_short)
      : world_(world), name_(name), cut_short_(std::move(cut_short)) {}
  PendingCall(const PendingCall&) = delete;
  PendingCall& operator=(const PendingCall&) = delete;

  // Starts `body`, which reports for itself what it comes to: as it is, against somebody who ends
  // when the race is over, or with an hour's time. Without a Ring: as it is.
  void start(uring::Ring* ring, uring::Task<void> body, Choices& choices);
  // Forgets it if it has ended.
  void collect();
  // From start() until it is collected or destroyed.
  bool made() const { return static_cast<bool>(task_); }
  bool waits() const { return made() && !task_.ended(); }

  // Destroys it now; says so in the trace.
  void destroy(std::string_view how);
  // The same without a word.
  void drop() { task_.reset(); }
  // Has a coroutine of `ring` destroy it.
  void destroy_from(uring::Ring& ring);
  void end_race();

 private:
  static uring::Task<void> referee(PendingCall& call, uring::Ring& ring);
  static uring::Task<void> in_a_race(PendingCall& call, uring::Ring& ring, uring::Task<void> body);
  static uring::Task<void> within_an_hour(PendingCall& call, uring::Ring& ring,
                                          uring::Task<void> body);
  static uring::Task<void> kill(PendingCall& call, uint64_t number);

  World& world_;
  const std::string& name_;
  std::function<void()> cut_short_;
  uring::Task<void> task_;
  uint64_t number_ = 0;
  bool race_over_ = false;
};

}  // namespace bufio::simulate

#endif  // TESTS_SIMULATE_PENDING_CALL_H_
