// uring/mailbox.h
//
// Where other threads leave work for a Ring's loop. For those who implement posting (post.h,
// stop_link.h).
//
// A list under a lock, and an eventfd that the loop's only blocking call waits for, too, by a read
// request. The loop says when it is about to sleep, and only a post that finds it asleep writes to
// the eventfd: one system call per sleep that is ended, none while the loop is busy.
//
// Shared by one Ring and its Posters, and goes with the last of them. All of it may be called on
// any thread, but for what is marked as the loop's. A forked child's copy refuses everything.

#ifndef URING_MAILBOX_H_
#define URING_MAILBOX_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include "uring/list.h"
#include "uring/owner_thread.h"

namespace uring {

struct PostedTag;
class Mailbox;

// Work for the loop. Not owned by the mailbox: whoever posts it keeps it alive until one of the two
// functions is called, or takes it back (Mailbox::take_back).
class Posted : private ListNode<PostedTag> {
 protected:
  Posted() = default;
  virtual ~Posted() = default;

 private:
  friend class Mailbox;
  friend class List<Posted, PostedTag>;

  // From the Ring's loop, on its thread.
  virtual void run() = 0;
  // Instead, on the thread that destroys the Ring: it will not be run.
  virtual void discard() = 0;
};

using PostedList = List<Posted, PostedTag>;

class Mailbox {
 public:
  // Takes over an eventfd.
  explicit Mailbox(int event_fd) : event_fd_(event_fd) {}
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;
  ~Mailbox();

  // False, and nothing happened, if the Ring is gone.
  bool post(Posted& posted);
  // It will not be run, unless it was. On the Ring's thread.
  void take_back(Posted& posted);

  // Somebody who may post comes or goes. Until all have gone, the loop may wait for them alone.
  void add_poster();
  void remove_poster();

  // --- the loop's --------------------------------------------------------------------------------

  int event_fd() const { return event_fd_; }
  // Whether the eventfd is to be listened to.
  bool has_posters() const { return posters_.load(std::memory_order_relaxed) > 0; }
  // Whether something was posted that run_all() has not taken. No lock.
  bool has_mail() const { return has_mail_.load(std::memory_order_relaxed); }
  // Whether a read of the eventfd is in flight; ending: it is, and is being cancelled. A post ends
  // that one, too.
  enum class Listening : uint8_t { kNo, kYes, kEnding };
  // Before a sleep. False if the loop must look again first: there is something to run, or it
  // should listen, or should not.
  bool fall_asleep(Listening listening);
  // After it: calls run() of all that was posted by now, in order.
  void run_all();
  // The Ring is destroyed: refuses from now on, and calls discard() of all that was posted.
  void close();

 private:
  void write_event() const;

  const int event_fd_;
  const OwnerThread owner_;
  std::atomic<size_t> posters_ = 0;     // changed under the lock
  std::atomic<bool> has_mail_ = false;  // the same
  std::mutex mutex_;
  PostedList posted_;  // guarded by mutex_, like all that follow
  bool asleep_ = false;
  bool closed_ = false;
  PostedList running_;  // the loop's
};

}  // namespace uring

#endif  // URING_MAILBOX_H_
