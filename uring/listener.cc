#include "uring/listener.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <deque>
#include <string>

#include "uring/check.h"
#include "uring/descriptor.h"
#include "uring/operation.h"
#include "uring/ring_core.h"
#include "uring/status.h"

namespace uring {
namespace {

// An error of the connection, not of the listener: accept(2) says to treat them like EAGAIN.
bool concerns_one_connection(int error) {
  switch (error) {
    case ECONNABORTED:
    case EAGAIN:
    case EINTR:
    case EPROTO:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
    case EPERM:  // a firewall
      return true;
    default:
      return false;
  }
}

}  // namespace

// Accepts, again and again; tells the ListenerState while there is one.
class AcceptOperation final : public Operation {
 public:
  AcceptOperation(ListenerState& state, Ref<RingCore> ring, Ref<Descriptor> descriptor)
      : state_(&state), ring_(std::move(ring)), descriptor_(std::move(descriptor)) {}

  // Only while idle.
  void accept(bool multishot) {
    if (multishot) {
      io_uring_prep_multishot_accept(&blank_sqe(), descriptor_->fd(), nullptr, nullptr,
                                     SOCK_CLOEXEC);
    } else {
      io_uring_prep_accept(&blank_sqe(), descriptor_->fd(), nullptr, nullptr, SOCK_CLOEXEC);
    }
    ring_->start(*this);
  }
  void stop() { ring_->cancel(*this); }
  void let_go() {
    state_ = nullptr;
    ring_->abandon(*this);
  }

  std::string describe() const override { return "accept " + descriptor_->name(); }
  size_t pinned_bytes() const override { return 0; }

 private:
  void completed(int32_t result, uint32_t flags, bool terminal) override;
  void stranded() override;

  ListenerState* state_;
  Ref<RingCore> ring_;
  Ref<Descriptor> descriptor_;
};

// The heap half of a Listener.
class ListenerState final : public RefCounted<ListenerState> {
 public:
  ListenerState(Ref<RingCore> ring, Ref<Descriptor> descriptor, SocketAddress address,
                const ListenOptions& options)
      : ring_(std::move(ring)),
        address_(std::move(address)),
        max_pending_(std::max<size_t>(options.max_pending, 1)),
        name_(descriptor->name()),
        operation_(make_ref<AcceptOperation>(*this, ring_, std::move(descriptor))) {}

  const SocketAddress& address() const { return address_; }
  const Ref<RingCore>& ring() const { return ring_; }
  const std::string& name() const { return name_; }

  // A call is ready at once if there is a connection and nobody waits in front of it.
  bool serve_at_once(AcceptCall& call) {
    ring_->check_thread("accept");
    absl::Status status = usable();
    if (!status.ok()) {
      call.result_.emplace(std::move(status));
      return true;
    }
    if (!waiting_.empty() || pending_.empty()) return false;
    give(call);
    return true;
  }
  void wait(AcceptCall& call) {
    waiting_.push_back(call);
    arm();
  }
  // A connection that its caller has not taken goes to the next caller.
  void put_back(Ref<Descriptor> descriptor) {
    if (!operation_) return;
    pending_.push_front(std::move(descriptor));
    serve();
  }

  void accepted(int fd) {
    pending_.push_back(make_ref<Descriptor>(fd, Descriptor::Ownership::kOwned, name_));
    serve();
    if (pending_.size() >= max_pending_) operation_->stop();
  }
  void over(int error) {
    if (error == EINVAL && multishot_) {
      multishot_ = false;  // Linux before 5.19
    } else if (error != 0 && error != ECANCELED && !concerns_one_connection(error)) {
      fail_first(errno_status(error, "accept", name_));
    }
    if (!waiting_.empty()) arm();
  }
  void fail_all(const absl::Status& status) {
    while (!waiting_.empty()) fail_first(status);
  }

  // The Listener is gone.
  void close() {
    pending_.clear();
    std::exchange(operation_, nullptr)->let_go();
    fail_all(usable());
  }

 private:
  absl::Status usable() const {
    if (!operation_)
      return absl::FailedPreconditionError("accept " + name_ + ": the Listener was destroyed");
    if (ring_->status().ok()) return absl::OkStatus();  // no text to be put together
    return annotate(ring_->status(), "accept " + name_);
  }
  void arm() {
    if (!operation_->idle() || !ring_->status().ok()) return;
    operation_->accept(multishot_);
  }
  void give(AcceptCall& call) {
    call.result_.emplace(std::move(pending_.front()));
    pending_.pop_front();
  }
  void serve() {
    while (!pending_.empty() && !waiting_.empty()) {
      AcceptCall& call = *waiting_.pop_front();
      give(call);
      ring_->make_ready(call.waiter_);
    }
  }
  void fail_first(const absl::Status& status) {
    AcceptCall* call = waiting_.pop_front();
    if (call == nullptr) return;
    call->result_.emplace(status);
    ring_->make_ready(call->waiter_);
  }

  Ref<RingCore> ring_;
  SocketAddress address_;
  size_t max_pending_;
  std::string name_;
  Ref<AcceptOperation> operation_;  // null: the Listener is gone
  bool multishot_ = true;
  std::deque<Ref<Descriptor>> pending_;  // accepted, not taken
  List<AcceptCall, AcceptTag> waiting_;
};

void AcceptOperation::completed(int32_t result, uint32_t /*flags*/, bool terminal) {
  if (state_ == nullptr) {
    if (result >= 0) ::close(result);
    return;
  }
  if (result >= 0) state_->accepted(result);
  if (terminal) state_->over(result < 0 ? -result : 0);
}

void AcceptOperation::stranded() {
  if (state_ != nullptr) state_->fail_all(annotate(ring_->status(), describe()));
}

// --- a call --------------------------------------------------------------------------------------

AcceptCall::AcceptCall(ListenerState& state) : state_(&state) {}
AcceptCall::AcceptCall(AcceptCall&& other) noexcept : state_(std::move(other.state_)) {}

AcceptCall::~AcceptCall() {
  if (result_.has_value() && result_->ok()) state_->put_back(*std::move(*result_));
}

bool AcceptCall::await_ready() { return state_->serve_at_once(*this); }

void AcceptCall::await_suspend(std::coroutine_handle<> waiting) {
  waiter_.set_handle(waiting);
  state_->wait(*this);
}

absl::StatusOr<Socket> AcceptCall::await_resume() {
  absl::StatusOr<Ref<Descriptor>> taken = *std::exchange(result_, std::nullopt);
  if (!taken.ok()) return std::move(taken).status();
  return Socket(state_->ring(), *std::move(taken));
}

// --- a listener ----------------------------------------------------------------------------------

Listener::Listener(Ref<ListenerState> state) : state_(std::move(state)) {}
Listener::Listener(Listener&& other) noexcept = default;
Listener& Listener::operator=(Listener&& other) noexcept {
  if (this == &other) return *this;
  if (state_) state_->close();
  state_ = std::move(other.state_);
  return *this;
}
Listener::~Listener() {
  if (state_) state_->close();
}

AcceptCall Listener::accept() {
  URING_CHECK(state_, "a Listener was used that has been moved from");
  return AcceptCall(*state_);
}

const SocketAddress& Listener::address() const { return state_->address(); }

absl::StatusOr<Ref<ListenerState>> Listener::open(Ring& ring, const SocketAddress& address,
                                                  const ListenOptions& options) {
  std::string name = address.to_string();
  int fd = ::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno_status(errno, "socket", name);
  auto descriptor = make_ref<Descriptor>(fd, Descriptor::Ownership::kOwned, name);
  int on = 1;
  bool tcp = address.family() != AF_UNIX;
  if (tcp && ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0)
    return errno_status(errno, "setsockopt SO_REUSEADDR", name);
  if (tcp && options.reuse_port && ::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0)
    return errno_status(errno, "setsockopt SO_REUSEPORT", name);
  // Linux hands both on to the sockets that are accepted.
  absl::Status applied = internal::apply_options(fd, address, options.socket);
  if (!applied.ok()) return applied;
  if (::bind(fd, address.get(), address.size()) != 0) return errno_status(errno, "bind", name);
  if (::listen(fd, options.backlog) != 0) return errno_status(errno, "listen", name);
  absl::StatusOr<SocketAddress> bound = local_address_of(fd);
  if (!bound.ok()) return std::move(bound).status();
  return make_ref<ListenerState>(Ref<RingCore>(&ring.core()), std::move(descriptor),
                                 *std::move(bound), options);
}

absl::StatusOr<TcpListener> TcpListener::listen(Ring& ring, const SocketAddress& address,
                                                const ListenOptions& options) {
  absl::StatusOr<Ref<ListenerState>> state = open(ring, address, options);
  if (!state.ok()) return std::move(state).status();
  return TcpListener(*std::move(state));
}

namespace {

// Removes a socket at which nobody listens any more.
bool remove_stale_socket(const SocketAddress& address, const std::string& path) {
  struct stat status;
  if (::lstat(path.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) return false;
  int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return false;
  bool refused = ::connect(fd, address.get(), address.size()) != 0 && errno == ECONNREFUSED;
  ::close(fd);
  return refused && ::unlink(path.c_str()) == 0;
}

}  // namespace

absl::StatusOr<UnixListener> UnixListener::listen(Ring& ring, std::string_view path,
                                                  const ListenOptions& options) {
  absl::StatusOr<SocketAddress> address = SocketAddress::unix_path(path);
  if (!address.ok()) return std::move(address).status();
  absl::StatusOr<Ref<ListenerState>> state = open(ring, *address, options);
  bool in_use = errno_of(state.status()) == EADDRINUSE;
  if (in_use && path.front() != '@' && remove_stale_socket(*address, std::string(path)))
    state = open(ring, *address, options);
  if (!state.ok()) return std::move(state).status();
  return UnixListener(*std::move(state));
}

}  // namespace uring
