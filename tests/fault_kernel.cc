#include "tests/fault_kernel.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <utility>

namespace uring::testing {
namespace {

// What a cancel request of the saboteur's own is answered with: no slot has this number.
constexpr uint64_t kOwnCancel = 0xfffffffeU;
// linux/io_uring.h since 6.11: the result of a NOP is its length.
constexpr unsigned kNopInjectResult = 1;

__kernel_timespec to_timespec(std::chrono::nanoseconds duration) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(duration);
  return {.tv_sec = seconds.count(), .tv_nsec = (duration - seconds).count()};
}

}  // namespace

void FaultKernel::forge_completion(uint64_t user_data, int32_t result) {
  forged_.push_back({false, user_data, result});
}

void FaultKernel::forge_cancel(uint64_t user_data) { forged_.push_back({true, user_data, 0}); }

int FaultKernel::set_up(unsigned entries, io_uring_params& params, io_uring& ring) {
  ++counts_.set_up_tries;
  seen_completions_ = 0;
  const int error = set_up_fault ? set_up_fault(entries, params) : 0;
  if (error != 0) return -error;
  // The kernel may be short of memory too, and is asked again for less.
  const int result = LinuxKernel::set_up(entries, params, ring);
  if (result == 0) ++counts_.set_ups;
  return result;
}

// In a call of its own, when everything of the Ring's has been taken: the two cannot be mixed up.
void FaultKernel::submit_forged(io_uring& ring) {
  for (const Forged& forged : std::exchange(forged_, {})) {
    io_uring_sqe* entry = io_uring_get_sqe(&ring);
    if (entry == nullptr) std::abort();  // the test's own mistake: nothing else is queued here
    if (forged.cancel) {
      io_uring_prep_cancel64(entry, forged.user_data, 0);
      entry->user_data = kOwnCancel;
    } else {
      io_uring_prep_nop(entry);
      entry->user_data = forged.user_data;
      if (forged.result != 0) {
        entry->rw_flags = kNopInjectResult;
        entry->len = static_cast<__u32>(forged.result);
      }
    }
    ring.sq.sqe_head = ring.sq.sqe_tail;
    io_uring_smp_store_release(ring.sq.ktail, ring.sq.sqe_tail);
    expected_forgeries_.push_back(entry->user_data);
    if (LinuxKernel::enter(ring, 1, 0, IORING_ENTER_GETEVENTS, nullptr) != 1) std::abort();
  }
}

int FaultKernel::enter(io_uring& ring, unsigned to_submit, unsigned min_complete, unsigned flags,
                       const __kernel_timespec* timeout) {
  ++counts_.enters;
  if (min_complete > 0) ++counts_.sleeps;
  if (failures_left_ > 0) {
    --failures_left_;
    return -failing_with_;
  }
  const Enter call = {to_submit, min_complete, timeout != nullptr};
  const int error = enter_fault ? enter_fault(call) : 0;
  if (error != 0) return -error;
  // The kernel waits only when it has taken all that it was given.
  if (to_submit > most_taken) {
    to_submit = most_taken;
    min_complete = 0;
  }
  const unsigned first = io_uring_smp_load_acquire(ring.sq.khead);
  if (!forged_.empty()) min_complete = 0;
  const __kernel_timespec limit = to_timespec(longest_wait);
  const bool unlimited = min_complete > 0 && timeout == nullptr;
  const TimePoint started = LinuxKernel::now();
  const int result =
      LinuxKernel::enter(ring, to_submit, min_complete, flags, unlimited ? &limit : timeout);
  // Having taken entries hides the ETIME.
  if (unlimited && LinuxKernel::now() - started >= longest_wait) ++counts_.overlong_waits;
  if (result > 0) {
    counts_.taken += static_cast<unsigned>(result);
    for (unsigned i = 0; recording && i < static_cast<unsigned>(result); ++i) {
      taken_.push_back(ring.sq.sqes[(first + i) & *ring.sq.kring_mask]);
    }
  }
  if (!forged_.empty()) submit_forged(ring);
  look_at_completions(ring);
  return result;
}

void FaultKernel::look_at_completions(io_uring& ring) {
  const unsigned tail = io_uring_smp_load_acquire(ring.cq.ktail);
  for (; seen_completions_ != tail; ++seen_completions_) {
    io_uring_cqe& entry = ring.cq.cqes[seen_completions_ & *ring.cq.kring_mask];
    if (entry.res == -EFAULT) ++counts_.faults;
    if (alter_completion) alter_completion(entry);
    const auto forged =
        std::find(expected_forgeries_.begin(), expected_forgeries_.end(), entry.user_data);
    if (forged != expected_forgeries_.end()) {
      expected_forgeries_.erase(forged);
    } else if (recording) {
      completions_.push_back({entry.user_data, entry.res});
    }
  }
}

int FaultKernel::register_with(io_uring& ring, unsigned opcode, const void* argument,
                               unsigned count) {
  ++counts_.registers;
  const int error = register_fault ? register_fault(opcode) : 0;
  return error != 0 ? -error : LinuxKernel::register_with(ring, opcode, argument, count);
}

void FaultKernel::tear_down(io_uring& ring) {
  ++counts_.tear_downs;
  LinuxKernel::tear_down(ring);
}

}  // namespace uring::testing
