// benchmarks/net_server_ring.h
//
// The ring of a hand-written server: single issuer, deferred task work, one system call a turn.

#ifndef BENCHMARKS_NET_SERVER_RING_H_
#define BENCHMARKS_NET_SERVER_RING_H_

#include <liburing.h>

#include <cerrno>

#include "benchmarks/die.h"

namespace bench {

class ServerRing {
 public:
  ServerRing() {
    io_uring_params params = {};
    params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE;
    params.cq_entries = 16384;
    const int error = io_uring_queue_init_params(2048, &ring_, &params);
    if (error != 0) die("the rival's ring (needs Linux 6.1)", -error);
  }

  io_uring& get() { return ring_; }

  io_uring_sqe* entry() {
    io_uring_sqe* free = io_uring_get_sqe(&ring_);
    if (free != nullptr) return free;
    io_uring_submit(&ring_);
    return io_uring_get_sqe(&ring_);
  }

  // Hands over, waits for a completion, and calls `each(cqe)` for all that are there.
  template <class Each>
  void turn(Each each) {
    const int result = io_uring_submit_and_wait(&ring_, 1);
    if (result < 0 && result != -EINTR) die("io_uring_enter", -result);
    unsigned head = 0;
    unsigned seen = 0;
    io_uring_cqe* cqe = nullptr;
    io_uring_for_each_cqe(&ring_, head, cqe) {
      ++seen;
      each(*cqe);
    }
    io_uring_cq_advance(&ring_, seen);
  }

 private:
  io_uring ring_ = {};
};

}  // namespace bench

#endif  // BENCHMARKS_NET_SERVER_RING_H_
