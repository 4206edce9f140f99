// tests/fault_kernel.h
//
// The real kernel with a saboteur in front of it.
//
// Counts calls, keeps what went in and came out, and on request fails calls, takes fewer entries
// than it was given, and posts completions that no request asked for. A forged completion is a real
// one: a NOP of the saboteur's own, whose user data and result are whatever the test wants, so the
// kernel's idea of the queues stays right.
//
// Serves one Ring at a time. A Ring that waits without a limit is woken after `longest_wait`, so
// that a lost request fails its test and hangs nothing.

#ifndef TESTS_FAULT_KERNEL_H_
#define TESTS_FAULT_KERNEL_H_

#include <liburing.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <vector>

#include "uring/linux_kernel.h"
#include "uring/time.h"

namespace uring::testing {

class FaultKernel final : public LinuxKernel {
 public:
  // What one call of enter was asked for.
  struct Enter {
    unsigned to_submit;
    unsigned min_complete;
    bool limited;  // it had a time limit
  };
  struct Counts {
    uint64_t set_up_tries = 0;
    uint64_t set_ups = 0;  // those that made a ring
    uint64_t enters = 0;
    uint64_t registers = 0;
    uint64_t tear_downs = 0;
    uint64_t taken = 0;   // entries that the kernel took, forged ones aside
    uint64_t faults = 0;  // completions with EFAULT
    uint64_t sleeps = 0;  // enters that were to wait for a completion
    uint64_t pauses = 0;
    uint64_t overlong_waits = 0;  // unlimited waits that `longest_wait` ended
  };

  // --- sabotage: each of these returns a positive errno to fail the call with, or 0. The call is
  // not made then.
  std::function<int(unsigned entries, const io_uring_params& params)> set_up_fault;
  std::function<int(const Enter& call)> enter_fault;
  std::function<int(unsigned opcode)> register_fault;

  // Fails the next `times` calls of enter.
  void fail_enters(int error, uint64_t times = std::numeric_limits<uint64_t>::max()) {
    failing_with_ = error;
    failures_left_ = times;
  }
  // At most so many entries are taken in one call.
  unsigned most_taken = std::numeric_limits<unsigned>::max();
  std::chrono::nanoseconds longest_wait = std::chrono::seconds(2);

  // With the next enter, a completion comes back that says this.
  void forge_completion(uint64_t user_data, int32_t result);
  // With the next enter, the kernel is asked to cancel the request of this user data.
  void forge_cancel(uint64_t user_data);
  // Called with each completion, which it may change, before the Ring sees it.
  std::function<void(io_uring_cqe& completion)> alter_completion;
  // Called whenever a loop that polls found nothing.
  std::function<void()> on_pause;
  // Turns the clock forward.
  void advance(std::chrono::nanoseconds by) { advanced_ += by; }
  // So much is it turned forward by each look at it.
  std::chrono::nanoseconds tick{0};

  // --- what happened
  const Counts& counts() const { return counts_; }
  // The entries that were taken and the completions that came, oldest first; forged ones are not
  // listed. Only while `recording`.
  bool recording = false;
  const std::vector<io_uring_sqe>& taken() const { return taken_; }
  struct Completion {
    uint64_t user_data;
    int32_t result;
  };
  const std::vector<Completion>& completions() const { return completions_; }

  int set_up(unsigned entries, io_uring_params& params, io_uring& ring) override;
  int enter(io_uring& ring, unsigned to_submit, unsigned min_complete, unsigned flags,
            const __kernel_timespec* timeout) override;
  int register_with(io_uring& ring, unsigned opcode, const void* argument, unsigned count) override;
  void tear_down(io_uring& ring) override;
  TimePoint now() const override { return LinuxKernel::now() + (advanced_ += tick); }
  void pause() override {
    ++counts_.pauses;
    if (on_pause) on_pause();
  }
  // Only turns the clock.
  void sleep(std::chrono::nanoseconds duration) override { advance(duration); }

 private:
  struct Forged {
    bool cancel;
    uint64_t user_data;
    int32_t result;
  };

  void submit_forged(io_uring& ring);
  void look_at_completions(io_uring& ring);

  Counts counts_;
  int failing_with_ = 0;
  uint64_t failures_left_ = 0;
  std::vector<Forged> forged_;
  std::vector<uint64_t> expected_forgeries_;
  std::vector<io_uring_sqe> taken_;
  std::vector<Completion> completions_;
  unsigned seen_completions_ = 0;  // the queue's tail up to which completions were looked at
  mutable std::chrono::nanoseconds advanced_{0};
};

}  // namespace uring::testing

#endif  // TESTS_FAULT_KERNEL_H_
