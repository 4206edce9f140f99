// examples/resp_connection.h
//
// One connection of a Redis client: requests in, answers out, in order.
//
// All requests that have come are answered before more is asked for, and their answers leave
// together. A large value is sent from where it is, and a large argument read to where it stays.
//
//   patience   a peer may rest Timeouts::idle between requests, and `stall` within one; it must
//              take what it is sent in `write`
//   memory     what the Reader's and the Writer's options allow; what more a request needs, at most
//              twice of what has come of it, is taken from Store::requests, which all share: a peer
//              that only announces much gets nothing
//   stop       server::Sessions: a request that has begun to come is answered
//   the end    our half is closed, then the peer's last bytes are passed over for a moment

#ifndef EXAMPLES_RESP_CONNECTION_H_
#define EXAMPLES_RESP_CONNECTION_H_

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "bufio/stream.h"
#include "examples/resp_budget.h"
#include "examples/resp_commands.h"
#include "examples/resp_database.h"
#include "examples/resp_request.h"
#include "examples/server.h"
#include "uring/ring.h"
#include "uring/task.h"

namespace resp {

struct Timeouts {
  std::chrono::nanoseconds idle = std::chrono::nanoseconds::max();
  std::chrono::nanoseconds stall = std::chrono::seconds(60);
  std::chrono::nanoseconds write = std::chrono::seconds(30);
};

// What all connections share, on all cores.
struct Store {
  Store(const Database::Options& options, size_t request_memory, const Limits& bounds,
        const Timeouts& patience)
      : database(options),
        requests(request_memory),
        limits(bounds),
        timeouts(patience),
        commands(database, limits) {}

  Database database;
  Budget requests;
  Limits limits;
  Timeouts timeouts;
  Commands commands;
  std::atomic<int64_t> clients = 0;  // so far
  std::atomic<bool> swept = false;   // somebody sees to it
};

// The clock of the database.
Time now();

// `store` outlives it.
uring::Task<void> serve(bufio::Stream stream, server::Sessions& sessions, Store& store);

// Removes keys that have expired, a few at a time, until the Ring is destroyed.
uring::Task<void> sweep(uring::Ring& ring, Store& store);

}  // namespace resp

#endif  // EXAMPLES_RESP_CONNECTION_H_
