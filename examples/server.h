// examples/server.h
//
// What the servers here have in common: a Ring for each core, one port, and a stop in good order.
//
// Each core listens at the same port (SO_REUSEPORT) and serves the connections that it accepts, in
// a scope of its own. SIGINT or SIGTERM stops all cores: they listen no more, those who wait for
// their peer's next request are woken and end, and what is in hand is finished, in at most
// Options::grace; then the rest is cut off.
//
//   listening on 127.0.0.1:8080      is printed once every core listens

#ifndef EXAMPLES_SERVER_H_
#define EXAMPLES_SERVER_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bufio/reader.h"
#include "bufio/reader_options.h"
#include "bufio/stream.h"
#include "bufio/writer_options.h"
#include "uring/list.h"
#include "uring/ring.h"
#include "uring/task.h"

namespace server {

struct SessionTag;

// A connection that is being served: known to the Sessions of its Ring while it lives.
class Session : private uring::ListNode<SessionTag> {
 public:
  // Both outlive it. `reader` is what the connection waits with for its peer.
  Session(class Sessions& all, bufio::Reader& reader);

 private:
  friend class Sessions;
  friend class uring::List<Session, SessionTag>;

  bufio::Reader& reader_;
};

// The connections of one Ring.
class Sessions {
 public:
  // From now on a connection should end when it has nothing in hand.
  bool stopping() const { return stopping_; }
  // Ends what waits for a peer: such a call is Cancelled, once, and loses no byte.
  void stop();

 private:
  friend class Session;

  uring::List<Session, SessionTag> all_;
  bool stopping_ = false;
};

// Serves one connection to its end.
using Serve = std::function<uring::Task<void>(bufio::Stream, Sessions&)>;
// Called once on each core's thread. The Ring outlives what it gives.
using SetUp = std::function<absl::StatusOr<Serve>(uring::Ring&)>;

struct Options {
  std::string host = "127.0.0.1";  // an address, not a name
  uint16_t port = 0;               // 0: the system chooses
  int cores = 1;                   // 0: all
  std::chrono::nanoseconds grace = std::chrono::seconds(10);
  std::chrono::nanoseconds busy_poll = std::chrono::nanoseconds(0);  // RingOptions::busy_poll
  bufio::ReaderOptions reader;  // of each connection
  bufio::WriterOptions writer;
};

// Serves until a signal comes: OK. Call it before there are other threads.
absl::Status run(const Options& options, const SetUp& set_up);

}  // namespace server

#endif  // EXAMPLES_SERVER_H_
