// uring/kernel.h
//
// The seam between a Ring and the system: set up, enter, register, tear down, and the clock.
//
// Everything above it, submission and completion queue entries included, is the same code over the
// real kernel (linux_kernel.h) and over any other implementation. That works because liburing's
// inline functions need only the pointers in `struct io_uring`: an implementation fills those in
// with memory of its own and consumes the entries in enter(). A Ring makes at most one virtual call
// per loop turn, never one per operation.

#ifndef URING_KERNEL_H_
#define URING_KERNEL_H_

#include <liburing.h>

#include <chrono>
#include <thread>

#include "uring/time.h"

namespace uring {

// Not thread-safe; one Kernel may serve several Rings. Must outlive them.
class Kernel {
 public:
  virtual ~Kernel() = default;

  // Makes a ring of at least `entries` submission entries as `params` asks, and fills in `ring` and
  // `params` (features, sizes). Returns 0, or a negative errno and leaves `ring` untouched.
  virtual int set_up(unsigned entries, io_uring_params& params, io_uring& ring) = 0;

  // Hands over `to_submit` published entries, then waits for `min_complete` completions for at most
  // `timeout` (null: no limit). `flags` are IORING_ENTER_*. Returns how many entries were taken, or
  // a negative errno (-ETIME, -EINTR, -EAGAIN, -EBUSY …). Entries that were not taken stay queued.
  // One system call.
  virtual int enter(io_uring& ring, unsigned to_submit, unsigned min_complete, unsigned flags,
                    const __kernel_timespec* timeout) = 0;

  // io_uring_register(2). Returns its result, or a negative errno.
  virtual int register_with(io_uring& ring, unsigned opcode, const void* argument,
                            unsigned count) = 0;

  // Gives the ring back. Requests that are still in flight may write to their memory after this
  // returned.
  virtual void tear_down(io_uring& ring) = 0;

  // The monotonic clock that deadlines are measured with.
  virtual TimePoint now() const = 0;

  // Passes a moment, between two looks of a loop that polls (RingOptions::busy_poll). No system
  // call.
  virtual void pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
  }

  // Lets the thread sleep, when there is nothing that the kernel could be asked to wait for.
  virtual void sleep(std::chrono::nanoseconds duration) { std::this_thread::sleep_for(duration); }
};

}  // namespace uring

#endif  // URING_KERNEL_H_
