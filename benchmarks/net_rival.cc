#include "benchmarks/net_rival.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "benchmarks/die.h"

namespace bench {

RivalOptions rival_options(int argc, char** argv, int first) {
  if (argc != first + 3) die("usage: echo|lines CONNECTIONS BUFFER", 0);
  RivalOptions options;
  options.lines = argv[first] == std::string_view("lines");
  options.connections = std::strtoul(argv[first + 1], nullptr, 10);
  options.buffer = std::strtoul(argv[first + 2], nullptr, 10);
  if (options.connections == 0 || options.buffer == 0) die("a number is missing", 0);
  return options;
}

std::vector<int> accept_rivals_connections(size_t count) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  socklen_t size = sizeof address;
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (listener < 0 || ::bind(listener, generic, size) != 0 || ::listen(listener, 4096) != 0 ||
      ::getsockname(listener, generic, &size) != 0) {
    die("cannot listen", errno);
  }
  std::printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
  std::fflush(stdout);
  std::vector<int> connections;
  while (connections.size() < count) {
    const int fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) die("accept", errno);
    int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    connections.push_back(fd);
  }
  ::close(listener);
  return connections;
}

}  // namespace bench
