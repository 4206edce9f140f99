// uring/scope.h
//
// Structured concurrency: children that end before their parent goes on, and that may read into
// plain memory of its.
//
//   std::array<char, 4096> head, tail;                  // before the scope, which they outlive
//   uring::Scope scope(ring);
//   scope.spawn(fill(scope, file, head, 0));            // a Task<absl::Status>
//   scope.spawn(fill(scope, file, tail, end - 4096));   // … co_await scope.read(file, head, 0)
//   absl::Status status = co_await scope.join();
//
//   outcomes  join: OK once all children have ended and nothing is borrowed any more; else the
//             first error of a child (an exception is rethrown); DeadlineExceeded if the scope's
//             deadline came first; Cancelled if children were cut short and none had failed
//   cost      per child a frame besides its own; per read or write nothing but a recycled request
//   cancel    cancel(), a stop token, the deadline, or a child's error: reads and writes in flight
//   are cancelled,
//             and when they are over the children are destroyed, all that by the loop, in coming
//             turns, while others run on. It blocks nobody.
//   destroyed without join: the children are destroyed at once, and reads and writes in flight are
//             cancelled and waited for. That blocks: see borrow.h for how long. It never aborts but
//             for a kernel that is not done by RingOptions::drain_timeout.
//
// Belongs to its Ring's thread; stays where it is. Declare it after the data of its children, and
// after the memory that they borrow, so that it goes first. A child must not destroy the scope; it
// may cancel it, spawn, read and write. The Ring may be destroyed first: nothing is resumed then,
// and what could not be drained with the Ring is a checked failure when its memory goes.

#ifndef URING_SCOPE_H_
#define URING_SCOPE_H_

#include <coroutine>
#include <cstddef>
#include <exception>
#include <span>
#include <stop_token>
#include <string_view>

#include "absl/status/status.h"
#include "uring/borrow.h"
#include "uring/file.h"
#include "uring/list.h"
#include "uring/ref.h"
#include "uring/ring.h"
#include "uring/ring_core.h"
#include "uring/spawn_list.h"
#include "uring/stop_link.h"
#include "uring/task.h"
#include "uring/time.h"
#include "uring/timer_queue.h"
#include "uring/waiter.h"

namespace uring {

struct ScopeOptions {
  // Cancels the scope when stop is requested, on any thread. If the Ring cannot be posted to
  // (post.h), the scope begins cancelled and join() says why.
  std::stop_token stop;
  // Whether a child's error or exception cancels the others.
  bool cancel_on_error = true;
  // Cancels the scope when it comes (Ring::now). A scope within a child needs no copy of it: it
  // goes with the child, so the nearest deadline strikes.
  TimePoint deadline = TimePoint::max();
  // So many children run at once; those above wait in line, and begin in order as others end. 0: no
  // limit. See room().
  size_t max_running = 0;
};

class Scope final : private Timer, private StopLink {
 public:
  class Joining;
  class Room;

  explicit Scope(Ring& ring, ScopeOptions options = {});
  ~Scope() override;

  // --- children ----------------------------------------------------------------------------------

  // Starts in the Ring's next turn, not before spawn returns, or when it comes to it (max_running).
  // On a scope that was cancelled (or whose Ring was destroyed) the child is destroyed at once,
  // without having run.
  void spawn(Task<absl::Status> child);
  void spawn(Task<void> child);

  // Awaited: see above. One at a time; may be destroyed and awaited again.
  Joining join();

  // Awaited: OK once a child that is spawned now would not wait in line; at once without a limit.
  // Cancelled or DeadlineExceeded, as of join(), on a scope that was cancelled. So a loop that asks
  // before it accepts or reads the next thing keeps nobody waiting in line:
  //
  //   for (;;) {
  //     absl::Status room = co_await scope.room();
  //     if (!room.ok()) break;
  //     …
  //
  // It keeps no place: of several that ask, all are told, and the later ones' children wait in
  // line. May be destroyed while it waits.
  Room room();

  // Children that have not ended, those that wait in line among them.
  size_t running() const { return running_; }
  // Children that wait in line.
  size_t waiting() const { return waiting_; }

  // --- ending early ------------------------------------------------------------------------------

  // May be called by a child, too: it runs on until it waits.
  void cancel();
  bool cancelled() const { return cancelled_; }
  // For children that would rather end by themselves: stopped by request_stop(), and by all that
  // cancels. Allocates, the first time.
  std::stop_token stop_token();
  // Only that: nobody is destroyed.
  void request_stop();

  // --- borrowed memory ---------------------------------------------------------------------------

  // Reads once, into the caller's memory: from one byte to as many as there is room for; 0 is the
  // end of the file. Outcomes as in read_owned.h, and Cancelled at once on a scope that was
  // cancelled. Await it in a child or beside join(); destroying it is borrow.h.
  Borrow read(const File& file, std::span<char> into, FileOffset offset = kCurrentPosition);
  // Fills all of `into`. OutOfRange: the file ended before the first byte. DataLoss: before the
  // last.
  Borrow read_exact(const File& file, std::span<char> into, FileOffset offset = kCurrentPosition);
  // Writes once, from the caller's memory, which must not change meanwhile; gives how much.
  Borrow write(const File& file, std::string_view from, FileOffset offset = kCurrentPosition);
  // Writes all of it.
  Borrow write_all(const File& file, std::string_view from, FileOffset offset = kCurrentPosition);

 private:
  friend class Borrow;
  friend class Child;
  class Child;
  class Deadline final : public Timer {
   public:
    explicit Deadline(Scope& scope) : scope_(scope) {}

   private:
    void expired() override { scope_.deadline_passed(); }

    Scope& scope_;
  };

  template <class T>
  void start(Task<T> child);
  void child_failed(absl::Status status, std::exception_ptr exception);
  void child_gone();
  void borrowed(Borrow& borrow);
  void borrow_ended();
  bool quiet() const { return running_ == 0 && borrows_.empty(); }
  void wake_if_quiet();
  void end_children_if_due();
  bool has_room() const { return running_ - waiting_ < max_running_; }
  void deadline_passed();
  absl::Status why_cancelled() const;
  absl::Status outcome();
  void expired() override;
  void stopped() override { cancel(); }

  Ref<RingCore> core_;
  const bool cancel_on_error_;
  const size_t max_running_;
  bool cancelled_ = false;
  bool too_late_ = false;   // by the deadline
  bool cut_short_ = false;  // a child was destroyed, or not begun
  size_t running_ = 0;
  size_t waiting_ = 0;  // of those, in line_
  absl::Status error_;  // the first
  std::exception_ptr exception_;
  std::stop_source stop_{std::nostopstate};
  List<Borrow, BorrowTag> borrows_;  // in flight
  Waiter* joiner_ = nullptr;
  Deadline deadline_{*this};
  ReadyQueue line_;      // children that have not begun
  ReadyQueue spawners_;  // who waits for room
  SpawnList children_;
};

class [[nodiscard]] Scope::Joining {
 public:
  explicit Joining(Scope& scope) : scope_(scope) {}
  Joining(Joining&& other) noexcept : Joining(other.scope_) {}
  ~Joining();

  bool await_ready() const { return scope_.quiet(); }
  void await_suspend(std::coroutine_handle<> parent);
  absl::Status await_resume();

 private:
  Scope& scope_;
  Waiter waiter_;
};

class [[nodiscard]] Scope::Room {
 public:
  explicit Room(Scope& scope) : scope_(scope) {}
  Room(Room&& other) noexcept : Room(other.scope_) {}

  bool await_ready() const { return scope_.has_room() || scope_.cancelled_; }
  void await_suspend(std::coroutine_handle<> spawner) {
    waiter_.set_handle(spawner);
    scope_.spawners_.push_back(waiter_);
  }
  absl::Status await_resume() const;

 private:
  Scope& scope_;
  Waiter waiter_;
};

}  // namespace uring

#endif  // URING_SCOPE_H_
