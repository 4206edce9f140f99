#include "uring/run_on_cores.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <mutex>
#include <set>
#include <stop_token>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bufio/stream.h"
#include "gtest/gtest.h"
#include "uring/linux_kernel.h"
#include "uring/listener.h"
#include "uring/scope.h"
#include "uring/signals.h"
#include "uring/sleep.h"
#include "uring/socket.h"
#include "uring/socket_address.h"
#include "uring/spawn.h"
#include "uring/stop.h"

namespace uring {
namespace {

RingOptions small() {
  RingOptions options;
  options.completion_entries = 512;
  return options;
}

struct Seen {
  std::mutex mutex;
  std::set<int> cores;
  std::set<std::thread::id> threads;
};

Task<absl::Status> note(Seen& seen, Ring& ring, int core) {
  co_await yield(ring);
  const std::lock_guard lock(seen.mutex);
  seen.cores.insert(core);
  seen.threads.insert(std::this_thread::get_id());
  co_return absl::OkStatus();
}

TEST(RunOnCores, RunsEachOnAThreadOfItsOwn) {
  Seen seen;
  absl::Status status = run_on_cores(
      3, [&seen](Ring& ring, int core) { return note(seen, ring, core); }, small());
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(seen.cores, (std::set<int>{0, 1, 2}));
  EXPECT_EQ(seen.threads.size(), 3u);
  EXPECT_TRUE(seen.threads.contains(std::this_thread::get_id()));
}

TEST(RunOnCores, TakesAllCoresUnlessToldOtherwise) {
  Seen seen;
  ASSERT_TRUE(run_on_cores(
                  0, [&seen](Ring& ring, int core) { return note(seen, ring, core); }, small())
                  .ok());
  EXPECT_EQ(seen.cores.size(), static_cast<size_t>(usable_cores()));
}

TEST(RunOnCores, LeavesTheCallersProcessorsAsTheyWere) {
  cpu_set_t before;
  cpu_set_t after;
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  Seen seen;
  ASSERT_TRUE(run_on_cores(
                  2, [&seen](Ring& ring, int core) { return note(seen, ring, core); }, small())
                  .ok());
  ASSERT_EQ(sched_getaffinity(0, sizeof after, &after), 0);
  EXPECT_TRUE(CPU_EQUAL(&before, &after));
}

Task<absl::Status> fail_or_wait(Ring& ring, int core, std::stop_token stop) {
  if (core == 1) co_return absl::DataLossError("core 1 fails");
  while (!stop.stop_requested()) co_await yield(ring);
  co_return absl::OkStatus();
}

TEST(RunOnCores, AFailureStopsTheOthersAndIsTold) {
  std::stop_source stop;
  absl::Status status = run_on_cores(
      3, [&stop](Ring& ring, int core) { return fail_or_wait(ring, core, stop.get_token()); },
      small(), stop);
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
}

// Forbids all rings.
class ForbiddingKernel final : public LinuxKernel {
  int set_up(unsigned, io_uring_params&, io_uring&) override { return -EPERM; }
};

TEST(RunOnCores, ARingThatCannotBeMadeIsAnError) {
  ForbiddingKernel kernel;
  RingOptions options = small();
  options.kernel = &kernel;
  Seen seen;
  absl::Status status = run_on_cores(
      2, [&seen](Ring& ring, int core) { return note(seen, ring, core); }, options);
  EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
  EXPECT_TRUE(seen.cores.empty());
}

// --- a server
// --------------------------------------------------------------------------------------

// Cores that listen at one port, and finish what is in hand when a signal comes.
struct Server {
  SocketAddress address = SocketAddress::loopback(0);
  std::stop_source stop;
  std::atomic<int> in_hand = 0;
  std::atomic<int> served_by[2] = {0, 0};
};

Task<void> stop_on_signal(Signals signals, std::stop_source stop) {
  const absl::StatusOr<int> signal = co_await signals.next();
  EXPECT_EQ(signal.value_or(0), SIGUSR1);
  stop.request_stop();
}

// Answers a line, but not before it is time to stop.
Task<absl::Status> serve_slowly(Ring& ring, Server& server, int core, bufio::Stream stream) {
  const absl::StatusOr<bufio::Token> line = co_await stream.reader.read_line();
  if (!line.ok()) co_return line.status();
  ++server.served_by[core];
  ++server.in_hand;
  while (!server.stop.stop_requested()) co_await sleep_for(ring, std::chrono::milliseconds(1));
  co_await sleep_for(ring, std::chrono::milliseconds(5));
  const absl::Status written = co_await stream.writer.write("done\n");
  if (!written.ok()) co_return written;
  const absl::Status closed = co_await stream.writer.close();
  co_return closed;
}

Task<absl::Status> accept_all(Ring& ring, Server& server, int core, TcpListener& listener,
                              Scope& connections) {
  for (;;) {
    absl::StatusOr<Socket> socket = co_await listener.accept();
    if (!socket.ok()) co_return socket.status();
    connections.spawn(serve_slowly(ring, server, core, bufio::open_stream(*socket)));
  }
}

Task<absl::Status> serve(Ring& ring, Server& server, int core) {
  if (core == 0) {
    absl::StatusOr<Signals> signals = Signals::block(ring, {SIGUSR1});
    if (!signals.ok()) co_return signals.status();
    spawn(ring, stop_on_signal(*std::move(signals), server.stop));
  }
  ListenOptions options;
  options.reuse_port = true;
  absl::StatusOr<TcpListener> listener = TcpListener::listen(ring, server.address, options);
  if (!listener.ok()) co_return listener.status();
  Scope connections(ring);
  const absl::Status status = co_await with_stop(
      ring, server.stop.get_token(), accept_all(ring, server, core, *listener, connections));
  EXPECT_TRUE(absl::IsCancelled(status)) << status;
  const absl::Status joined = co_await connections.join();
  co_return joined;
}

// A client's socket that is connected, or -1. The kernel completes connections that nobody accepts.
int dial(const SocketAddress& address) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (::connect(fd, address.get(), address.size()) == 0) return fd;
  ::close(fd);
  return -1;
}

TEST(RunOnCores, CoresShareAPortAndFinishWhatIsInHandWhenASignalComes) {
  constexpr int kClients = 32;
  sigset_t signals;
  sigset_t before;
  sigemptyset(&signals);
  sigaddset(&signals, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &signals, &before);
  Server server;
  // Holds the port, and never listens.
  const int holder = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ASSERT_EQ(::setsockopt(holder, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on), 0);
  ASSERT_EQ(::setsockopt(holder, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
  ASSERT_EQ(::bind(holder, server.address.get(), server.address.size()), 0);
  server.address = local_address_of(holder).value();
  int answered = 0;
  std::thread clients([&server, &answered] {
    std::vector<int> sockets;
    while (sockets.size() < kClients) {
      const int fd = dial(server.address);
      if (fd < 0) continue;  // nobody listens yet
      EXPECT_EQ(::send(fd, "work\n", 5, MSG_NOSIGNAL), 5);
      sockets.push_back(fd);
    }
    while (server.in_hand < kClients) std::this_thread::yield();
    EXPECT_EQ(kill(getpid(), SIGUSR1), 0);
    for (const int fd : sockets) {
      char answer[8] = {};
      if (::recv(fd, answer, 5, MSG_WAITALL) == 5 && std::string_view(answer) == "done\n") {
        ++answered;
      }
      ::close(fd);
    }
  });
  const absl::Status status = run_on_cores(
      2, [&server](Ring& ring, int core) { return serve(ring, server, core); }, small(),
      server.stop);
  clients.join();
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(answered, kClients);
  EXPECT_EQ(server.served_by[0] + server.served_by[1], kClients);
  EXPECT_EQ(dial(server.address), -1) << "nobody listens any more";
  ::close(holder);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace
}  // namespace uring
