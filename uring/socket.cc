#include "uring/socket.h"

#include <netinet/tcp.h>
#include <poll.h>

#include <cerrno>

#include "uring/status.h"

namespace uring {

absl::Status Socket::shut_down_writing() {
  if (::shutdown(fd(), SHUT_WR) == 0) return absl::OkStatus();
  return errno_status(errno, "shutdown", descriptor_->name());
}

namespace internal {

absl::Status apply_options(int fd, const SocketAddress& address, const SocketOptions& options) {
  if (address.family() != AF_INET && address.family() != AF_INET6) return absl::OkStatus();
  int on = 1;
  if (options.no_delay && ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0)
    return errno_status(errno, "setsockopt TCP_NODELAY", address.to_string());
  if (options.keep_alive && ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on) != 0)
    return errno_status(errno, "setsockopt SO_KEEPALIVE", address.to_string());
  return absl::OkStatus();
}

class ConnectOperation final : public ResultOperation {
 public:
  ConnectOperation(Ref<RingCore> ring, const SocketAddress& address, const SocketOptions& options)
      : ResultOperation(std::move(ring), Result::kNumber), address_(address) {
    int fd = ::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
      error_ = errno_status(errno, "socket", address.to_string());
      return;
    }
    descriptor_ = make_ref<Descriptor>(fd, Descriptor::Ownership::kOwned, address.to_string());
    error_ = apply_options(fd, address, options);
  }

  const absl::Status& error() const { return error_; }
  const SocketAddress& address() const { return address_; }
  // Its request is over, and had been sent before.
  bool sent_again() const { return sent_again_; }
  Ref<Descriptor> take_descriptor() { return std::move(descriptor_); }

  std::string describe() const override { return "connect " + address_.to_string(); }
  size_t pinned_bytes() const override { return sizeof address_; }

 private:
  void prepare() override {
    if (polling_) {
      io_uring_prep_poll_add(&blank_sqe(), descriptor_->fd(), POLLOUT);
    } else {
      io_uring_prep_connect(&blank_sqe(), descriptor_->fd(), address_.get(), address_.size());
    }
  }

  // A connect that was interrupted goes on by itself. Asked again the system says so (EALREADY),
  // and when it is done that the socket is connected (EISCONN).
  bool goes_on(int result) override {
    bool polled = polling_ && result >= 0;
    polling_ = !polling_ && result == -EALREADY;
    bool again = polled || polling_ || result == -EINTR;
    sent_again_ |= again;
    return again;
  }

  SocketAddress address_;
  Ref<Descriptor> descriptor_;
  absl::Status error_;
  bool polling_ = false;
  bool sent_again_ = false;
};

}  // namespace internal

ConnectAwaiter::ConnectAwaiter(Ref<internal::ConnectOperation> operation)
    : ResultAwaiter(operation), operation_(std::move(operation)) {}

// Here, where a ConnectOperation is known.
ConnectAwaiter::ConnectAwaiter(ConnectAwaiter&& other) noexcept = default;
ConnectAwaiter::~ConnectAwaiter() = default;

bool ConnectAwaiter::await_ready() const { return !operation_->error().ok(); }

absl::StatusOr<Socket> ConnectAwaiter::await_resume() {
  if (!operation_->error().ok()) return operation_->error();
  absl::StatusOr<int> connected = result("connect", operation_->address().to_string());
  bool done =
      connected.ok() || (operation_->sent_again() && errno_of(connected.status()) == EISCONN);
  if (!done) return std::move(connected).status();
  return Socket(Ref<RingCore>(&operation_->ring()), operation_->take_descriptor());
}

ConnectAwaiter connect(Ring& ring, const SocketAddress& address, const SocketOptions& options) {
  return ConnectAwaiter(
      make_ref<internal::ConnectOperation>(Ref<RingCore>(&ring.core()), address, options));
}

}  // namespace uring
