#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "benchmarks/die.h"
#include "benchmarks/net_rivals.h"

namespace bench {
namespace {

struct Connection {
  int fd = -1;
  size_t kept = 0;  // bytes in `in` that are no whole line yet
  std::vector<char> in;
  std::vector<char> rest;  // an answer that the socket did not take
};

class Server {
 public:
  explicit Server(const RivalOptions& options)
      : options_(options), out_(answer_bound(options.buffer)), epoll_(::epoll_create1(0)) {
    const std::vector<int> fds = accept_rivals_connections(options.connections);
    connections_.resize(fds.size());
    for (size_t i = 0; i < fds.size(); ++i) {
      connections_[i].fd = fds[i];
      connections_[i].in.resize(options.buffer);
      epoll_event event = {};
      event.events = EPOLLIN;
      event.data.ptr = &connections_[i];
      if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fds[i], &event) != 0) die("epoll_ctl", errno);
    }
  }

  [[noreturn]] void serve() {
    std::array<epoll_event, 256> events;
    for (;;) {
      const int count = ::epoll_wait(epoll_, events.data(), int{events.size()}, -1);
      if (count < 0 && errno != EINTR) die("epoll_wait", errno);
      for (int i = 0; i < count; ++i) {
        const epoll_event& event = events[static_cast<size_t>(i)];
        auto& connection = *static_cast<Connection*>(event.data.ptr);
        if ((event.events & EPOLLOUT) != 0) drain(connection);
        if (connection.rest.empty()) receive(connection);
      }
    }
  }

 private:
  void receive(Connection& connection) {
    for (;;) {
      const size_t room = options_.buffer - connection.kept;
      const ssize_t got =
          ::recv(connection.fd, connection.in.data() + connection.kept, room, MSG_DONTWAIT);
      if (got < 0) {
        if (errno == EAGAIN || errno == EINTR) return;
        die("recv", errno);
      }
      if (got == 0) ::_exit(0);
      answer(connection, static_cast<size_t>(got));
      if (static_cast<size_t>(got) < room || !connection.rest.empty()) return;
    }
  }

  void answer(Connection& connection, size_t got) {
    char* const in = connection.in.data();
    if (!options_.lines) return send(connection, in, got);
    const size_t size = connection.kept + got;
    size_t written = 0;
    const size_t used = answer_lines(in, size, out_.data(), written);
    connection.kept = size - used;
    std::memmove(in, in + used, connection.kept);
    if (written > 0) send(connection, out_.data(), written);
  }

  void send(Connection& connection, const char* bytes, size_t size) {
    ssize_t sent = ::send(connection.fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN) die("send", errno);
    if (sent < 0) sent = 0;
    if (static_cast<size_t>(sent) == size) return;
    connection.rest.assign(bytes + sent, bytes + size);
    watch(connection, EPOLLOUT);
  }

  void drain(Connection& connection) {
    const ssize_t sent = ::send(connection.fd, connection.rest.data(), connection.rest.size(),
                                MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) {
      if (errno == EAGAIN) return;
      die("send", errno);
    }
    connection.rest.erase(connection.rest.begin(), connection.rest.begin() + sent);
    if (connection.rest.empty()) watch(connection, EPOLLIN);
  }

  void watch(Connection& connection, uint32_t what) {
    epoll_event event = {};
    event.events = what;
    event.data.ptr = &connection;
    if (::epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.fd, &event) != 0) die("epoll_ctl", errno);
  }

  RivalOptions options_;
  std::vector<char> out_;
  int epoll_;
  std::vector<Connection> connections_;
};

}  // namespace

void serve_epoll(const RivalOptions& options) { Server(options).serve(); }

}  // namespace bench
