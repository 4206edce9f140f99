#include "uring/mailbox.h"

#include <unistd.h>

#include <cstdint>
#include <utility>

namespace uring {

Mailbox::~Mailbox() { ::close(event_fd_); }

bool Mailbox::post(Posted& posted) {
  if (owner_.forked()) return false;
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return false;
    posted_.push_back(posted);
    has_mail_.store(true, std::memory_order_relaxed);
    wake = std::exchange(asleep_, false);
  }
  // Without the lock, since the loop wants it when it wakes. The caller's share keeps the eventfd.
  if (wake) write_event();
  return true;
}

void Mailbox::take_back(Posted& posted) {
  const std::lock_guard lock(mutex_);
  static_cast<ListNode<PostedTag>&>(posted).unlink();
}

void Mailbox::add_poster() {
  if (owner_.forked()) return;
  const std::lock_guard lock(mutex_);
  posters_.fetch_add(1, std::memory_order_relaxed);
}

// The loop is woken by the last one, since it may have nobody else to wait for.
void Mailbox::remove_poster() {
  if (owner_.forked()) return;
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    if (posters_.fetch_sub(1, std::memory_order_relaxed) == 1) {
      wake = std::exchange(asleep_, false);
    }
  }
  if (wake) write_event();
}

bool Mailbox::fall_asleep(Listening listening) {
  const std::lock_guard lock(mutex_);
  const bool should_listen = has_posters();
  asleep_ = posted_.empty() &&
            (listening == Listening::kEnding || should_listen == (listening == Listening::kYes));
  return asleep_;
}

void Mailbox::run_all() {
  {
    const std::lock_guard lock(mutex_);
    asleep_ = false;
    has_mail_.store(false, std::memory_order_relaxed);
    running_.splice_back(posted_);
  }
  // One of them may take others back, or destroy the Ring, in which case close() takes the rest.
  while (Posted* posted = running_.pop_front()) posted->run();
}

void Mailbox::close() {
  PostedList unrun;
  unrun.splice_back(running_);
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    unrun.splice_back(posted_);
  }
  while (Posted* posted = unrun.pop_front()) posted->discard();
}

void Mailbox::write_event() const {
  const uint64_t one = 1;
  // An eventfd that somebody reads has room for more ones than there will ever be.
  [[maybe_unused]] const ssize_t written = ::write(event_fd_, &one, sizeof one);
}

}  // namespace uring
