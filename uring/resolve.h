// uring/resolve.h
//
// Host names, looked up without blocking the loop.
//
//   absl::StatusOr<Socket> socket = co_await connect_host(ring, "localhost", 8080);
//
// The system's getaddrinfo(3) blocks, for seconds where a name server is silent. So a few threads
// of the process (at most kMaxResolvers, started when they are needed) call it and post the answer
// to the Ring; more lookups than threads wait for their turn.
//
//   cancel     destroying a waiting call forgets the lookup; the thread ends it by itself, since
//              nothing can interrupt getaddrinfo
//   threads    called on the Ring's thread

#ifndef URING_RESOLVE_H_
#define URING_RESOLVE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "uring/ring.h"
#include "uring/socket.h"
#include "uring/socket_address.h"
#include "uring/task.h"

namespace uring {

inline constexpr int kMaxResolvers = 4;

// The addresses of `host`, a name or an address without brackets, best first as the system sorts
// them; at least one.
//
//   NotFound          there is no such name
//   Unavailable       no answer just now (EAI_AGAIN)
//   InvalidArgument   what can be no name
//   cost              none for an address; else some allocations and a hand-over to a thread
Task<absl::StatusOr<std::vector<SocketAddress>>> resolve(Ring& ring, std::string host,
                                                         uint16_t port);

// Connects to the first of its addresses that answers; the error is that of the last one. Each is
// given as long as the system gives it: with_timeout is what ends it earlier.
Task<absl::StatusOr<Socket>> connect_host(Ring& ring, std::string host, uint16_t port,
                                          SocketOptions options = {});

}  // namespace uring

#endif  // URING_RESOLVE_H_
