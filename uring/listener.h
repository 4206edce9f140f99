// uring/listener.h
//
// Accepting connections.
//
//   absl::StatusOr<TcpListener> listener = TcpListener::listen(ring, SocketAddress::any(8080));
//   for (;;) {
//     absl::StatusOr<Socket> socket = co_await listener->accept();
//     …
//   }
//
// One request accepts any number of connections where the kernel has it (multishot, Linux 5.19).
// What it accepts while nobody waits is kept, up to a bound; then the kernel is told to stop, and
// its backlog fills. A connection is given to exactly one caller of accept(), in the order of their
// calls; one whose caller is destroyed before it is resumed goes to the next.
//
//   cancel     destroying a waiting accept() loses no connection. Destroying the Listener cancels
//              the request; what it accepted and nobody took is closed, also later.
//   threads    belongs to its Ring's thread; several Rings share a port by reuse_port
//
// The listening socket is closed when the last request that names it is over.

#ifndef URING_LISTENER_H_
#define URING_LISTENER_H_

#include <coroutine>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "uring/list.h"
#include "uring/ref.h"
#include "uring/ring.h"
#include "uring/socket.h"
#include "uring/waiter.h"

namespace uring {

class ListenerState;
struct AcceptTag;

struct ListenOptions {
  // Connections that the kernel keeps before they are accepted; it takes no more than
  // net.core.somaxconn.
  int backlog = 4096;
  // TCP: several sockets, each of a thread of its own, listen at the same port, and the kernel
  // spreads the connections.
  bool reuse_port = false;
  // For each connection.
  SocketOptions socket;
  // Connections accepted ahead of accept(): from so many on the kernel is told to stop. What stands
  // in its backlog by then may be accepted all the same.
  size_t max_pending = 64;
};

// Awaited: the next connection, or an error.
class [[nodiscard]] AcceptCall final : private ListNode<AcceptTag> {
 public:
  explicit AcceptCall(ListenerState& state);
  AcceptCall(AcceptCall&& other) noexcept;  // until it is awaited
  ~AcceptCall();

  bool await_ready();
  void await_suspend(std::coroutine_handle<> waiting);
  absl::StatusOr<Socket> await_resume();

 private:
  friend class ListenerState;
  friend class List<AcceptCall, AcceptTag>;

  Ref<ListenerState> state_;
  Waiter waiter_;
  std::optional<absl::StatusOr<Ref<Descriptor>>> result_;
};

class Listener {
 public:
  Listener(Listener&& other) noexcept;
  Listener& operator=(Listener&& other) noexcept;
  ~Listener();

  //   OK                   a connection. ECONNABORTED and its kin are absorbed.
  //   ResourceExhausted    no descriptors or no memory left (EMFILE …); not sticky: call again,
  //   best
  //                        after a connection was closed
  //   FailedPrecondition   the Ring was destroyed, or the Listener was
  //   other errors         as accept(2) says; not sticky
  //   cost                 at most one request, for many connections
  AcceptCall accept();

  // What it listens at; the port is the one that the system chose if it was asked for 0.
  const SocketAddress& address() const;

 protected:
  explicit Listener(Ref<ListenerState> state);
  static absl::StatusOr<Ref<ListenerState>> open(Ring& ring, const SocketAddress& address,
                                                 const ListenOptions& options);

 private:
  Ref<ListenerState> state_;
};

class TcpListener final : public Listener {
 public:
  // Binds with SO_REUSEADDR and listens. Errors name the address: AlreadyExists (EADDRINUSE),
  // PermissionDenied, … Some system calls, no request.
  static absl::StatusOr<TcpListener> listen(Ring& ring, const SocketAddress& address,
                                            const ListenOptions& options = {});

 private:
  using Listener::Listener;
};

class UnixListener final : public Listener {
 public:
  // The same at a path, or at an abstract name if it begins with '@'. A socket that a process left
  // behind at the path, and that nobody listens at, is removed first. The path stays when the
  // Listener goes.
  static absl::StatusOr<UnixListener> listen(Ring& ring, std::string_view path,
                                             const ListenOptions& options = {});

 private:
  using Listener::Listener;
};

}  // namespace uring

#endif  // URING_LISTENER_H_
