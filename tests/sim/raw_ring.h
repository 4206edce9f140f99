// tests/sim/raw_ring.h
//
// A ring without a run loop, over any Kernel: entries go in by hand, completions come out as they
// are.
//
// For tests that ask what a kernel does, not what the library makes of it. The same test runs over
// the real kernel and over the simulated one.

#ifndef TESTS_SIM_RAW_RING_H_
#define TESTS_SIM_RAW_RING_H_

#include <liburing.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <ostream>
#include <vector>

#include "uring/kernel.h"

namespace uring::testing {

struct Completion {
  uint64_t user_data;
  int32_t result;
  uint32_t flags = 0;

  bool more() const { return (flags & IORING_CQE_F_MORE) != 0; }
  std::optional<uint32_t> buffer() const {
    if ((flags & IORING_CQE_F_BUFFER) == 0) return std::nullopt;
    return flags >> IORING_CQE_BUFFER_SHIFT;
  }
  bool operator==(const Completion&) const = default;
};

inline std::ostream& operator<<(std::ostream& out, const Completion& completion) {
  return out << "{" << completion.user_data << ": " << completion.result << ", flags "
             << completion.flags << "}";
}

class RawRing {
 public:
  // `completions` 0: twice the entries. error() says why there is none.
  explicit RawRing(Kernel& kernel, unsigned entries = 8, unsigned flags = 0,
                   unsigned completions = 0)
      : kernel_(kernel) {
    std::memset(&ring_, 0, sizeof ring_);
    std::memset(&params_, 0, sizeof params_);
    params_.flags = flags;
    if (completions > 0) {
      params_.flags |= IORING_SETUP_CQSIZE;
      params_.cq_entries = completions;
    }
    error_ = -kernel.set_up(entries, params_, ring_);
  }
  RawRing(const RawRing&) = delete;
  RawRing& operator=(const RawRing&) = delete;
  ~RawRing() { tear_down(); }

  // 0, or a positive errno.
  int error() const { return error_; }
  io_uring& ring() { return ring_; }
  const io_uring_params& params() const { return params_; }

  // The next entry, to be filled in with liburing's functions. There must be one.
  io_uring_sqe* entry(uint64_t user_data) {
    io_uring_sqe* entry = io_uring_get_sqe(&ring_);
    if (entry == nullptr) std::abort();
    std::memset(entry, 0, sizeof *entry);
    entry->user_data = user_data;
    return entry;
  }
  void read(uint64_t user_data, int fd, void* data, unsigned size, uint64_t offset = 0) {
    io_uring_prep_read(entry(user_data), fd, data, size, offset);
  }
  void cancel(uint64_t user_data, uint64_t target, unsigned flags = 0) {
    io_uring_prep_cancel64(entry(user_data), target, static_cast<int>(flags));
  }

  // Hands over all entries, and waits for so many completions in the queue, at most for `limit`.
  // Returns what the kernel says.
  int enter(unsigned min_complete = 0, std::optional<std::chrono::nanoseconds> limit = {}) {
    io_uring_sq& sq = ring_.sq;
    sq.sqe_head = sq.sqe_tail;
    io_uring_smp_store_release(sq.ktail, sq.sqe_tail);
    __kernel_timespec time = {};
    if (limit.has_value()) {
      auto seconds = std::chrono::duration_cast<std::chrono::seconds>(*limit);
      time = {.tv_sec = seconds.count(), .tv_nsec = (*limit - seconds).count()};
    }
    return kernel_.enter(ring_, queued(), min_complete, IORING_ENTER_GETEVENTS,
                         limit.has_value() ? &time : nullptr);
  }
  // Published entries that the kernel has not taken.
  unsigned queued() const { return ring_.sq.sqe_tail - io_uring_smp_load_acquire(ring_.sq.khead); }

  // All that are in the queue, oldest first.
  std::vector<Completion> completions() {
    std::vector<Completion> found;
    io_uring_cqe* entry = nullptr;
    unsigned head = 0;
    io_uring_for_each_cqe(&ring_, head, entry) {
      found.push_back({entry->user_data, entry->res, entry->flags});
    }
    io_uring_cq_advance(&ring_, static_cast<unsigned>(found.size()));
    return found;
  }
  // Hands over, waits, and takes all that came.
  std::vector<Completion> run(unsigned min_complete = 0) {
    enter(min_complete);
    return completions();
  }

  int register_with(unsigned opcode, const void* argument, unsigned count) {
    return kernel_.register_with(ring_, opcode, argument, count);
  }

  void tear_down() {
    if (error_ == 0) kernel_.tear_down(ring_);
    error_ = ECANCELED;
  }

 private:
  Kernel& kernel_;
  io_uring ring_;
  io_uring_params params_;
  int error_ = 0;
};

}  // namespace uring::testing

#endif  // TESTS_SIM_RAW_RING_H_
