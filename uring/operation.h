// uring/operation.h
//
// The heap state of one kernel request.
//
// From the moment a submission entry is taken, the kernel may write to whatever the request points
// at until it posts the request's terminal completion. So a request's state is not in a coroutine
// frame but in an Operation: counted, owning all that the request points at (buffer, path,
// descriptor), and held by its Ring until that completion, no matter who lets go of it. Only the
// terminal completion retires it: not a cancel's answer, not a failed submit, not closing the ring.
//
//   idle ──start──▶ queued ──entry taken──▶ in flight ──terminal completion──▶ idle (may be started
//   again)
//                     └──cancelled, or the Ring cannot go on──▶ refused ──next turn──▶ idle,
//                     completed with ECANCELED
//
// Belongs to one Ring and its thread. Made by deriving; recycled memory, so steady state allocates
// nothing.

#ifndef URING_OPERATION_H_
#define URING_OPERATION_H_

#include <liburing.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include "uring/frame_allocator.h"
#include "uring/list.h"
#include "uring/ref.h"
#include "uring/time.h"

namespace uring {

class RingCore;
class Graveyard;
struct BacklogTag;
struct CancelTag;
struct OrphanTag;

class Operation : public RefCounted<Operation>,
                  public RecycledObject,
                  private ListNode<BacklogTag>,
                  private ListNode<CancelTag>,
                  private ListNode<OrphanTag> {
 public:
  enum class State : uint8_t { kIdle, kQueued, kRefused, kInFlight };

  virtual ~Operation();

  State state() const { return state_; }
  bool idle() const { return state_ == State::kIdle; }
  // Its owner is gone; the Ring keeps it until the terminal completion.
  bool orphaned() const { return orphaned_; }

  // Names the request in the graveyard's list and in leak reports: "read log.txt".
  virtual std::string describe() const = 0;
  // Memory that the Ring keeps from being freed while the request is in flight, in bytes; 0 if the
  // request can do no harm as an orphan.
  virtual size_t pinned_bytes() const = 0;

 protected:
  Operation() = default;

  // The request, as it is copied into the submission queue: fill it in with liburing's prep
  // functions before each start. Nothing is left of the request before it: since liburing 2.6 those
  // functions set only what they name, and not the flags. `user_data` is the Ring's.
  io_uring_sqe& blank_sqe() {
    std::memset(entry_, 0, sizeof entry_);
    return *reinterpret_cast<io_uring_sqe*>(entry_);
  }
  // As it was filled in.
  const io_uring_sqe& sqe() const { return *reinterpret_cast<const io_uring_sqe*>(entry_); }

  // One completion: `result` and `flags` as in the CQE; `terminal` when the kernel is done with the
  // request, in which case the operation is idle already and may be started again from here. Called
  // from the run loop, for orphans too. Must not resume coroutines; it may make them ready.
  virtual void completed(int32_t result, uint32_t flags, bool terminal) = 0;

  // A completion is about to be delivered: a moment to prefetch what completed() will touch besides
  // the operation. Must do nothing else.
  virtual void prefetch_owner() const {}

  // The Ring cannot go on (RingCore::status): no completion will come, and the request counts as in
  // flight for ever. Must tell whoever waits. What the request points at is leaked.
  virtual void stranded() = 0;

  // Somebody asked for the cancelling of the request that is in flight, or was last.
  bool cancel_requested() const { return cancel_requested_; }

  // A hint for the run loop: the request will probably complete while it is submitted (a read of
  // cached pages), so look before sleeping.
  void expect_inline_completion(bool expected) { inline_expected_ = expected; }

 private:
  friend class RingCore;
  friend class Graveyard;
  friend class List<Operation, BacklogTag>;
  friend class List<Operation, CancelTag>;
  friend class List<Operation, OrphanTag>;

  // Raw, because g++ takes no member that ends in a flexible array.
  alignas(io_uring_sqe) char entry_[sizeof(io_uring_sqe)];
  TimePoint orphaned_at_;
  uint32_t slot_ = 0;
  State state_ = State::kIdle;
  bool orphaned_ = false;
  bool inline_expected_ = false;
  bool cancel_requested_ = false;
  bool held_back_ = false;      // queued, by the graveyard's bound
  uint8_t futile_cancels_ = 0;  // cancels that the request has outlived
};

}  // namespace uring

#endif  // URING_OPERATION_H_
