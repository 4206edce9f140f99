#include "benchmarks/rivals_uring.h"

#include <liburing.h>
#include <sys/uio.h>

#include <cerrno>
#include <climits>
#include <cstddef>
#include <cstdint>

#include "benchmarks/die.h"
#include "benchmarks/processors.h"

namespace bench {
namespace {

constexpr int kPending = INT_MIN;

// Long enough that the polling thread does not fall asleep while we look at a piece.
constexpr unsigned kPollMilliseconds = 20;

void set_up(io_uring& ring, const UringLoopOptions& options) {
  io_uring_params params{};
  params.flags = IORING_SETUP_SINGLE_ISSUER;
  if (options.polled) {
    params.flags |= IORING_SETUP_SQPOLL | IORING_SETUP_SQ_AFF;
    params.sq_thread_cpu = static_cast<unsigned>(processors().feeder);
    params.sq_thread_idle = kPollMilliseconds;
  } else {
    params.flags |= IORING_SETUP_DEFER_TASKRUN;
  }
  const int error = io_uring_queue_init_params(2 * options.depth, &ring, &params);
  if (error < 0) die("io_uring_setup", -error);
}

}  // namespace

UringLoop::UringLoop(const UringLoopOptions& options)
    : options_(options),
      memory_((kHeadroom + options.piece) * options.depth),
      results_(options.depth, kPending) {
  set_up(ring_, options_);
  const iovec all{memory_.data(), memory_.size()};
  const int error = io_uring_register_buffers(&ring_, &all, 1);
  if (error < 0) die("registering buffers", -error);
}

UringLoop::~UringLoop() { io_uring_queue_exit(&ring_); }

char* UringLoop::target(unsigned slot) const {
  return memory_.data() + slot * (kHeadroom + options_.piece) + kHeadroom;
}

void UringLoop::request(int fd, unsigned slot, uint64_t offset) {
  results_[slot] = kPending;
  io_uring_sqe* const sqe = io_uring_get_sqe(&ring_);
  io_uring_prep_read_fixed(sqe, fd, target(slot), static_cast<unsigned>(options_.piece), offset, 0);
  sqe->user_data = slot;
  // One read in flight is submitted by the call that waits for it; more of them must not wait for
  // us to wait.
  if (options_.depth > 1) io_uring_submit(&ring_);
}

size_t UringLoop::wait_for(unsigned slot) {
  while (results_[slot] == kPending) {
    io_uring_cqe* cqe = nullptr;
    if (io_uring_peek_cqe(&ring_, &cqe) != 0) {
      const int error = io_uring_submit_and_wait(&ring_, 1);
      if (error < 0 && error != -EINTR) die("io_uring_enter", -error);
      continue;
    }
    results_[cqe->user_data] = cqe->res;
    io_uring_cqe_seen(&ring_, cqe);
  }
  if (results_[slot] < 0) die("reading through io_uring", -results_[slot]);
  return static_cast<size_t>(results_[slot]);
}

}  // namespace bench
