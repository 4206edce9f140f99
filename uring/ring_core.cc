#include "uring/ring_core.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "uring/check.h"
#include "uring/prefetch.h"
#include "uring/status.h"
#include "uring/wake_read.h"

namespace uring {
namespace {

// A completion's user data: the slot, what the completion answers, and the slot's generation, which
// changes whenever a request retires. So neither a late completion nor a late cancel can reach the
// slot's next request.
enum class Answers : uint64_t { kRequest = 0, kCancel = 1 };

uint64_t user_data(uint32_t slot, uint32_t generation, Answers answers) {
  return uint64_t{generation} << 32 | uint64_t{slot} << 1 | static_cast<uint64_t>(answers);
}

uint32_t slot_of(uint64_t user_data) { return static_cast<uint32_t>(user_data) >> 1; }

// Failed system calls in a row without a completion in between: how many before each is followed by
// a millisecond of sleep, and how many before we believe that they will go on failing, a second
// later.
constexpr unsigned kPatientEnters = 16;
constexpr unsigned kMaxFruitlessEnters = 1000;

// A request that outlives a cancel is cancelled again after a millisecond, two, four, and so on up
// to a second.
constexpr std::chrono::milliseconds kCancelDelay(1);
constexpr uint8_t kMaxCancelDoublings = 10;

constexpr TimePoint kNever = TimePoint::max();

// However many requests are in flight, the loop can be woken.
constexpr size_t kSlotsForWaking = 1;

// A Ring that cannot wait for its mailbox's eventfd looks into it so often.
constexpr auto kLookInterval = std::chrono::milliseconds(1);

__kernel_timespec to_timespec(std::chrono::nanoseconds duration) {
  auto seconds = std::chrono::duration_cast<std::chrono::seconds>(duration);
  return {.tv_sec = seconds.count(), .tv_nsec = (duration - seconds).count()};
}

}  // namespace

RingCore::RingCore(Kernel& kernel, const io_uring& ring, Capabilities capabilities,
                   const RingOptions& options)
    : kernel_(kernel),
      ring_(ring),
      capabilities_(std::move(capabilities)),
      polling_(capabilities_.setup == SetupRung::kPolling),
      max_in_flight_(std::max(options.max_in_flight, 1U)),
      max_orphaned_bytes_(options.max_orphaned_bytes),
      buffers_(make_ref<BufferCache>(options.buffer_memory != nullptr
                                         ? options.buffer_memory
                                         : std::pmr::new_delete_resource(),
                                     options.buffer_cache_bytes)),
      receive_pool_options_(options.receive_pool),
      busy_poll_(options.busy_poll),
      drain_timeout_(options.drain_timeout),
      on_leak_(options.on_leak) {
  if (capabilities_.fixed_buffers)
    buffers_->attach(kernel_, ring_, Capabilities::kFixedBufferSlots);
}

RingCore::~RingCore() {
  URING_CHECK(closed_, "a RingCore must be closed before its last reference goes");
}

// --- requests ------------------------------------------------------------------------------------

void RingCore::start(Operation& operation) {
  check_thread("RingCore::start");
  URING_CHECK(operation.idle(), "an operation was started that is not idle");
  URING_CHECK(!closed_, "an operation was started on a Ring that was destroyed");
  operation.add_ref();
  operation.orphaned_ = false;
  operation.cancel_requested_ = false;
  if (!status_.ok()) return refuse(operation);
  operation.held_back_ = held_back(operation);
  if (operation.held_back_) {
    operation.state_ = Operation::State::kQueued;
    held_.push_back(operation);
    ++held_size_;
    ++stats_.held_back_so_far;
    return;
  }
  bool first = backlog_size_ == 0 || &operation == wake_read_.get();
  if (first && take_entry(operation)) return;
  operation.state_ = Operation::State::kQueued;
  if (first) {
    backlog_.push_front(operation);
  } else {
    backlog_.push_back(operation);
  }
  ++backlog_size_;
}

void RingCore::cancel(Operation& operation) {
  if (closed_) return;
  check_thread("RingCore::cancel");
  if (operation.state_ == Operation::State::kQueued) {
    // No entry was taken: the kernel knows nothing of it.
    leave_queue(operation);
    refuse(operation);
  } else if (operation.state_ == Operation::State::kInFlight && !operation.cancel_requested_) {
    operation.cancel_requested_ = true;
    if (!cancels_.empty() || !send_cancel(operation)) cancels_.push_back(operation);
  }
}

void RingCore::abandon(Operation& operation) {
  if (operation.orphaned_ || operation.idle() || closed_) return;
  check_thread("RingCore::abandon");
  operation.orphaned_ = true;
  if (operation.state_ == Operation::State::kInFlight) {
    graveyard_.bury(operation, now());
    cancel(operation);
    return;
  }
  leave_queue(operation);
  operation.state_ = Operation::State::kIdle;
  operation.release_ref();
}

bool RingCore::settle(Operation& operation) {
  if (operation.state_ != Operation::State::kInFlight) {
    abandon(operation);
    return true;
  }
  if (closed_) return false;
  check_thread("RingCore::settle");
  cancel(operation);
  TimePoint give_up = now() + drain_timeout_;
  while (operation.state_ == Operation::State::kInFlight) {
    if (!take_completions(give_up)) break;
  }
  return operation.state_ != Operation::State::kInFlight;
}

// Who was held back is not overtaken by who would be.
bool RingCore::held_back(const Operation& operation) const {
  bool bounded = !held_.empty() || graveyard_.pins_at_least(max_orphaned_bytes_);
  return bounded && operation.pinned_bytes() > 0;
}

// For one that is queued or refused.
void RingCore::leave_queue(Operation& operation) {
  if (operation.state_ == Operation::State::kQueued) {
    --(operation.held_back_ ? held_size_ : backlog_size_);
  }
  static_cast<ListNode<BacklogTag>&>(operation).unlink();
}

// Has the operation completed with ECANCELED in the next turn; never at once, because callers are
// not ready for that.
void RingCore::refuse(Operation& operation) {
  operation.state_ = Operation::State::kRefused;
  refused_.push_back(operation);
}

void RingCore::refuse_queued() {
  while (Operation* operation = backlog_.pop_front()) refuse(*operation);
  while (Operation* operation = held_.pop_front()) refuse(*operation);
  backlog_size_ = 0;
  held_size_ = 0;
}

void RingCore::deliver_refused() {
  List<Operation, BacklogTag> refused;
  refused.splice_back(refused_);
  while (Operation* operation = refused.pop_front()) {
    operation->state_ = Operation::State::kIdle;
    operation->completed(-ECANCELED, 0, true);
    operation->release_ref();
  }
}

bool RingCore::take_entry(Operation& operation) {
  const size_t bound = max_in_flight_ + (&operation == wake_read_.get() ? kSlotsForWaking : 0);
  if (stats_.in_flight >= bound) return false;
  io_uring_sqe* entry = io_uring_get_sqe(&ring_);
  if (entry == nullptr) {
    entries_are_short_ = true;
    return false;
  }
  if (free_slot_ == slots_.size()) add_slots();
  const uint32_t index = free_slot_;
  Slot& slot = slots_[index];
  free_slot_ = slot.next_free;
  slot.operation = &operation;
  operation.slot_ = index;
  operation.state_ = Operation::State::kInFlight;
  operation.futile_cancels_ = 0;
  std::memcpy(entry, operation.entry_, sizeof operation.entry_);
  entry->user_data = user_data(index, slot.generation, Answers::kRequest);
  look_before_sleep_ |= operation.inline_expected_;
  ++stats_.submitted;
  stats_.max_in_flight = std::max(stats_.max_in_flight, ++stats_.in_flight);
  return true;
}

// The list of the free ones is empty.
void RingCore::add_slots() {
  constexpr size_t kFirst = 256;
  const size_t all = max_in_flight_ + kSlotsForWaking;
  const size_t size = slots_.size();
  slots_.resize(std::min(all, std::max(kFirst, 2 * size)));
  for (size_t i = size; i < slots_.size(); ++i) slots_[i].next_free = static_cast<uint32_t>(i + 1);
}

bool RingCore::send_cancel(Operation& operation) {
  if (!status_.ok() && !closing_) return false;
  io_uring_sqe* entry = io_uring_get_sqe(&ring_);
  if (entry == nullptr) {
    entries_are_short_ = true;
    return false;
  }
  uint32_t generation = slots_[operation.slot_].generation;
  io_uring_prep_cancel64(entry, user_data(operation.slot_, generation, Answers::kRequest), 0);
  entry->user_data = user_data(operation.slot_, generation, Answers::kCancel);
  ++cancels_due_;
  ++stats_.cancels;
  return true;
}

// What a cancel's answer says of its target means nothing: only the target's own completion does.
// But a kernel that answers "not found" or "already running" will not end it either. It says so of
// a read that one of its workers is just about to park on a poll (seen on 6.18: a pipe read with
// IOSQE_ASYNC, once in some hundred), and that read would then stay for ever.
void RingCore::cancel_answered(Slot& slot, uint32_t generation, int32_t result) {
  Operation* target = slot.operation;
  if (target == nullptr || slot.generation != generation || result >= 0) return;
  TimePoint again = now() + kCancelDelay * (1 << target->futile_cancels_);
  if (target->futile_cancels_ < kMaxCancelDoublings) ++target->futile_cancels_;
  cancel_again_at_ = std::min(next_cancel(), again);
  uncancelled_.push_back(*target);
}

// When the loop must not be asleep any more, for the sake of cancels.
TimePoint RingCore::next_cancel() const { return uncancelled_.empty() ? kNever : cancel_again_at_; }

void RingCore::cancel_again_when_due() {
  if (!uncancelled_.empty() && now() >= cancel_again_at_) cancels_.splice_back(uncancelled_);
}

void RingCore::release_held() {
  if (held_.empty() || graveyard_.pins_at_least(max_orphaned_bytes_)) return;
  while (Operation* operation = held_.pop_front()) {
    operation->held_back_ = false;
    backlog_.push_back(*operation);
  }
  backlog_size_ += std::exchange(held_size_, 0);
}

// Those that hooks hook in are asked, too: the loop may sleep after this.
void RingCore::ask_hooks() {
  while (SubmitHook* hook = hooks_.pop_front()) hook->about_to_submit();
}

void RingCore::flush_queues() {
  entries_are_short_ = false;
  cancel_again_when_due();
  release_held();
  while (Operation* operation = cancels_.front()) {
    if (!send_cancel(*operation)) return;
    static_cast<ListNode<CancelTag>&>(*operation).unlink();
  }
  while (Operation* operation = backlog_.front()) {
    if (!take_entry(*operation)) return;
    static_cast<ListNode<BacklogTag>&>(*operation).unlink();
    --backlog_size_;
  }
}

// --- the run loop --------------------------------------------------------------------------------

void RingCore::turn() {
  check_thread("RingCore::turn");
  URING_CHECK(!closed_, "a Ring was destroyed by a task that its loop runs, and others wait");
  ++stats_.turns;
  deliver_refused();
  if (mailbox_) listen_to_mailbox();
  ask_hooks();
  flush_queues();
  wait_or_submit();
  reap();
  if (timers_.size() > 0) timers_.expire(now());
  if (mailbox_) mailbox_->run_all();
  resume_ready();
}

void RingCore::resume_ready() {
  constexpr size_t kFrame = 256;  // bytes to prefetch: where its state and most awaiters are
  // What becomes ready while these run waits for the next turn, so that nobody is starved.
  ReadyQueue batch;
  batch.splice_back(ready_);
  while (Waiter* waiter = batch.pop_front()) {
    if (const Waiter* next = batch.front()) prefetch(next->handle().address(), kFrame);
    waiter->handle().resume();
  }
}

void RingCore::submit() {
  check_thread("RingCore::submit");
  if (!status_.ok()) return;
  ask_hooks();
  flush_queues();
  unsigned to_submit = publish_entries();
  if (to_submit > 0) enter(to_submit, 0, nullptr);
}

// Shows the kernel the entries that were filled in; returns how many it has not taken.
unsigned RingCore::publish_entries() {
  io_uring_sq& sq = ring_.sq;
  if (sq.sqe_head != sq.sqe_tail) {
    sq.sqe_head = sq.sqe_tail;
    io_uring_smp_store_release(sq.ktail, sq.sqe_tail);
  }
  if (!polling_) return sq.sqe_tail - IO_URING_READ_ONCE(*sq.khead);
  // The polling kernel thread takes them by itself unless it fell asleep. The fence orders our
  // store of the tail before the load of the flag (io_uring_setup(2), IORING_SETUP_SQPOLL).
  std::atomic_thread_fence(std::memory_order_seq_cst);
  bool asleep = (IO_URING_READ_ONCE(*sq.kflags) & IORING_SQ_NEED_WAKEUP) != 0;
  return asleep ? sq.sqe_tail - IO_URING_READ_ONCE(*sq.khead) : 0;
}

bool RingCore::kernel_has_work() const {
  return (IO_URING_READ_ONCE(*ring_.sq.kflags) & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
}

absl::StatusOr<std::shared_ptr<Mailbox>> RingCore::mailbox() {
  check_thread("RingCore::mailbox");
  if (mailbox_ && !closed_) return mailbox_;
  if (!status_.ok()) return status_;
  int event_fd = ::eventfd(0, EFD_CLOEXEC);
  if (event_fd < 0) return errno_status(errno, "eventfd", "ring");
  mailbox_ = std::make_shared<Mailbox>(event_fd);
  wake_read_ = make_ref<WakeRead>(mailbox_);
  return mailbox_;
}

// As long as somebody may post, and no longer: then a loop that nobody can wake is found out.
void RingCore::listen_to_mailbox() {
  if (mailbox_->has_posters()) {
    if (wake_read_->idle() && status_.ok()) {
      wake_read_->prepare();
      start(*wake_read_);
    }
  } else if (!wake_read_->idle()) {
    cancel(*wake_read_);
  }
}

void RingCore::wait_or_submit() {
  bool look = std::exchange(look_before_sleep_, false);
  TimePoint deadline = timers_.next_deadline().value_or(kNever);
  if (!status_.ok()) {
    if (!ready_.empty() || !refused_.empty()) return;
    if (mailbox_ && !mailbox_->fall_asleep(Mailbox::Listening::kNo)) {
      deadline = std::min(deadline, now() + kLookInterval);
    }
    URING_CHECK(deadline != kNever, status_.ToString());
    const TimePoint started = now();
    if (deadline > started) kernel_.sleep(deadline - started);
    return;
  }
  deadline = std::min(deadline, next_cancel());
  unsigned to_submit = publish_entries();
  bool sleep = !look && nothing_to_do();
  // What is queued is handed over first, and looked for in the next turn.
  if (sleep && busy_poll_.count() > 0) sleep = to_submit == 0 && !comes_while_looking(deadline);
  sleep = sleep && (!mailbox_ || mailbox_->fall_asleep(wake_read_->listening()));
  if (!sleep) {
    if (to_submit > 0 || kernel_has_work()) enter(to_submit, 0, nullptr);
    return;
  }
  if (deadline == kNever) {
    URING_CHECK(stats_.in_flight + cancels_due_ > 0,
                "the Ring would sleep for ever: a coroutine waits for something that no request, "
                "timer or other thread will bring");
    enter(to_submit, 1, nullptr);
    return;
  }
  TimePoint started = now();
  if (deadline <= started) {
    if (to_submit > 0 || kernel_has_work()) enter(to_submit, 0, nullptr);
    return;
  }
  const std::chrono::nanoseconds timeout = deadline - started;
  enter(to_submit, 1, &timeout);
}

bool RingCore::nothing_to_do() const {
  return ready_.empty() && refused_.empty() && !entries_are_short_ &&
         io_uring_cq_ready(&ring_) == 0;
}

// Whether, before it is time to sleep, a completion or a post comes, or a timer is due. Completions
// whose work is left to us (deferred, cooperative) show as work that the kernel has. Until this
// returns the mailbox knows us to be awake, so that whoever posts makes no system call.
bool RingCore::comes_while_looking(TimePoint deadline) {
  ++stats_.busy_polls;
  TimePoint moment = now();
  const TimePoint give_up = deadline_after(moment, busy_poll_);
  bool come = false;
  for (; !come && moment < give_up; moment = now()) {
    come = io_uring_cq_ready(&ring_) > 0 || kernel_has_work() ||
           (mailbox_ && mailbox_->has_mail()) || moment >= deadline;
    if (!come) kernel_.pause();
  }
  if (come) ++stats_.busy_poll_hits;
  return come;
}

void RingCore::enter(unsigned to_submit, unsigned min_complete,
                     const std::chrono::nanoseconds* timeout) {
  unsigned flags = IORING_ENTER_GETEVENTS;
  if (polling_ && to_submit > 0) flags |= IORING_ENTER_SQ_WAKEUP;
  ++stats_.enters;
  __kernel_timespec limit{};
  if (timeout != nullptr) limit = to_timespec(*timeout);
  int result = kernel_.enter(ring_, to_submit, min_complete, flags, timeout ? &limit : nullptr);
  if (result < 0) {
    enter_failed(-result);
  } else if (result > 0) {
    fruitless_enters_ = 0;
  }
}

// Entries that the kernel did not take stay in the submission queue and go with the next call, so
// nothing is to be taken back here, and nothing may be freed.
void RingCore::enter_failed(int error) {
  if (error == EINTR || error == ETIME) return;
  ++stats_.submit_errors;
  bool transient = error == EAGAIN || error == EBUSY || error == ENOMEM;
  if (transient && ++fruitless_enters_ < kMaxFruitlessEnters) {
    if (fruitless_enters_ > kPatientEnters) kernel_.sleep(std::chrono::milliseconds(1));
    return;
  }
  if (error == EBADR) {
    fail(errno_status(error, "io_uring_enter", "ring (the kernel dropped completions)"));
    return;
  }
  fail(errno_status(error, "io_uring_enter", "ring"));
}

void RingCore::fail(absl::Status status) {
  status_ = std::move(status);
  failed_ = true;
  refuse_queued();
  for (Slot& slot : slots_) {
    if (slot.operation != nullptr) slot.operation->stranded();
  }
}

// Each entry is copied out and given back before it is looked at: what it leads to may end in a
// destructor that reaps, too, and neither of the two may see an entry that the other had.
void RingCore::reap() {
  io_uring_cq& queue = ring_.cq;
  while (!closed_) {
    unsigned head = *queue.khead;
    if (head == io_uring_smp_load_acquire(queue.ktail)) return;
    const io_uring_cqe& entry = queue.cqes[head & *queue.kring_mask];
    uint64_t answered = entry.user_data;
    int32_t result = entry.res;
    uint32_t flags = entry.flags;
    io_uring_smp_store_release(queue.khead, head + 1);
    fruitless_enters_ = 0;
    prefetch_behind(head + 1);
    dispatch(answered, result, flags);
  }
}

// With a thousand connections most of what completions lead to is not in the processor's cache. So
// it is asked for a little before it is needed: a request's own memory first, and, once that is
// there, what the request leads to. Where requests are few all of it is in the cache, and asking
// costs more than it brings. `head` is the oldest entry that was not taken.
void RingCore::prefetch_behind(unsigned head) const {
  constexpr uint64_t kFewRequests = 256;
  if (stats_.in_flight <= kFewRequests) return;
  constexpr unsigned kRequestsAhead = 4;
  constexpr unsigned kOwnersAhead = 2;
  constexpr size_t kRequest = 256;  // bytes of it; the usual ones are no larger
  const unsigned there = io_uring_smp_load_acquire(ring_.cq.ktail) - head;
  if (there > kRequestsAhead) {
    const Operation* operation = answered_by(head + kRequestsAhead);
    if (operation != nullptr) prefetch(operation, kRequest);
  }
  if (there > kOwnersAhead) {
    const Operation* operation = answered_by(head + kOwnersAhead);
    if (operation != nullptr) operation->prefetch_owner();
  }
}

// Whose completion the entry is; null if nobody's.
const Operation* RingCore::answered_by(unsigned entry) const {
  const io_uring_cq& queue = ring_.cq;
  const uint32_t index = slot_of(queue.cqes[entry & *queue.kring_mask].user_data);
  return index < slots_.size() ? slots_[index].operation : nullptr;
}

void RingCore::dispatch(uint64_t answered, int32_t result, uint32_t flags) {
  const uint32_t index = slot_of(answered);
  auto generation = static_cast<uint32_t>(answered >> 32);
  if (index >= slots_.size()) {
    ++stats_.stale_completions;
    return;
  }
  if (static_cast<Answers>(answered & 1) == Answers::kCancel) {
    if (cancels_due_ == 0) {
      ++stats_.stale_completions;
    } else {
      --cancels_due_;
    }
    return cancel_answered(slots_[index], generation, result);
  }
  Slot& slot = slots_[index];
  Operation* operation = slot.operation;
  if (operation == nullptr || slot.generation != generation) {
    ++stats_.stale_completions;
    return;
  }
  ++stats_.completions;
  if (result == -EFAULT) ++stats_.faults;
  bool terminal = (flags & IORING_CQE_F_MORE) == 0;
  if (!terminal) {
    const Ref<Operation> kept(operation);  // the terminal one may come in a reap within this
    operation->completed(result, flags, false);
    return;
  }
  slot.operation = nullptr;
  ++slot.generation;
  slot.next_free = std::exchange(free_slot_, index);
  --stats_.in_flight;
  ++stats_.terminal;
  static_cast<ListNode<CancelTag>&>(*operation).unlink();
  if (operation->orphaned_) graveyard_.exhume(*operation);
  operation->state_ = Operation::State::kIdle;
  operation->completed(result, flags, true);
  operation->release_ref();
}

RingStats RingCore::stats() const {
  RingStats stats = stats_;
  stats.waiting_for_entry = backlog_size_;
  stats.held_back = held_size_;
  stats.orphans = graveyard_.size();
  stats.orphaned_bytes = graveyard_.pinned_bytes();
  stats.max_orphans = graveyard_.max_size();
  stats.buried = graveyard_.buried();
  return stats;
}

}  // namespace uring
