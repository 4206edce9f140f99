#include "examples/server.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <optional>
#include <stop_token>
#include <utility>

#include "uring/descriptor.h"
#include "uring/listener.h"
#include "uring/ref.h"
#include "uring/run_on_cores.h"
#include "uring/scope.h"
#include "uring/signals.h"
#include "uring/sleep.h"
#include "uring/socket.h"
#include "uring/socket_address.h"
#include "uring/spawn.h"
#include "uring/status.h"
#include "uring/stop.h"
#include "uring/timeout.h"

namespace server {

using namespace std::chrono_literals;
using uring::Ring;
using uring::SocketAddress;
using uring::Task;

Session::Session(Sessions& all, bufio::Reader& reader) : reader_(reader) {
  all.all_.push_back(*this);
}

void Sessions::stop() {
  stopping_ = true;
  all_.for_each([](Session& session) { session.reader_.interrupt(); });
}

namespace {

// What the cores share.
struct Shared {
  const Options& options;
  const SetUp& set_up;
  SocketAddress address;
  int cores;
  std::stop_source stop = std::stop_source();
  std::atomic<int> listening = 0;
};

void announce(Shared& shared, const SocketAddress& address) {
  if (++shared.listening < shared.cores) return;
  std::printf("listening on %s\n", address.to_string().c_str());
  std::fflush(stdout);
}

Task<absl::Status> accept_all(Shared& shared, Ring& ring, uring::TcpListener& listener,
                              uring::Scope& connections, Sessions& sessions, const Serve& serve) {
  announce(shared, listener.address());  // from now on only connections need descriptors
  for (;;) {
    absl::StatusOr<uring::Socket> socket = co_await listener.accept();
    if (absl::IsResourceExhausted(socket.status())) {
      co_await uring::sleep_for(ring, 50ms);  // until a connection has gone, perhaps
      continue;
    }
    if (!socket.ok()) co_return socket.status();
    bufio::Stream stream =
        bufio::open_stream(*socket, shared.options.reader, shared.options.writer);
    connections.spawn(serve(std::move(stream), sessions));
  }
}

Task<void> stop_on_signal(uring::Signals signals, std::stop_source stop) {
  absl::StatusOr<int> signal = co_await signals.next();
  if (signal.ok()) stop.request_stop();
}

Task<absl::Status> serve_on_core(Shared& shared, Ring& ring, int core) {
  if (core == 0) {
    absl::StatusOr<uring::Signals> signals = uring::Signals::block(ring, {SIGINT, SIGTERM});
    if (!signals.ok()) co_return signals.status();
    uring::spawn(ring, stop_on_signal(*std::move(signals), shared.stop));
  }
  absl::StatusOr<Serve> serve = shared.set_up(ring);
  if (!serve.ok()) co_return serve.status();
  uring::ListenOptions how;
  how.reuse_port = shared.cores > 1;
  absl::StatusOr<uring::TcpListener> opened = uring::TcpListener::listen(ring, shared.address, how);
  if (!opened.ok()) co_return opened.status();
  std::optional<uring::TcpListener> listener(*std::move(opened));

  Sessions sessions;
  uring::Scope connections(ring);
  absl::Status status =
      co_await uring::with_stop(ring, shared.stop.get_token(),
                                accept_all(shared, ring, *listener, connections, sessions, *serve));
  listener.reset();
  sessions.stop();
  absl::Status joined =
      co_await uring::with_timeout(ring, shared.options.grace, connections.join());
  if (absl::IsDeadlineExceeded(joined)) {
    connections.cancel();
    joined = co_await connections.join();
  }
  co_return absl::IsCancelled(status) ? absl::OkStatus() : status;
}

// Several cores need one port: a socket that does not listen holds it for them.
absl::StatusOr<uring::Ref<uring::Descriptor>> hold_port(SocketAddress& address) {
  int fd = ::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return uring::errno_status(errno, "socket", address.to_string());
  auto holder = uring::make_ref<uring::Descriptor>(fd);
  int on = 1;
  if (::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0 ||
      ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      ::bind(fd, address.get(), address.size()) != 0) {
    return uring::errno_status(errno, "bind", address.to_string());
  }
  absl::StatusOr<SocketAddress> bound = uring::local_address_of(fd);
  if (!bound.ok()) return std::move(bound).status();
  address = *std::move(bound);
  return holder;
}

// As many connections as the system lets us have.
void raise_descriptor_limit() {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  static_cast<void>(setrlimit(RLIMIT_NOFILE, &limit));
}

// Those of the threads to come, too.
void block_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

}  // namespace

absl::Status run(const Options& options, const SetUp& set_up) {
  raise_descriptor_limit();
  block_signals();
  absl::StatusOr<SocketAddress> address = SocketAddress::ip(options.host, options.port);
  if (!address.ok()) return std::move(address).status();
  int cores = options.cores > 0 ? options.cores : uring::usable_cores();
  uring::Ref<uring::Descriptor> holder;
  if (cores > 1) {
    absl::StatusOr<uring::Ref<uring::Descriptor>> held = hold_port(*address);
    if (!held.ok()) return std::move(held).status();
    holder = *std::move(held);
  }
  Shared shared = {options, set_up, *std::move(address), cores};
  uring::RingOptions ring_options;
  ring_options.busy_poll = options.busy_poll;
  return uring::run_on_cores(
      cores, [&shared](Ring& ring, int core) { return serve_on_core(shared, ring, core); },
      ring_options, shared.stop);
}

}  // namespace server
