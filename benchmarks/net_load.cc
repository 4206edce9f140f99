#include "benchmarks/net_load.h"

#include <arpa/inet.h>
#include <liburing.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string_view>
#include <thread>
#include <vector>

#include "benchmarks/die.h"
#include "benchmarks/received_buffers.h"

namespace bench {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

namespace {

enum class What : uint64_t { kReceive, kSend };

uint64_t user_data(size_t connection, What what) {
  return uint64_t{connection} << 1 | static_cast<uint64_t>(what);
}

// Where a side of one connection's conversation is.
struct Place {
  size_t offset = 0;   // in the round
  size_t message = 0;  // the one that `offset` is in

  // Goes on by `n` bytes; returns how many messages end there.
  size_t advance(const Lyrics& lyrics, size_t n) {
    size_t ended = 0;
    offset += n;
    for (;;) {
      if (offset < lyrics.ends[message]) return ended;
      ++ended;
      if (++message < lyrics.ends.size()) continue;
      message = 0;
      offset -= lyrics.round();
    }
  }
};

struct Connection {
  int fd = -1;
  bool sending = false;
  bool queued = false;     // for a send
  uint32_t owed = 0;       // requests to be sent
  uint32_t in_flight = 0;  // bytes of the send
  Place asked;
  Place answered;
};

}  // namespace

class Load::Engine {
 public:
  Engine(const LoadOptions& options, const Script& script)
      : script_(script), sleep_(options.sleep), connections_(options.connections) {
    set_up_ring();
    const size_t burst = script.answers.round() / script.answers.ends.size() * options.outstanding;
    buffers_.emplace(ring_, std::clamp<size_t>(std::bit_ceil(burst), 512, 16384),
                     std::clamp<size_t>(std::bit_ceil(options.connections), 16, 1024));
    for (size_t i = 0; i < connections_.size(); ++i) {
      connections_[i].fd = connect_to(options.host, options.port, 5s);
      connections_[i].owed = static_cast<uint32_t>(options.outstanding);
      receive(i);
      queue(i);
    }
  }

  ~Engine() {
    for (const Connection& connection : connections_) ::close(connection.fd);
    io_uring_queue_exit(&ring_);
  }

  LoadResult run(std::chrono::nanoseconds duration) {
    result_ = {};
    const Clock::time_point start = Clock::now();
    Clock::time_point now = start;
    for (; now < start + duration; now = Clock::now()) {
      send_all();
      hand_over();
      collect();
    }
    result_.seconds = std::chrono::duration<double>(now - start).count();
    return result_;
  }

 private:
  void set_up_ring() {
    io_uring_params params = {};
    params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                   IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_CQSIZE;
    params.cq_entries = 16384;
    const int error = io_uring_queue_init_params(2048, &ring_, &params);
    if (error != 0) die("the load's ring (needs Linux 6.1)", -error);
  }

  io_uring_sqe* entry() {
    io_uring_sqe* free = io_uring_get_sqe(&ring_);
    if (free != nullptr) return free;
    io_uring_submit(&ring_);
    return io_uring_get_sqe(&ring_);
  }

  void receive(size_t index) {
    io_uring_sqe* sqe = entry();
    io_uring_prep_recv_multishot(sqe, connections_[index].fd, nullptr, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = ReceivedBuffers::kGroup;
    sqe->user_data = user_data(index, What::kReceive);
  }

  void queue(size_t index) {
    Connection& connection = connections_[index];
    if (connection.queued || connection.sending || connection.owed == 0) return;
    connection.queued = true;
    to_send_.push_back(index);
  }

  void send_all() {
    for (const size_t index : to_send_) send(index);
    to_send_.clear();
  }

  void send(size_t index) {
    Connection& connection = connections_[index];
    const Lyrics& requests = script_.requests;
    const size_t last = connection.asked.message + connection.owed - 1;
    const size_t count = requests.ends.size();
    const size_t end =
        last < count ? requests.ends[last] : requests.round() + requests.ends[last - count];
    connection.owed = 0;
    connection.queued = false;
    connection.sending = true;
    connection.in_flight = static_cast<uint32_t>(end - connection.asked.offset);
    io_uring_sqe* sqe = entry();
    io_uring_prep_send(sqe, connection.fd, requests.bytes.data() + connection.asked.offset,
                       connection.in_flight, MSG_NOSIGNAL | MSG_WAITALL);
    sqe->user_data = user_data(index, What::kSend);
    connection.asked.advance(requests, connection.in_flight);
  }

  void hand_over() {
    if (sleep_) {
      __kernel_timespec timeout = {.tv_sec = 0, .tv_nsec = 10'000'000};
      io_uring_cqe* first = nullptr;
      io_uring_submit_and_wait_timeout(&ring_, &first, 1, &timeout, nullptr);
      return;
    }
    const bool work = (__atomic_load_n(ring_.sq.kflags, __ATOMIC_RELAXED) & IORING_SQ_TASKRUN) != 0;
    if (work || io_uring_sq_ready(&ring_) > 0) io_uring_submit_and_get_events(&ring_);
  }

  void collect() {
    unsigned head = 0;
    unsigned seen = 0;
    io_uring_cqe* cqe = nullptr;
    io_uring_for_each_cqe(&ring_, head, cqe) {
      ++seen;
      const auto index = static_cast<size_t>(cqe->user_data >> 1);
      if (static_cast<What>(cqe->user_data & 1) == What::kSend) {
        sent(index, cqe->res);
      } else {
        received(index, cqe->res, cqe->flags);
      }
    }
    io_uring_cq_advance(&ring_, seen);
    buffers_->give_back();
  }

  void sent(size_t index, int32_t result) {
    Connection& connection = connections_[index];
    if (result != static_cast<int32_t>(connection.in_flight)) {
      die("a request was not sent", result < 0 ? -result : EIO);
    }
    connection.sending = false;
    queue(index);
  }

  void received(size_t index, int32_t result, uint32_t flags) {
    if ((flags & IORING_CQE_F_MORE) == 0) receive(index);
    if (result == -ENOBUFS) return;
    if (result <= 0) die("the server ended a connection", result < 0 ? -result : 0);
    Connection& connection = connections_[index];
    const std::string_view view = buffers_->take(result, flags);
    const Lyrics& answers = script_.answers;
    // The second round is there for comparing, too; a view is never longer than one.
    if (view.size() > answers.round() ||
        std::memcmp(view.data(), answers.bytes.data() + connection.answered.offset, view.size()) !=
            0) {
      die("the server answered something else", 0);
    }
    const size_t ended = connection.answered.advance(answers, view.size());
    connection.owed += static_cast<uint32_t>(ended);
    result_.messages += ended;
    result_.bytes += view.size();
    queue(index);
  }

  const Script& script_;
  bool sleep_;
  io_uring ring_ = {};
  std::optional<ReceivedBuffers> buffers_;
  std::vector<Connection> connections_;
  std::vector<size_t> to_send_;
  LoadResult result_;
};

Load::Load(const LoadOptions& options, const Script& script)
    : engine_(std::make_unique<Engine>(options, script)) {}
Load::~Load() = default;
LoadResult Load::run(std::chrono::nanoseconds duration) { return engine_->run(duration); }

int connect_to(const std::string& host, uint16_t port, std::chrono::nanoseconds patience) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  if (::inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) die("not an IPv4 address", 0);
  const Clock::time_point give_up = Clock::now() + patience;
  for (;;) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) die("socket", errno);
    int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
    if (errno != ECONNREFUSED || Clock::now() > give_up) die("connect", errno);
    ::close(fd);
    std::this_thread::sleep_for(1ms);
  }
}

}  // namespace bench
