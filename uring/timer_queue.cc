#include "uring/timer_queue.h"

#include <algorithm>

#include "uring/check.h"

namespace uring {

Timer::~Timer() {
  if (queue_ != nullptr) queue_->cancel(*this);
}

TimerQueue::~TimerQueue() {
  URING_CHECK(!expiring_, "a timer's callback must not destroy its queue");
  for (const Entry& entry : heap_) entry.timer->queue_ = nullptr;
}

void TimerQueue::schedule(Timer& timer, TimePoint deadline) {
  if (timer.queue_ != nullptr) timer.queue_->cancel(timer);
  const Entry entry{deadline, next_order_++, &timer};
  heap_.push_back(entry);
  timer.queue_ = this;
  sift_up(heap_.size() - 1, entry);
}

void TimerQueue::cancel(Timer& timer) {
  if (timer.queue_ != this) return;
  timer.queue_ = nullptr;
  if (timer.linked()) {
    timer.unlink();
    --due_count_;
  } else {
    remove(timer.slot_);
  }
}

std::optional<TimePoint> TimerQueue::next_deadline() const {
  if (due_count_ != 0) return TimePoint::min();
  if (heap_.empty()) return std::nullopt;
  return heap_.front().deadline;
}

// First takes all that is due, then calls back: so a timer that schedules itself for the past
// cannot keep us here, and one that is cancelled by an earlier callback leaves the list by itself.
size_t TimerQueue::expire(TimePoint now) {
  while (!heap_.empty() && heap_.front().deadline <= now) {
    due_.push_back(*heap_.front().timer);
    ++due_count_;
    remove(0);
  }
  size_t expired = 0;
  const bool outer = expiring_;
  expiring_ = true;
  while (Timer* timer = due_.pop_front()) {
    --due_count_;
    ++expired;
    timer->queue_ = nullptr;
    timer->expired();
  }
  expiring_ = outer;
  return expired;
}

bool TimerQueue::before(const Entry& a, const Entry& b) {
  return a.deadline != b.deadline ? a.deadline < b.deadline : a.order < b.order;
}

void TimerQueue::place(size_t slot, const Entry& entry) {
  heap_[slot] = entry;
  entry.timer->slot_ = slot;
}

void TimerQueue::sift_up(size_t slot, const Entry& entry) {
  while (slot != 0) {
    const size_t parent = (slot - 1) / 4;
    if (!before(entry, heap_[parent])) break;
    place(slot, heap_[parent]);
    slot = parent;
  }
  place(slot, entry);
}

void TimerQueue::sift_down(size_t slot, const Entry& entry) {
  for (;;) {
    const size_t first = 4 * slot + 1;
    if (first >= heap_.size()) break;
    const size_t end = std::min(first + 4, heap_.size());
    size_t least = first;
    for (size_t child = first + 1; child < end; ++child) {
      if (before(heap_[child], heap_[least])) least = child;
    }
    if (!before(heap_[least], entry)) break;
    place(slot, heap_[least]);
    slot = least;
  }
  place(slot, entry);
}

// The last entry takes the place of the removed one, then moves to where it belongs.
void TimerQueue::remove(size_t slot) {
  const Entry last = heap_.back();
  heap_.pop_back();
  if (slot == heap_.size()) return;
  if (slot != 0 && before(last, heap_[(slot - 1) / 4])) {
    sift_up(slot, last);
  } else {
    sift_down(slot, last);
  }
}

}  // namespace uring
