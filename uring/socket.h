// uring/socket.h
//
// A connected stream socket, and connecting one.
//
// A Socket is a share in a descriptor and a Ring: who reads and who writes each take one
// (descriptor()), and the descriptor is closed with the last, after the last request that names it.
// Data travels through Readers and Writers (bufio/), not through this.
//
// Belongs to its Ring's thread.

#ifndef URING_SOCKET_H_
#define URING_SOCKET_H_

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "uring/descriptor.h"
#include "uring/ref.h"
#include "uring/result_operation.h"
#include "uring/ring.h"
#include "uring/socket_address.h"

namespace uring {

struct SocketOptions {
  // TCP: small segments go out at once. A Writer gathers what belongs together, so waiting in the
  // kernel for more would only cost a round trip.
  bool no_delay = true;
  // TCP: probes a silent peer, in the intervals that the system is set to.
  bool keep_alive = false;
};

class Socket {
 public:
  // Takes over what `descriptor` stands for.
  Socket(Ref<RingCore> ring, Ref<Descriptor> descriptor)
      : ring_(std::move(ring)), descriptor_(std::move(descriptor)) {}

  int fd() const { return descriptor_->fd(); }
  // One system call each.
  absl::StatusOr<SocketAddress> local_address() const { return local_address_of(fd()); }
  absl::StatusOr<SocketAddress> peer_address() const { return peer_address_of(fd()); }
  // Sends the end of the stream; the other direction stays open. What a Writer still holds must
  // have been flushed. One system call, which does not wait.
  absl::Status shut_down_writing();

  const Ref<Descriptor>& descriptor() const { return descriptor_; }
  const Ref<RingCore>& ring() const { return ring_; }

 private:
  Ref<RingCore> ring_;
  Ref<Descriptor> descriptor_;
};

namespace internal {

class ConnectOperation;

// On a fresh socket; options of another family than the socket's are passed over.
absl::Status apply_options(int fd, const SocketAddress& address, const SocketOptions& options);

}  // namespace internal

// Awaited: the Socket, or the error with address and errno.
class [[nodiscard]] ConnectAwaiter final : public ResultAwaiter {
 public:
  explicit ConnectAwaiter(Ref<internal::ConnectOperation> operation);
  ConnectAwaiter(ConnectAwaiter&& other) noexcept;
  ~ConnectAwaiter();

  bool await_ready() const;
  absl::StatusOr<Socket> await_resume();

 private:
  Ref<internal::ConnectOperation> operation_;
};

// Connects a stream socket.
//
//   OK          the Socket
//   Unavailable, DeadlineExceeded, …   as the system says (ECONNREFUSED, ETIMEDOUT); errno_of keeps
//               the number
//   FailedPrecondition                 the Ring was destroyed
//   cost        socket(2) and setsockopt(2), then one request
//   cancel      destroying the awaiter orphans the request and closes the socket
//
// The system gives up on a silent peer after minutes: with_timeout is what ends it earlier.
ConnectAwaiter connect(Ring& ring, const SocketAddress& address, const SocketOptions& options = {});

}  // namespace uring

#endif  // URING_SOCKET_H_
