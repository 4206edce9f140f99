// examples/ncat.cc
//
// A two-way pipe: standard input goes to a socket, and what the socket brings to standard output.
//
//   ncat HOST PORT      connects          ncat -U PATH      connects to a Unix socket
//   ncat -l PORT        listens for one   ncat -l -U PATH   the same at a path
//
// Each direction ends by itself and passes its end on: the end of standard input closes our half of
// the connection, and the end of what the peer says closes standard output, while the other
// direction goes on. When both have ended, so does the program. An error of one ends both.

#include <getopt.h>
#include <unistd.h>

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bufio/copy.h"
#include "bufio/descriptor.h"
#include "bufio/stream.h"
#include "bufio/writer_descriptor.h"
#include "examples/standard_descriptors.h"
#include "uring/block_on.h"
#include "uring/listener.h"
#include "uring/resolve.h"
#include "uring/ring.h"
#include "uring/scope.h"
#include "uring/socket.h"
#include "uring/socket_address.h"
#include "uring/task.h"

namespace {

using uring::Ring;
using uring::Socket;
using uring::SocketAddress;
using uring::Task;

struct Where {
  bool listen = false;
  bool unix_path = false;
  std::string host = "127.0.0.1";  // or the path
  uint16_t port = 0;
};

template <class Listener>
Task<absl::StatusOr<Socket>> accept_one(absl::StatusOr<Listener> listener) {
  if (!listener.ok()) co_return std::move(listener).status();
  // Standard output is for what the peer says.
  std::fprintf(stderr, "listening on %s\n", listener->address().to_string().c_str());
  absl::StatusOr<Socket> socket = co_await listener->accept();
  co_return socket;
}

Task<absl::StatusOr<Socket>> open_socket(Ring& ring, Where where) {
  absl::StatusOr<Socket> socket;
  if (!where.unix_path && !where.listen) {
    socket = co_await uring::connect_host(ring, where.host, where.port);
  } else if (!where.unix_path) {
    absl::StatusOr<SocketAddress> address = SocketAddress::ip(where.host, where.port);
    if (!address.ok()) co_return std::move(address).status();
    socket = co_await accept_one(uring::TcpListener::listen(ring, *address));
  } else if (where.listen) {
    socket = co_await accept_one(uring::UnixListener::listen(ring, where.host));
  } else {
    absl::StatusOr<SocketAddress> address = SocketAddress::unix_path(where.host);
    if (!address.ok()) co_return std::move(address).status();
    socket = co_await uring::connect(ring, *address);
  }
  co_return socket;
}

Task<absl::Status> pass_on(bufio::Reader from, bufio::Writer to) {
  bufio::CopyResult copied = co_await bufio::copy(from, to);
  if (!copied.ok()) co_return copied.status();
  // Of a socket, our half; of standard output, all of it.
  absl::Status closed = co_await to.close();
  co_return closed;
}

Task<absl::Status> talk(Ring& ring, Where where) {
  absl::StatusOr<Socket> socket = co_await open_socket(ring, std::move(where));
  if (!socket.ok()) co_return std::move(socket).status();
  bufio::Stream stream = bufio::open_stream(*socket);
  uring::Scope scope(ring);
  scope.spawn(pass_on(bufio::standard_input(ring), std::move(stream.writer)));
  scope.spawn(pass_on(std::move(stream.reader), bufio::adopt_fd_for_writing(ring, STDOUT_FILENO)));
  absl::Status status = co_await scope.join();
  co_return status;
}

std::optional<uint16_t> parse_port(std::string_view text) {
  uint16_t port = 0;
  const char* end = text.data() + text.size();
  std::from_chars_result read = std::from_chars(text.data(), end, port);
  if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
  return port;
}

std::optional<Where> parse(int argc, char** argv) {
  Where where;
  for (int option; (option = getopt(argc, argv, "lU")) != -1;) {
    if (option == 'l') {
      where.listen = true;
    } else if (option == 'U') {
      where.unix_path = true;
    } else {
      return std::nullopt;
    }
  }
  const int left = argc - optind;
  if (where.unix_path) {
    if (left != 1) return std::nullopt;
    where.host = argv[optind];
    return where;
  }
  if (left != 2 && !(where.listen && left == 1)) return std::nullopt;
  if (left == 2) where.host = argv[optind];
  const std::optional<uint16_t> port = parse_port(argv[argc - 1]);
  if (!port.has_value()) return std::nullopt;
  where.port = *port;
  return where;
}

constexpr const char* kHelp =
    "Usage: ncat HOST PORT | ncat -l [ADDRESS] PORT | ncat -U PATH | ncat -l -U PATH\n"
    "Copy standard input to a connection, and the connection to standard output.\n";

}  // namespace

int main(int argc, char** argv) {
  const std::optional<Where> where = parse(argc, argv);
  if (!where.has_value()) {
    std::fputs(kHelp, stderr);
    return 2;
  }
  if (!occupy_standard_descriptors()) return EXIT_FAILURE;
  absl::StatusOr<Ring> ring = Ring::create();
  absl::Status status = ring.status();
  if (status.ok()) status = uring::block_on(*ring, talk(*ring, *where));
  if (!status.ok()) std::fprintf(stderr, "ncat: %s\n", status.ToString().c_str());
  return status.ok() ? EXIT_SUCCESS : EXIT_FAILURE;
}
