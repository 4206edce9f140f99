// uring/ring.h
//
// One thread's io_uring, with its run loop.
//
//   absl::StatusOr<uring::Ring> ring = uring::Ring::create();
//   if (!ring.ok()) …;                       // says what forbids io_uring here, and what to do
//   about it uring::block_on(*ring, work(*ring));     // block_on.h
//
// A Ring belongs to the thread that made it: calls from others, or in a forked child, are checked
// failures. Moving the handle is fine. Destroying it destroys the spawned tasks, cancels every
// request, waits for their terminal completions for at most RingOptions::drain_timeout, and leaks
// and reports what the kernel has not finished by then. Readers and coroutines may outlive it: what
// they hold stays valid, and what they start fails. A Ring that is destroyed on another thread or
// in a forked child with requests in flight is leaked (on another thread: and reported), because
// only its own thread may cancel them.

#ifndef URING_RING_H_
#define URING_RING_H_

#include <vector>

#include "absl/status/statusor.h"
#include "uring/capabilities.h"
#include "uring/graveyard.h"
#include "uring/options.h"
#include "uring/ring_core.h"
#include "uring/ring_stats.h"
#include "uring/time.h"

namespace uring {

class Ring {
 public:
  // Sets a ring up in the best way that works here; the errors are those of set_up_ring
  // (capabilities.h). A handful of system calls.
  static absl::StatusOr<Ring> create(RingOptions options = {});

  Ring(Ring&& other) noexcept = default;
  Ring& operator=(Ring&& other) noexcept;
  ~Ring();

  // Runs the loop until no spawned task is left. Checked failure within a coroutine of this Ring.
  void run();

  // By the clock that deadlines are measured with.
  TimePoint now() const { return core_->now(); }

  const Capabilities& capabilities() const { return core_->capabilities(); }
  RingStats stats() const { return core_->stats(); }
  const BufferCacheStats& buffer_stats() const { return core_->buffers().stats(); }
  // Requests whose owner is gone while the kernel still works on them, oldest first. Allocates.
  std::vector<Orphan> orphans() const { return core_->orphans(); }

  // For operations and awaiters.
  RingCore& core() const { return *core_; }

 private:
  explicit Ring(Ref<RingCore> core);
  void destroy();

  Ref<RingCore> core_;
};

}  // namespace uring

#endif  // URING_RING_H_
