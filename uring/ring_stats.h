// uring/ring_stats.h
//
// What a Ring has done so far, in numbers.

#ifndef URING_RING_STATS_H_
#define URING_RING_STATS_H_

#include <cstddef>
#include <cstdint>

namespace uring {

// Always: in flight = submitted - terminal.
struct RingStats {
  uint64_t turns = 0;              // turns of the run loop
  uint64_t enters = 0;             // io_uring_enter system calls
  uint64_t busy_polls = 0;         // times that the loop looked for a while before it would sleep
  uint64_t busy_poll_hits = 0;     // and then had no need to
  uint64_t submitted = 0;          // requests that took a submission entry
  uint64_t terminal = 0;           // requests whose terminal completion arrived
  uint64_t completions = 0;        // completion entries of requests, terminal or not
  uint64_t cancels = 0;            // cancel requests sent
  uint64_t stale_completions = 0;  // completions that name no request in flight; ignored
  uint64_t faults = 0;  // completions with EFAULT: the kernel could not write where it was told to
  uint64_t submit_errors = 0;  // failed io_uring_enter calls, interruptions aside
  size_t in_flight = 0;
  size_t max_in_flight = 0;
  size_t waiting_for_entry = 0;  // requests that wait for a submission entry or for room in flight
  size_t held_back = 0;          // requests that wait until orphans pin less than they may
  uint64_t held_back_so_far = 0;
  size_t orphans = 0;         // requests in flight whose owner is gone
  size_t orphaned_bytes = 0;  // memory that they pin
  size_t max_orphans = 0;
  uint64_t buried = 0;  // orphans so far
};

}  // namespace uring

#endif  // URING_RING_STATS_H_
