// uring/linux_kernel.h
//
// The Kernel that is really there, through liburing.

#ifndef URING_LINUX_KERNEL_H_
#define URING_LINUX_KERNEL_H_

#include "uring/kernel.h"

namespace uring {

// Stateless. Not final: tests derive from it to count calls and to inject failures.
class LinuxKernel : public Kernel {
 public:
  int set_up(unsigned entries, io_uring_params& params, io_uring& ring) override;
  int enter(io_uring& ring, unsigned to_submit, unsigned min_complete, unsigned flags,
            const __kernel_timespec* timeout) override;
  int register_with(io_uring& ring, unsigned opcode, const void* argument, unsigned count) override;
  void tear_down(io_uring& ring) override;
  TimePoint now() const override;
};

// The one that Rings use unless told otherwise. Lives for ever.
Kernel& linux_kernel();

}  // namespace uring

#endif  // URING_LINUX_KERNEL_H_
