// tests/simulate/connection_end.h
//
// One end of a connection, as a Stream that says its text and hears that of its far end.

#ifndef TESTS_SIMULATE_CONNECTION_END_H_
#define TESTS_SIMULATE_CONNECTION_END_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bufio/stream.h"
#include "tests/simulate/actor.h"
#include "tests/simulate/connection_ledger.h"
#include "tests/simulate/pending_call.h"
#include "tests/simulate/world.h"
#include "uring/socket.h"
#include "uring/task.h"

namespace bufio::simulate {

class ConnectionEnd {
 public:
  // On a Ring that is there.
  ConnectionEnd(World& world, const std::string& actor, ConnectionLedger& ledger, EndRecord& record,
                const uring::Socket& socket, size_t ring);
  ConnectionEnd(const ConnectionEnd&) = delete;
  ConnectionEnd& operator=(const ConnectionEnd&) = delete;
  ~ConnectionEnd();

  const EndRecord& record() const { return record_; }

  // One step.
  void act(Choices& choices);
  // Sees whether its Writer has failed, and why.
  void check();
  // Says something behind its Writer's back. False: it cannot.
  bool say_by_hand();
  // Ends both directions. False: it has been done.
  bool cut();
  // Its Ring is gone: nothing more comes or goes.
  void ring_gone() { record_.broken = true; }
  // One step towards its end, which is when it has heard that of its far end.
  bool wind_up();

 private:
  void say(size_t n);
  // Against others, as choices have it, if there is a Ring for that.
  void hear(uring::Ring* ring, Choices& choices);
  void close(Choices& choices);
  void heard(const absl::StatusOr<std::string_view>& view);
  void look_at_bytes(std::string_view bytes);
  void look_at_error(const absl::Status& status);
  bool far_may_be_gone() const;
  void expect(bool holds, std::string_view what);
  void expect_none(const std::string& wrong) { expect(wrong.empty(), wrong); }

  static uring::Task<void> speaking(ConnectionEnd& e, size_t n);
  static uring::Task<void> hearing(ConnectionEnd& e);
  static uring::Task<void> closing(ConnectionEnd& e);

  World& world_;
  std::string name_;
  ConnectionLedger& ledger_;
  EndRecord& record_;
  const size_t ring_;
  const uint64_t ring_generation_;
  const int fd_;
  Stream stream_;
  std::string number_;  // of the far end, as far as it was heard
  uint64_t heard_ = 0;
  bool ended_ = false;  // it will hear nothing more
  bool cut_ = false;
  PendingCall hearing_{world_, name_, [] {}};
  PendingCall closing_{world_, name_, [] {}};
};

}  // namespace bufio::simulate

#endif  // TESTS_SIMULATE_CONNECTION_END_H_
