#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <vector>

#include "benchmarks/die.h"
#include "benchmarks/net_rivals.h"
#include "benchmarks/net_server_ring.h"
#include "benchmarks/received_buffers.h"

namespace bench {
namespace {

constexpr uint16_t kNoBuffer = UINT16_MAX;

struct Connection {
  int fd = -1;
  bool queued = false;
  uint16_t lent = kNoBuffer;  // the provided buffer that is echoed, or is to be
  uint32_t lent_size = 0;
  uint32_t in_flight = 0;   // bytes of the send; 0: none
  std::vector<char> head;   // of a line
  std::vector<char> next;   // to be sent
  std::vector<char> going;  // in flight
};

class Server {
 public:
  explicit Server(const RivalOptions& options)
      : lines_(options.lines),
        buffers_(ring_.get(), options.buffer,
                 std::clamp<size_t>(std::bit_ceil(2 * options.connections), 64, 2048)) {
    const std::vector<int> fds = accept_rivals_connections(options.connections);
    connections_.resize(fds.size());
    for (size_t i = 0; i < fds.size(); ++i) {
      connections_[i].fd = fds[i];
      receive(i);
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
      for (const size_t index : to_send_) send(index);
      to_send_.clear();
      buffers_.give_back();
    }
  }

 private:
  void receive(size_t index) {
    io_uring_sqe* sqe = ring_.entry();
    io_uring_prep_recv_multishot(sqe, connections_[index].fd, nullptr, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = ReceivedBuffers::kGroup;
    sqe->user_data = uint64_t{index} << 1;
  }

  void received(size_t index, int32_t result, uint32_t flags) {
    if ((flags & IORING_CQE_F_MORE) == 0) receive(index);
    if (result == -ENOBUFS) return;
    if (result <= 0) ::_exit(0);
    Connection& connection = connections_[index];
    const uint16_t name = ReceivedBuffers::name_of(flags);
    const char* const bytes = buffers_.at(name);
    const auto size = static_cast<uint32_t>(result);
    if (lines_) {
      answer(connection, bytes, size);
      buffers_.put(name);
    } else if (connection.lent == kNoBuffer && connection.next.empty()) {
      connection.lent = name;
      connection.lent_size = size;
    } else {
      connection.next.insert(connection.next.end(), bytes, bytes + size);
      buffers_.put(name);
    }
    queue(index);
  }

  void answer(Connection& connection, const char* bytes, size_t size) {
    if (!connection.head.empty()) {
      // Only the line that straddles two buffers is put together.
      const void* newline = std::memchr(bytes, '\n', size);
      const size_t rest = newline == nullptr
                              ? size
                              : static_cast<size_t>(static_cast<const char*>(newline) + 1 - bytes);
      connection.head.insert(connection.head.end(), bytes, bytes + rest);
      if (newline == nullptr) return;
      append_answers(connection, connection.head.data(), connection.head.size());
      connection.head.clear();
      bytes += rest;
      size -= rest;
    }
    const size_t used = append_answers(connection, bytes, size);
    connection.head.assign(bytes + used, bytes + size);
  }

  size_t append_answers(Connection& connection, const char* bytes, size_t size) {
    size_t written = connection.next.size();
    connection.next.resize(written + answer_bound(size));
    const size_t used = answer_lines(bytes, size, connection.next.data() + written, written);
    connection.next.resize(written);
    return used;
  }

  void queue(size_t index) {
    Connection& connection = connections_[index];
    if (connection.queued || connection.in_flight > 0) return;
    if (connection.lent == kNoBuffer && connection.next.empty()) return;
    connection.queued = true;
    to_send_.push_back(index);
  }

  void send(size_t index) {
    Connection& connection = connections_[index];
    connection.queued = false;
    const char* bytes = nullptr;
    if (connection.lent != kNoBuffer) {
      bytes = buffers_.at(connection.lent);
      connection.in_flight = connection.lent_size;
    } else {
      connection.going.swap(connection.next);
      connection.next.clear();
      bytes = connection.going.data();
      connection.in_flight = static_cast<uint32_t>(connection.going.size());
    }
    io_uring_sqe* sqe = ring_.entry();
    io_uring_prep_send(sqe, connection.fd, bytes, connection.in_flight, MSG_NOSIGNAL | MSG_WAITALL);
    sqe->user_data = uint64_t{index} << 1 | 1;
  }

  void sent(size_t index, int32_t result) {
    Connection& connection = connections_[index];
    if (result != static_cast<int32_t>(connection.in_flight)) {
      die("send", result < 0 ? -result : EIO);
    }
    connection.in_flight = 0;
    if (connection.lent != kNoBuffer) buffers_.put(connection.lent);
    connection.lent = kNoBuffer;
    queue(index);
  }

  bool lines_;
  ServerRing ring_;
  ReceivedBuffers buffers_;
  std::vector<Connection> connections_;
  std::vector<size_t> to_send_;
};

}  // namespace

void serve_uring_multishot(const RivalOptions& options) { Server(options).serve(); }

}  // namespace bench
