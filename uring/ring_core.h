// uring/ring_core.h
//
// The engine under a Ring: one thread's io_uring and its run loop. For those who implement
// operations and awaiters; users of the library hold a Ring (ring.h).
//
// A turn of the loop: hand over what is queued and, if nothing is ready, wait, in one system call;
// take the completions; fire the timers; resume the coroutines that were ready by then, one batch.
// Coroutines are resumed nowhere else, so the stack is as deep after a million reads as after one.
//
// Shared (Ref) by the Ring and by everyone who needs it to let go of a request. After close() it is
// an empty shell: starts are refused, abandoning is harmless. Not thread-safe: a call from another
// thread, or in a forked child, is a checked failure; only the destructor tolerates both, by
// leaking.

#ifndef URING_RING_CORE_H_
#define URING_RING_CORE_H_

#include <liburing.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "uring/buffer.h"
#include "uring/buffer_cache.h"
#include "uring/capabilities.h"
#include "uring/graveyard.h"
#include "uring/mailbox.h"
#include "uring/operation.h"
#include "uring/options.h"
#include "uring/owner_thread.h"
#include "uring/pool_options.h"
#include "uring/ref.h"
#include "uring/ring_stats.h"
#include "uring/spawn_list.h"
#include "uring/submit_hook.h"
#include "uring/timer_queue.h"
#include "uring/waiter.h"

namespace uring {

class WakeRead;

class RingCore final : public RefCounted<RingCore> {
 public:
  // Takes over a ring that set_up_ring made.
  RingCore(Kernel& kernel, const io_uring& ring, Capabilities capabilities,
           const RingOptions& options);
  ~RingCore();

  // --- requests ----------------------------------------------------------------------------------

  // Queues an idle operation whose entry is filled in, and keeps it until its terminal completion.
  // No system call (it goes with the next turn), no allocation. When the submission queue or the
  // bound on requests in flight is reached it waits for its turn, in order; so it does while
  // orphans pin as much as they may and it would pin more. While status() is not OK it completes
  // with ECANCELED in the next turn.
  void start(Operation& operation);

  // Asks the kernel to cancel; the operation completes as the kernel decides. Idle: nothing
  // happens. Costs an entry of the next turn's system call; waits for one if there is none, and is
  // never dropped. A kernel that did not find the request, or not at a moment at which it can be
  // cancelled, is asked again until the request ends, ever more rarely (1 ms to 1 s).
  void cancel(Operation& operation);

  // The owner lets go: an operation in flight becomes an orphan and is cancelled; one that is still
  // queued is dropped at once, without a completion.
  void abandon(Operation& operation);

  // For memory that is its owner's and about to go: cancels, and takes completions without resuming
  // anybody until the operation's terminal one has come, for at most the drain timeout. Blocks; a
  // system call or two where cancelling works at once. What is not in the kernel's hands yet is
  // dropped, as by abandon(). False if the kernel is not done: time is up, or the Ring cannot go
  // on.
  bool settle(Operation& operation);

  // Asks the hook, once, right before entries are handed over the next time. Hooked in already:
  // nothing happens. Not asked any more once the Ring is closed.
  void before_submit(SubmitHook& hook) {
    if (!closed_ && !hook.linked()) hooks_.push_back(hook);
  }

  // Hands over what is queued, without waiting. One system call, none when nothing is queued.
  void submit();

  // --- the run loop ------------------------------------------------------------------------------

  // One turn. At most one io_uring_enter. If nothing is in flight, ready or scheduled and nobody
  // can post, waiting would last for ever: a checked failure.
  void turn();

  // Has the coroutine resumed in a coming turn, after those that are ready already.
  void make_ready(Waiter& waiter) { ready_.push_back(waiter); }
  // Turns so far.
  uint64_t turn_count() const { return stats_.turns; }
  bool anything_ready() const { return !ready_.empty(); }

  // Where other threads post (post.h). Made by the first call, with one system call; the errors, of
  // the first only, are those of eventfd(2), and status().
  absl::StatusOr<std::shared_ptr<Mailbox>> mailbox();

  // Fails the process unless called on the Ring's thread and in its process; `what` names the call.
  void check_thread(std::string_view what) const { owner_.check(what); }

  // --- its parts ---------------------------------------------------------------------------------

  TimerQueue& timers() { return timers_; }
  TimePoint now() const { return kernel_.now(); }
  SpawnList& spawned() { return spawned_; }
  BufferCache& buffers() { return *buffers_; }
  const Capabilities& capabilities() const { return capabilities_; }
  // A PoolCore, or null as long as nobody needs it; let go of when the Ring is closed.
  Ref<BufferHome>& receive_pool() { return receive_pool_; }
  const PoolOptions& receive_pool_options() const { return receive_pool_options_; }
  // io_uring_register(2), as Kernel::register_with. Not after close().
  int register_with(unsigned opcode, const void* argument, unsigned count) {
    return kernel_.register_with(ring_, opcode, argument, count);
  }

  // OK, or why nothing can be started any more: the Ring was destroyed, or the kernel refuses to go
  // on.
  const absl::Status& status() const { return status_; }
  bool closed() const { return closed_; }

  RingStats stats() const;
  std::vector<Orphan> orphans() const { return graveyard_.list(now()); }

  // What a Ring's destructor does: destroys the spawned tasks, cancels all requests, takes
  // completions until none is in flight or the drain timeout is over, gives the ring back, and
  // leaks and reports what is left. On another thread, or in a forked child, it can do so only when
  // nothing is in flight or spawned; else it returns false, having done nothing, and the whole core
  // must be leaked.
  bool close();

 private:
  struct Slot {
    Operation* operation = nullptr;  // holds a reference while it is not null
    uint32_t generation = 0;
    uint32_t next_free = 0;  // while it is free: the slot that became free before it
  };

  bool held_back(const Operation& operation) const;
  void leave_queue(Operation& operation);
  bool take_entry(Operation& operation);
  void add_slots();
  bool send_cancel(Operation& operation);
  void cancel_answered(Slot& slot, uint32_t generation, int32_t result);
  void cancel_again_when_due();
  TimePoint next_cancel() const;
  void refuse(Operation& operation);
  void refuse_queued();
  void release_held();
  void ask_hooks();
  void flush_queues();
  unsigned publish_entries();
  bool kernel_has_work() const;
  void listen_to_mailbox();
  void wait_or_submit();
  bool nothing_to_do() const;
  bool comes_while_looking(TimePoint deadline);
  void enter(unsigned to_submit, unsigned min_complete, const std::chrono::nanoseconds* timeout);
  void enter_failed(int error);
  void fail(absl::Status status);
  void reap();
  void prefetch_behind(unsigned head) const;
  const Operation* answered_by(unsigned entry) const;
  void dispatch(uint64_t answered, int32_t result, uint32_t flags);
  void deliver_refused();
  void resume_ready();
  bool take_completions(TimePoint give_up);
  void drain();
  void report_leak(std::string_view how);

  Kernel& kernel_;
  io_uring ring_;
  Capabilities capabilities_;
  OwnerThread owner_;
  absl::Status status_;
  bool failed_ = false;  // the kernel refuses to go on
  bool closing_ = false;
  bool closed_ = false;
  bool polling_;  // a kernel thread takes the entries, no system call does
  bool look_before_sleep_ = false;
  // The last flush left something behind for want of room in the submission queue, which the next
  // system call (or the polling thread) makes. Then the loop must not sleep: what it would wait for
  // may be what was not sent.
  bool entries_are_short_ = false;

  size_t max_in_flight_;
  std::vector<Slot> slots_;  // as many as were in flight at once, and some more
  uint32_t free_slot_ = 0;   // the one that became free last; slots_.size(): none is free
  size_t cancels_due_ = 0;   // cancel requests whose completion has not come
  List<Operation, BacklogTag> backlog_;  // queued, each with a reference
  List<Operation, BacklogTag> held_;     // queued behind the graveyard's bound, the same
  List<Operation, BacklogTag> refused_;  // refused, each with a reference
  List<Operation, CancelTag> cancels_;   // in flight, to be cancelled when there is an entry
  // In flight still after a cancel that did not take; to be cancelled again at cancel_again_at_.
  List<Operation, CancelTag> uncancelled_;
  TimePoint cancel_again_at_;
  size_t backlog_size_ = 0;
  size_t held_size_ = 0;
  unsigned fruitless_enters_ = 0;

  Graveyard graveyard_;
  size_t max_orphaned_bytes_;
  ReadyQueue ready_;
  SubmitHooks hooks_;
  TimerQueue timers_;
  SpawnList spawned_;
  std::shared_ptr<Mailbox> mailbox_;  // null until somebody posts
  Ref<WakeRead> wake_read_;           // null as long
  Ref<BufferCache> buffers_;
  Ref<BufferHome> receive_pool_;
  PoolOptions receive_pool_options_;
  RingStats stats_;
  std::chrono::nanoseconds busy_poll_;
  std::chrono::nanoseconds drain_timeout_;
  std::function<void(std::string_view)> on_leak_;
};

}  // namespace uring

#endif  // URING_RING_CORE_H_
