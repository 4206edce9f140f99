// uring/timer_queue.h
//
// Deadlines of one Ring, earliest first.
//
// A Timer lives where the waiting happens, usually in an awaiter, hence in a coroutine frame that
// may be destroyed at any time; so it leaves the queue in its destructor, and a queue that dies
// first lets its timers go. The queue owns no timer. The kernel knows nothing of them: the run loop
// waits until next_deadline() and then calls expire().
//
// Not thread-safe; belongs to one Ring. The only allocation is the heap's array, which grows and is
// kept.

#ifndef URING_TIMER_QUEUE_H_
#define URING_TIMER_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "uring/list.h"
#include "uring/time.h"

namespace uring {

class TimerQueue;
struct DueTimerTag;

// Derive from it and override expired(). States:
//   idle        queue_ is null
//   scheduled   queue_ set, not linked: heap_[slot_] of the queue is its entry
//   due         queue_ set, linked: taken by the expire() that is running, which has not come to it
//   yet
class Timer : public ListNode<DueTimerTag> {
 public:
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  bool scheduled() const { return queue_ != nullptr; }

 protected:
  Timer() = default;
  virtual ~Timer();

 private:
  friend class TimerQueue;

  // Called once per schedule(), when the timer is idle again. May schedule, cancel and destroy any
  // timer, this one too.
  virtual void expired() = 0;

  TimerQueue* queue_ = nullptr;
  size_t slot_ = 0;
};

class TimerQueue {
 public:
  TimerQueue() = default;
  TimerQueue(const TimerQueue&) = delete;
  TimerQueue& operator=(const TimerQueue&) = delete;
  // Its timers become idle. Must not be called from expired().
  ~TimerQueue();

  // Lets `timer` expire at `deadline`; a timer that is scheduled already, here or elsewhere, moves.
  // Timers of equal deadline expire in the order of these calls. A deadline in the past is served
  // by the next expire(), not the one that is running. TimePoint::max() is as good as never.
  //
  //   cost      O(log n)
  void schedule(Timer& timer, TimePoint deadline);

  // Makes `timer` idle; does nothing if it is idle or belongs to another queue.
  //
  //   cost      O(log n)
  void cancel(Timer& timer);

  // The earliest deadline, TimePoint::min() while timers are due, or nothing.
  std::optional<TimePoint> next_deadline() const;

  // Calls expired() of every timer whose deadline is `now` or earlier, in order of deadline;
  // returns how many.
  size_t expire(TimePoint now);

  // Timers that are scheduled or due.
  size_t size() const { return heap_.size() + due_count_; }

 private:
  struct Entry {
    TimePoint deadline;
    uint64_t order;  // of scheduling
    Timer* timer;
  };
  static bool before(const Entry& a, const Entry& b);
  void place(size_t slot, const Entry& entry);
  void sift_up(size_t slot, const Entry& entry);
  void sift_down(size_t slot, const Entry& entry);
  void remove(size_t slot);

  std::vector<Entry> heap_;  // 4-ary: the children of i are 4i + 1 to 4i + 4
  uint64_t next_order_ = 0;
  List<Timer, DueTimerTag> due_;
  size_t due_count_ = 0;
  bool expiring_ = false;
};

}  // namespace uring

#endif  // URING_TIMER_QUEUE_H_
