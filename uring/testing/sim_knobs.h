// uring/testing/sim_knobs.h
//
// How wild a simulated kernel is: how often it does each thing that a kernel may do.
//
// Each `one_in` field is the n of "once in n times"; 0 is never, and then nothing is asked of the
// Choices. The defaults are those of a well-behaved kernel that completes in order, in full, as
// soon as it can. Knobs may be turned while it runs.

#ifndef URING_TESTING_SIM_KNOBS_H_
#define URING_TESTING_SIM_KNOBS_H_

#include <cstdint>
#include <vector>

#include "uring/testing/choices.h"

namespace uring::testing {

struct SimKnobs {
  // --- completing
  // Up to so many requests make a step in each enter, beside what it must wait for; 0: all go on as
  // far as they can.
  uint32_t steps_per_enter = 0;
  bool any_order = false;        // requests make their steps in any order, cancels are answered
                                 // before or after their targets
  uint32_t inline_one_in = 1;    // a request that can goes on while it is submitted
  uint32_t pieces_one_in = 0;    // a copy stops in the middle, or before the completion, and goes
                                 // on in another step; up to four times in a request
  uint32_t short_one_in = 0;     // fewer bytes than there are
  uint32_t one_byte_one_in = 0;  // just one
  uint32_t interrupted_one_in = 0;    // EINTR, nothing read
  uint32_t again_one_in = 0;          // EAGAIN, nothing read
  uint32_t error_one_in = 0;          // one of `errors`, nothing read
  std::vector<int> errors;            // positive errnos
  uint32_t end_multishot_one_in = 0;  // a multishot request ends with a completion that has bytes,
                                      // or a connection
  // --- zero copy
  uint32_t copied_one_in = 0;      // a notification says that the bytes were copied all the same
  uint32_t bare_error_one_in = 0;  // a send that fails has no notification

  // --- cancelling: the first that happens; else the kernel answers by the book. What was not
  // cancelled by the book goes on if it has bytes, or ends with ECANCELED or EINTR when nothing
  // else can go on.
  uint32_t cancel_not_found_one_in = 0;  // ENOENT, though the request is there
  uint32_t cancel_already_one_in = 0;    // EALREADY, and the request goes on
  uint32_t cancel_late_one_in = 0;       // 0, but the target's completion comes much later
  uint32_t cancel_eintr_one_in = 0;      // the target ends with EINTR instead of ECANCELED, or, a
                                         // file's in mid-copy, short

  // --- entering
  uint32_t enter_fails_one_in = 0;       // with one of `enter_errors`, nothing taken
  std::vector<int> enter_errors;         // positive errnos: EINTR, EAGAIN, EBUSY, ENOMEM
  uint32_t short_submit_one_in = 0;      // takes fewer entries than it was given
  uint32_t interrupted_wait_one_in = 0;  // EINTR instead of sleeping
  uint32_t slow_one_in = 0;  // a wait with a limit ends at its limit, whatever could go on

  // --- provided buffers: what kernels differ in
  // A multishot request that has emptied its stream looks for its next buffer at once, and ends
  // with ENOBUFS if there is none, instead of when there are bytes again.
  uint32_t eager_buffers_one_in = 0;
  uint32_t buffer_at_end_one_in = 0;      // the end of the stream consumes a buffer
  uint32_t buffer_with_error_one_in = 0;  // F_BUFFER with an error, for a buffer that stays

  // --- lying
  uint32_t repeat_one_in = 0;   // a completion is posted twice, the second time at any later time
  uint32_t unknown_one_in = 0;  // a completion that answers nothing
  uint32_t drop_one_in = 0;     // a completion is lost, and the next wait says so: EBADR

  // --- what it can do: what set-up, registration and the probe say
  bool fixed_buffers = true;
  bool provided_buffers = true;
  bool multishot = true;
  bool zero_copy = true;
  unsigned setup_flags_refused = 0;  // IORING_SETUP_* that it does not know: EINVAL
};

// All of the above but lost completions, moderately often, as `choices` say: some runs are tame in
// most respects, some are wild in all.
SimKnobs random_knobs(Choices& choices);

}  // namespace uring::testing

#endif  // URING_TESTING_SIM_KNOBS_H_
