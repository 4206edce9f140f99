#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <vector>

#include "benchmarks/die.h"
#include "benchmarks/net_rivals.h"
#include "benchmarks/net_server_ring.h"

namespace bench {
namespace {

struct Connection {
  int fd = -1;
  uint32_t in_flight = 0;  // bytes of the send; 0: none
  uint32_t waits = 0;      // bytes that are to be sent when the send is done
  unsigned receiving = 0;  // into which of the two
  size_t kept = 0;         // bytes in it that are no whole line yet
  std::array<std::vector<char>, 2> in;
  std::vector<char> out;  // answers to lines
};

class Server {
 public:
  explicit Server(const RivalOptions& options) : lines_(options.lines), buffer_(options.buffer) {
    const std::vector<int> fds = accept_rivals_connections(options.connections);
    connections_.resize(fds.size());
    for (size_t i = 0; i < fds.size(); ++i) {
      Connection& connection = connections_[i];
      connection.fd = fds[i];
      for (auto& in : connection.in) in.resize(buffer_);
      if (lines_) connection.out.resize(answer_bound(buffer_));
      receive(i, 0);
    }
  }

  [[noreturn]] void serve() {
    for (;;) {
      ring_.turn([this](const io_uring_cqe& cqe) {
        const auto index = static_cast<size_t>(cqe.user_data >> 1);
        if ((cqe.user_data & 1) != 0) {
          sent(index, cqe.res);
        } else {
          received(index, cqe.res, cqe.flags);
        }
      });
    }
  }

 private:
  void receive(size_t index, uint32_t flags) {
    Connection& connection = connections_[index];
    io_uring_sqe* sqe = ring_.entry();
    io_uring_prep_recv(sqe, connection.fd,
                       connection.in[connection.receiving].data() + connection.kept,
                       buffer_ - connection.kept, 0);
    // Nothing was left behind the last receive: there is no use in looking before waiting.
    if ((flags & IORING_CQE_F_SOCK_NONEMPTY) == 0) sqe->ioprio = IORING_RECVSEND_POLL_FIRST;
    sqe->user_data = uint64_t{index} << 1;
  }

  void send(size_t index, const char* bytes, uint32_t size) {
    Connection& connection = connections_[index];
    connection.in_flight = size;
    io_uring_sqe* sqe = ring_.entry();
    io_uring_prep_send(sqe, connection.fd, bytes, size, MSG_NOSIGNAL | MSG_WAITALL);
    sqe->user_data = uint64_t{index} << 1 | 1;
  }

  void received(size_t index, int32_t result, uint32_t flags) {
    if (result <= 0) ::_exit(0);
    Connection& connection = connections_[index];
    const auto got = static_cast<uint32_t>(result);
    if (lines_) return answer(index, got, flags);
    if (connection.in_flight > 0) {
      connection.waits = got;  // until the other buffer is free again
      return;
    }
    echo(index, got, flags);
  }

  void echo(size_t index, uint32_t size, uint32_t flags) {
    Connection& connection = connections_[index];
    send(index, connection.in[connection.receiving].data(), size);
    connection.receiving ^= 1;
    receive(index, flags);
  }

  void answer(size_t index, uint32_t got, uint32_t flags) {
    Connection& connection = connections_[index];
    char* const in = connection.in[0].data();
    const size_t size = connection.kept + got;
    if (connection.in_flight > 0) {
      connection.kept = size;
      connection.waits = 1;
      return;
    }
    connection.kept = 0;
    size_t written = 0;
    char* const out = connection.out.data();
    const size_t used = answer_lines(in, size, out, written);
    connection.kept = size - used;
    std::memmove(in, in + used, connection.kept);
    if (written > 0) send(index, out, static_cast<uint32_t>(written));
    receive(index, flags);
  }

  void sent(size_t index, int32_t result) {
    Connection& connection = connections_[index];
    if (result != static_cast<int32_t>(connection.in_flight)) {
      die("send", result < 0 ? -result : EIO);
    }
    connection.in_flight = 0;
    const uint32_t waits = connection.waits;
    connection.waits = 0;
    if (waits == 0) return;
    if (lines_) return answer(index, 0, IORING_CQE_F_SOCK_NONEMPTY);
    echo(index, waits, IORING_CQE_F_SOCK_NONEMPTY);
  }

  bool lines_;
  size_t buffer_;
  ServerRing ring_;
  std::vector<Connection> connections_;
};

}  // namespace

void serve_uring_single(const RivalOptions& options) { Server(options).serve(); }

}  // namespace bench
