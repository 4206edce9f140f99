// tests/watching_kernel.h
//
// The real kernel, with every system call and every completion counted.
//
// A Ring's own figures are gone with the Ring; these see its last completions too.

#ifndef TESTS_WATCHING_KERNEL_H_
#define TESTS_WATCHING_KERNEL_H_

#include <liburing.h>

#include <cerrno>
#include <cstdint>
#include <map>

#include "uring/linux_kernel.h"

namespace uring::testing {

class WatchingKernel : public LinuxKernel {
 public:
  uint64_t enters() const { return enters_; }
  uint64_t registers() const { return registers_; }
  uint64_t completions() const { return completions_; }
  // Completions with EFAULT: the kernel could not write where it was told to.
  uint64_t faults() const { return faults_; }

  int set_up(unsigned entries, io_uring_params& params, io_uring& ring) override {
    int result = LinuxKernel::set_up(entries, params, ring);
    if (result == 0) seen_[ring.ring_fd] = 0;
    return result;
  }
  int enter(io_uring& ring, unsigned to_submit, unsigned min_complete, unsigned flags,
            const __kernel_timespec* timeout) override {
    ++enters_;
    int result = LinuxKernel::enter(ring, to_submit, min_complete, flags, timeout);
    look(ring);
    return result;
  }
  int register_with(io_uring& ring, unsigned opcode, const void* argument,
                    unsigned count) override {
    ++registers_;
    return LinuxKernel::register_with(ring, opcode, argument, count);
  }
  void tear_down(io_uring& ring) override {
    look(ring);
    LinuxKernel::tear_down(ring);
  }

 private:
  // The queue is far longer than what these tests have in flight: nothing is overwritten unseen.
  void look(io_uring& ring) {
    unsigned& seen = seen_[ring.ring_fd];
    for (; seen != io_uring_smp_load_acquire(ring.cq.ktail); ++seen) {
      const io_uring_cqe& entry = ring.cq.cqes[seen & ring.cq.ring_mask];
      ++completions_;
      if (entry.res == -EFAULT) ++faults_;
    }
  }

  std::map<int, unsigned> seen_;
  uint64_t enters_ = 0;
  uint64_t registers_ = 0;
  uint64_t completions_ = 0;
  uint64_t faults_ = 0;
};

}  // namespace uring::testing

#endif  // TESTS_WATCHING_KERNEL_H_
