#include "uring/testing/sim_knobs.h"

#include <liburing.h>

#include <cerrno>

namespace uring::testing {
namespace {

// Never, or once in `often` to `rare` times.
uint32_t sometimes(Choices& choices, uint32_t often, uint32_t rare) {
  if (choices.below(2) == 0) return 0;
  return choices.between(often, rare);
}

}  // namespace

SimKnobs random_knobs(Choices& choices) {
  SimKnobs knobs;
  knobs.steps_per_enter = choices.below(4);
  knobs.any_order = choices.below(2) == 1;
  knobs.inline_one_in = choices.between(1, 4);
  knobs.pieces_one_in = sometimes(choices, 2, 6);
  knobs.short_one_in = sometimes(choices, 2, 6);
  knobs.one_byte_one_in = sometimes(choices, 2, 12);
  knobs.interrupted_one_in = sometimes(choices, 3, 20);
  knobs.again_one_in = sometimes(choices, 3, 20);
  if (choices.below(4) == 3) {
    knobs.error_one_in = choices.between(4, 60);
    knobs.errors = {EIO, ENOMEM, EFAULT};
  }
  knobs.end_multishot_one_in = sometimes(choices, 2, 8);
  knobs.cancel_not_found_one_in = sometimes(choices, 2, 6);
  knobs.cancel_already_one_in = sometimes(choices, 2, 6);
  knobs.cancel_late_one_in = sometimes(choices, 2, 6);
  knobs.cancel_eintr_one_in = sometimes(choices, 2, 6);
  knobs.enter_fails_one_in = sometimes(choices, 3, 20);
  knobs.enter_errors = {EINTR, EAGAIN, EBUSY, ENOMEM};
  knobs.short_submit_one_in = sometimes(choices, 2, 6);
  knobs.interrupted_wait_one_in = sometimes(choices, 2, 10);
  knobs.slow_one_in = sometimes(choices, 2, 10);
  knobs.eager_buffers_one_in = choices.below(3);
  knobs.buffer_at_end_one_in = choices.below(3);
  knobs.buffer_with_error_one_in = sometimes(choices, 1, 4);
  knobs.repeat_one_in = sometimes(choices, 4, 20);
  knobs.unknown_one_in = sometimes(choices, 4, 20);
  knobs.fixed_buffers = choices.below(3) != 2;
  knobs.provided_buffers = choices.below(4) != 3;
  knobs.multishot = choices.below(4) != 3;
  knobs.copied_one_in = sometimes(choices, 1, 4);
  knobs.bare_error_one_in = sometimes(choices, 1, 4);
  knobs.zero_copy = choices.below(4) != 3;
  if (choices.below(4) == 3) knobs.setup_flags_refused |= IORING_SETUP_DEFER_TASKRUN;
  if (choices.below(8) == 7) {
    knobs.setup_flags_refused |= IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SUBMIT_ALL;
  }
  return knobs;
}

}  // namespace uring::testing
