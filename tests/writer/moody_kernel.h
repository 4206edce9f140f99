// tests/writer/moody_kernel.h
//
// The real kernel, but writes are cut short, interrupted, told to come again, or fail, by dice.
//
// A write that is cut short is asked for less: the kernel really writes no more than it says. One
// that fails never reaches the kernel as a write, but as a NOP that answers with the error.

#ifndef TESTS_WRITER_MOODY_KERNEL_H_
#define TESTS_WRITER_MOODY_KERNEL_H_

#include <liburing.h>

#include <cerrno>
#include <random>

#include "tests/stream_rig.h"

namespace bufio::testing {

class MoodyKernel final : public ClockKernel {
 public:
  // Null: well-behaved again.
  void plague(std::mt19937* random) { random_ = random; }
  // Of so many writes one fails with EIO; 0: none.
  void fail_one_in(unsigned n) { fatal_ = n; }

  int enter(io_uring& ring, unsigned to_submit, unsigned min_complete, unsigned flags,
            const __kernel_timespec* timeout) override {
    // What was not taken the last time is looked at again.
    unsigned head = *ring.sq.khead;
    for (unsigned i = 0; random_ != nullptr && i < to_submit; ++i) {
      spoil(ring.sq.sqes[(head + i) & *ring.sq.kring_mask]);
    }
    return ClockKernel::enter(ring, to_submit, min_complete, flags, timeout);
  }

 private:
  static constexpr unsigned kNopInjectResult = 1;  // linux/io_uring.h since 6.11

  unsigned pick(unsigned n) { return static_cast<unsigned>((*random_)() % n); }

  void spoil(io_uring_sqe& entry) {
    bool one = entry.opcode == IORING_OP_WRITE || entry.opcode == IORING_OP_SEND;
    bool several = entry.opcode == IORING_OP_WRITEV || entry.opcode == IORING_OP_SENDMSG;
    if (!one && !several) return;
    if (fatal_ != 0 && pick(fatal_) == 0) return answer(entry, -EIO);
    switch (pick(8)) {
      case 0:
        return answer(entry, -EINTR);
      case 1:
        return answer(entry, -EAGAIN);
      case 2:
      case 3:
      case 4:
        if (entry.opcode == IORING_OP_SENDMSG) {
          auto* message = reinterpret_cast<msghdr*>(entry.addr);
          message->msg_iovlen = 1 + pick(static_cast<unsigned>(message->msg_iovlen));
        } else {
          entry.len = 1 + pick(entry.len);
        }
        return;
      default:
        return;
    }
  }
  static void answer(io_uring_sqe& entry, int result) {
    __u64 user_data = entry.user_data;
    io_uring_prep_nop(&entry);
    entry.user_data = user_data;
    entry.rw_flags = kNopInjectResult;
    entry.len = static_cast<__u32>(result);
  }

  std::mt19937* random_ = nullptr;
  unsigned fatal_ = 0;
};

}  // namespace bufio::testing

#endif  // TESTS_WRITER_MOODY_KERNEL_H_
