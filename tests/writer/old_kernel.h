// tests/writer/old_kernel.h
//
// The real kernel, but one that does not know RWF_NOSIGNAL (Linux before 6.18).

#ifndef TESTS_WRITER_OLD_KERNEL_H_
#define TESTS_WRITER_OLD_KERNEL_H_

#include <liburing.h>

#include "uring/linux_kernel.h"

namespace bufio::testing {

class OldKernel final : public uring::LinuxKernel {
 public:
  int enter(io_uring& ring, unsigned to_submit, unsigned min_complete, unsigned flags,
            const __kernel_timespec* timeout) override {
    constexpr int kNoSignal = 0x100;
    constexpr int kNobodyKnows = 0x40000000;
    unsigned head = *ring.sq.khead;
    for (unsigned i = 0; i < to_submit; ++i) {
      io_uring_sqe& entry = ring.sq.sqes[(head + i) & *ring.sq.kring_mask];
      bool write = entry.opcode == IORING_OP_WRITE || entry.opcode == IORING_OP_WRITEV;
      if (write && entry.rw_flags == kNoSignal) {
        entry.rw_flags = kNobodyKnows;
        ++refused_;
      }
    }
    return LinuxKernel::enter(ring, to_submit, min_complete, flags, timeout);
  }
  int refused() const { return refused_; }

 private:
  int refused_ = 0;
};

}  // namespace bufio::testing

#endif  // TESTS_WRITER_OLD_KERNEL_H_
