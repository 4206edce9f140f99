// Listeners and connect, over loopback and Unix sockets.

#include "uring/listener.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <coroutine>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/ring_fixture.h"
#include "tests/ring_testing.h"
#include "uring/block_on.h"
#include "uring/linux_kernel.h"
#include "uring/sanitizer.h"
#include "uring/socket.h"
#include "uring/spawn.h"
#include "uring/status.h"
#include "uring/task.h"
#include "uring/timeout.h"
#include "uring/when_all.h"

namespace uring {
namespace {

using namespace std::chrono_literals;
using testing::open_descriptors;
using testing::turn_until;

class Unobserved final : public TaskObserver {
  std::coroutine_handle<> task_ended() noexcept override { return std::noop_coroutine(); }
};

class ListenerTest : public testing::RingTest {
 protected:
  void SetUp() override {
    before_ = open_descriptors();
    make_ring();
  }
  void TearDown() override {
    listener_.reset();
    testing::RingTest::TearDown();
    EXPECT_EQ(open_descriptors(), before_);
  }

  void listen(const ListenOptions& options = {}) {
    absl::StatusOr<TcpListener> made =
        TcpListener::listen(ring(), SocketAddress::loopback(0), options);
    ASSERT_TRUE(made.ok()) << made.status();
    listener_.emplace(*std::move(made));
  }
  TcpListener& listener() { return *listener_; }
  void drop_listener() { listener_.reset(); }

  // A client that does not know of rings.
  int dial() {
    int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const SocketAddress& address = listener_->address();
    EXPECT_EQ(::connect(fd, address.get(), address.size()), 0) << std::strerror(errno);
    return fd;
  }
  absl::StatusOr<Socket> accept() { return block_on(ring(), listener_->accept()); }
  // Turns until nothing but the accept is on its way.
  void settle(unsigned in_flight) {
    EXPECT_TRUE(turn_until(ring(), [&] { return ring().stats().in_flight <= in_flight; }));
  }

 private:
  int before_ = 0;
  std::optional<TcpListener> listener_;
};

bool no_delay(int fd) {
  int on = 0;
  socklen_t size = sizeof on;
  EXPECT_EQ(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &size), 0);
  return on != 0;
}

// Both ends of one connection see the same two addresses.
void expect_connected(int a, int b) {
  absl::StatusOr<SocketAddress> local = local_address_of(a);
  absl::StatusOr<SocketAddress> peer = peer_address_of(b);
  ASSERT_TRUE(local.ok() && peer.ok());
  EXPECT_EQ(*local, *peer);
}

TEST_F(ListenerTest, AcceptsWhoConnects) {
  listen();
  int client = dial();
  absl::StatusOr<Socket> socket = accept();
  ASSERT_TRUE(socket.ok()) << socket.status();
  expect_connected(client, socket->fd());
  EXPECT_TRUE(no_delay(socket->fd()));
  EXPECT_NE(fcntl(socket->fd(), F_GETFD) & FD_CLOEXEC, 0);
  close(client);
}

Task<absl::StatusOr<Socket>> connected(Ring& ring, SocketAddress address, SocketOptions options) {
  absl::StatusOr<Socket> socket = co_await connect(ring, address, options);
  co_return socket;
}

Task<absl::StatusOr<Socket>> accepted(Listener& listener) {
  absl::StatusOr<Socket> socket = co_await listener.accept();
  co_return socket;
}

TEST_F(ListenerTest, ConnectAndAcceptMeet) {
  listen({.socket = {.no_delay = false, .keep_alive = true}});
  auto both = block_on(ring(), when_all(accepted(listener()),
                                        connected(ring(), listener().address(), SocketOptions())));
  absl::StatusOr<Socket>& server = std::get<0>(both);
  absl::StatusOr<Socket>& client = std::get<1>(both);
  ASSERT_TRUE(server.ok()) << server.status();
  ASSERT_TRUE(client.ok()) << client.status();
  expect_connected(client->fd(), server->fd());
  EXPECT_TRUE(no_delay(client->fd()));
  EXPECT_FALSE(no_delay(server->fd()));
  ASSERT_TRUE(client->shut_down_writing().ok());
  char byte;
  EXPECT_EQ(read(server->fd(), &byte, 1), 0);
  EXPECT_EQ(write(server->fd(), "x", 1), 1);
  EXPECT_EQ(read(client->fd(), &byte, 1), 1);
}

TEST_F(ListenerTest, OneRequestAcceptsManyConnections) {
  if (!ring().capabilities().opcodes.test(IORING_OP_SOCKET))  // as old as multishot accept
    GTEST_SKIP() << "this kernel has no multishot accept";
  listen();
  std::vector<int> clients;
  for (int i = 0; i < 20; ++i) clients.push_back(dial());
  for (int client : clients) {
    absl::StatusOr<Socket> socket = accept();
    ASSERT_TRUE(socket.ok()) << socket.status();
    expect_connected(client, socket->fd());
  }
  EXPECT_EQ(ring().stats().submitted, 1u);
  for (int client : clients) close(client);
}

TEST_F(ListenerTest, StopsAcceptingWhenNobodyTakes) {
  listen({.max_pending = 4});
  std::vector<int> clients;
  for (int i = 0; i < 12; ++i) clients.push_back(dial());
  int before = open_descriptors();
  absl::StatusOr<Socket> first = accept();  // all that stand in the backlog are accepted with it
  settle(0);                                // and the request was told to stop
  for (int i = 0; i < 12; ++i) clients.push_back(dial());
  EXPECT_LE(open_descriptors() - before, 12 + 12);
  EXPECT_EQ(ring().stats().in_flight, 0u);
  for (size_t taken = 1; taken < clients.size(); ++taken) {
    absl::StatusOr<Socket> socket = accept();
    ASSERT_TRUE(socket.ok()) << socket.status();
  }
  for (int client : clients) close(client);
}

TEST_F(ListenerTest, CallersAreServedInOrder) {
  listen();
  Unobserved nobody;
  Task<absl::StatusOr<Socket>> calls[3];
  for (auto& call : calls) {
    call = accepted(listener());
    EXPECT_FALSE(call.start(nobody));
  }
  std::vector<int> clients;
  for (auto& call : calls) {
    clients.push_back(dial());
    EXPECT_TRUE(turn_until(ring(), [&] { return call.ended(); }));
    absl::StatusOr<Socket> socket = call.result();
    ASSERT_TRUE(socket.ok());
    expect_connected(clients.back(), socket->fd());
  }
  for (int client : clients) close(client);
}

TEST_F(ListenerTest, ACallThatIsDestroyedLosesNoConnection) {
  listen();
  Unobserved nobody;
  // Before anybody comes, …
  Task<absl::StatusOr<Socket>> call = accepted(listener());
  EXPECT_FALSE(call.start(nobody));
  ring().core().submit();
  call.reset();
  int client = dial();
  absl::StatusOr<Socket> socket = accept();
  ASSERT_TRUE(socket.ok()) << socket.status();
  expect_connected(client, socket->fd());
  close(client);
}

// Destroys a task when its own turn comes.
Task<void> kill(Task<absl::StatusOr<Socket>>& victim) {
  victim.reset();
  co_return;
}

TEST_F(ListenerTest, ACallThatIsDestroyedWithItsConnectionInHandPassesItOn) {
  listen();
  Unobserved nobody;
  Task<absl::StatusOr<Socket>> call = accepted(listener());
  EXPECT_FALSE(call.start(nobody));
  ring().core().submit();
  int client = dial();
  // Its killer is ready first; the call gets its connection and is ready in the same turn.
  spawn(ring(), kill(call));
  ring().core().turn();
  ASSERT_FALSE(call);
  absl::StatusOr<Socket> socket = accept();
  ASSERT_TRUE(socket.ok()) << socket.status();
  expect_connected(client, socket->fd());
  close(client);
}

TEST_F(ListenerTest, ATimeoutLosesNoConnection) {
  listen();
  auto late = block_on(ring(), with_timeout(ring(), 1ms, listener().accept()));
  EXPECT_TRUE(absl::IsDeadlineExceeded(late.status())) << late.status();
  int client = dial();
  EXPECT_TRUE(accept().ok());
  close(client);
}

TEST_F(ListenerTest, ClosesWhatNobodyTook) {
  listen();
  std::vector<int> clients;
  for (int i = 0; i < 3; ++i) clients.push_back(dial());
  EXPECT_TRUE(accept().ok());
  drop_listener();
  settle(0);
  for (int client : clients) {
    char byte;
    EXPECT_LE(read(client, &byte, 1), 0);  // the end, or a reset
    close(client);
  }
}

TEST_F(ListenerTest, ClosesWhatItsRequestBringsAfterItsEnd) {
  listen();
  Unobserved nobody;
  Task<absl::StatusOr<Socket>> call = accepted(listener());
  EXPECT_FALSE(call.start(nobody));
  int client = dial();
  ring().core().submit();  // the connection is accepted, and nobody has looked yet
  call.reset();
  drop_listener();
  settle(0);
  char byte;
  EXPECT_EQ(recv(client, &byte, 1, MSG_DONTWAIT), 0);
  close(client);
}

TEST_F(ListenerTest, ACallThatWaitsEndsWithItsListener) {
  listen();
  Unobserved nobody;
  Task<absl::StatusOr<Socket>> call = accepted(listener());
  EXPECT_FALSE(call.start(nobody));
  ring().core().submit();
  drop_listener();
  EXPECT_TRUE(turn_until(ring(), [&] { return call.ended(); }));
  EXPECT_TRUE(absl::IsFailedPrecondition(call.result().status()));
  settle(0);
}

TEST_F(ListenerTest, OutlivesItsRing) {
  listen();
  Unobserved nobody;
  Task<absl::StatusOr<Socket>> call = accepted(listener());
  EXPECT_FALSE(call.start(nobody));
  ring().core().submit();
  destroy_ring();
  call.reset();
  Task<absl::StatusOr<Socket>> another = accepted(listener());
  EXPECT_TRUE(another.start(nobody));
  EXPECT_TRUE(absl::IsFailedPrecondition(another.result().status()));
}

// Has no descriptors left while it is at work.
class StarvingKernel final : public LinuxKernel {
 public:
  int enter(io_uring& ring, unsigned to_submit, unsigned min_complete, unsigned flags,
            const __kernel_timespec* timeout) override {
    rlimit limit;
    EXPECT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    rlimit none = limit;
    if (starving) none.rlim_cur = 3;
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
    int result = LinuxKernel::enter(ring, to_submit, min_complete, flags, timeout);
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    return result;
  }
  bool starving = false;
};

absl::StatusOr<Ring> ring_over(Kernel& kernel) {
  RingOptions options = testing::modest_options();
  options.kernel = &kernel;
  return Ring::create(std::move(options));
}

TEST_F(ListenerTest, SaysWhenThereAreNoDescriptorsLeftAndGoesOn) {
  if (kAddressSanitizer) GTEST_SKIP() << "UndefinedBehaviorSanitizer needs descriptors of its own";
  StarvingKernel kernel;
  absl::StatusOr<Ring> poor = ring_over(kernel);
  ASSERT_TRUE(poor.ok()) << poor.status();
  absl::StatusOr<TcpListener> listener = TcpListener::listen(*poor, SocketAddress::loopback(0));
  ASSERT_TRUE(listener.ok()) << listener.status();
  int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(::connect(client, listener->address().get(), listener->address().size()), 0);
  kernel.starving = true;
  absl::StatusOr<Socket> socket = block_on(*poor, listener->accept());
  EXPECT_TRUE(absl::IsResourceExhausted(socket.status())) << socket.status();
  EXPECT_EQ(errno_of(socket.status()), EMFILE);
  kernel.starving = false;
  EXPECT_TRUE(block_on(*poor, listener->accept()).ok());
  close(client);
}

// Linux before 5.19 refuses to accept many connections by one request.
class OldKernel final : public LinuxKernel {
 public:
  int enter(io_uring& ring, unsigned to_submit, unsigned min_complete, unsigned flags,
            const __kernel_timespec* timeout) override {
    for (unsigned at = *ring.sq.khead; at != *ring.sq.khead + to_submit; ++at) {
      io_uring_sqe& entry = ring.sq.sqes[at & ring.sq.ring_mask];
      if (entry.opcode == IORING_OP_ACCEPT && entry.ioprio != 0) entry.opcode = 255;
    }
    return LinuxKernel::enter(ring, to_submit, min_complete, flags, timeout);
  }
};

TEST_F(ListenerTest, ServesAKernelWithoutMultishot) {
  OldKernel kernel;
  absl::StatusOr<Ring> old = ring_over(kernel);
  ASSERT_TRUE(old.ok()) << old.status();
  absl::StatusOr<TcpListener> listener = TcpListener::listen(*old, SocketAddress::loopback(0));
  ASSERT_TRUE(listener.ok()) << listener.status();
  for (int i = 0; i < 3; ++i) {
    auto both = block_on(
        *old, when_all(accepted(*listener), connected(*old, listener->address(), SocketOptions())));
    EXPECT_TRUE(std::get<0>(both).ok()) << std::get<0>(both).status();
    EXPECT_TRUE(std::get<1>(both).ok()) << std::get<1>(both).status();
  }
}

TEST_F(ListenerTest, NamesTheAddressThatIsTaken) {
  listen();
  absl::StatusOr<TcpListener> again = TcpListener::listen(ring(), listener().address());
  EXPECT_TRUE(absl::IsAlreadyExists(again.status()) || errno_of(again.status()) == EADDRINUSE);
  EXPECT_NE(again.status().message().find(listener().address().to_string()), std::string::npos);
}

TEST_F(ListenerTest, SeveralShareAPortIfTheySaySo) {
  listen({.reuse_port = true});
  absl::StatusOr<TcpListener> second =
      TcpListener::listen(ring(), listener().address(), {.reuse_port = true});
  EXPECT_TRUE(second.ok()) << second.status();
}

TEST_F(ListenerTest, ConnectSaysWhoRefused) {
  listen();
  SocketAddress address = listener().address();
  drop_listener();
  settle(0);
  absl::StatusOr<Socket> socket = block_on(ring(), connect(ring(), address));
  EXPECT_EQ(errno_of(socket.status()), ECONNREFUSED) << socket.status();
  EXPECT_NE(socket.status().message().find(address.to_string()), std::string::npos);
  EXPECT_FALSE(block_on(ring(), connect(ring(), SocketAddress())).ok());
}

TEST_F(ListenerTest, AConnectThatIsDestroyedClosesItsSocket) {
  listen();
  Unobserved nobody;
  for (bool submitted : {false, true}) {
    Task<absl::StatusOr<Socket>> call = connected(ring(), listener().address(), SocketOptions());
    EXPECT_FALSE(call.start(nobody));
    if (submitted) ring().core().submit();
    call.reset();
    settle(0);
  }
}

class UnixListenerTest : public testing::RingTest {
 protected:
  void SetUp() override {
    make_ring();
    // Not in TEST_TMPDIR, which may be too deep for a socket's path.
    path_ = "/tmp/uring-listener-" + std::to_string(getpid());
    unlink(path_.c_str());
  }
  void TearDown() override {
    unlink(path_.c_str());
    testing::RingTest::TearDown();
  }

  std::string path_;
};

TEST_F(UnixListenerTest, ConnectAndAcceptMeet) {
  for (const std::string& path : {path_, "@" + path_}) {
    absl::StatusOr<UnixListener> listener = UnixListener::listen(ring(), path);
    ASSERT_TRUE(listener.ok()) << listener.status();
    auto both = block_on(ring(), when_all(accepted(*listener),
                                          connected(ring(), listener->address(), SocketOptions())));
    EXPECT_TRUE(std::get<0>(both).ok()) << std::get<0>(both).status();
    EXPECT_TRUE(std::get<1>(both).ok()) << std::get<1>(both).status();
    EXPECT_EQ(listener->address().to_string(), "unix:" + path);
  }
}

TEST_F(UnixListenerTest, RemovesASocketThatNobodyListensAt) {
  { ASSERT_TRUE(UnixListener::listen(ring(), path_).ok()); }
  EXPECT_TRUE(turn_until(ring(), [&] { return ring().stats().in_flight == 0; }));
  EXPECT_EQ(access(path_.c_str(), F_OK), 0);
  EXPECT_TRUE(UnixListener::listen(ring(), path_).ok());
}

TEST_F(UnixListenerTest, LeavesWhatIsInUseOrNoSocket) {
  absl::StatusOr<UnixListener> listener = UnixListener::listen(ring(), path_);
  ASSERT_TRUE(listener.ok()) << listener.status();
  EXPECT_EQ(errno_of(UnixListener::listen(ring(), path_).status()), EADDRINUSE);
  std::string file = path_ + ".txt";
  close(open(file.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
  EXPECT_EQ(errno_of(UnixListener::listen(ring(), file).status()), EADDRINUSE);
  EXPECT_EQ(unlink(file.c_str()), 0);
}

}  // namespace
}  // namespace uring
