// A Ring's end: what RingCore::close does.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "uring/ring_core.h"
#include "uring/status.h"

namespace uring {
namespace {

// What could not be drained, for ever. Reachable, so that leak checkers know it for what it is.
std::vector<Operation*>& leaked_operations() {
  static auto* const leaked = new std::vector<Operation*>;
  return *leaked;
}

}  // namespace

bool RingCore::close() {
  if (closed_) return true;
  if (!owner_.is_current() && (stats_.in_flight > 0 || backlog_size_ + held_size_ > 0 ||
                               !spawned_.empty() || owner_.forked())) {
    if (owner_.forked()) return false;
    if (mailbox_) mailbox_->close();
    report_leak("on another thread than its own");
    return false;
  }
  if (mailbox_) mailbox_->close();
  spawned_.destroy_all();
  ready_.clear();
  hooks_.clear();
  bool alive = status_.ok();
  closing_ = true;
  if (alive) status_ = absl::FailedPreconditionError("the Ring was destroyed");
  refuse_queued();
  deliver_refused();
  if (alive) drain();
  if (stats_.in_flight > 0) report_leak("before the kernel was done");
  buffers_->detach();
  // The number that it was registered under is its own thread's; here it may mean another ring.
  if (!owner_.is_current()) ring_.enter_ring_fd = ring_.ring_fd;
  kernel_.tear_down(ring_);
  deliver_refused();
  closed_ = true;
  receive_pool_.reset();
  return true;
}

void RingCore::drain() {
  for (Slot& slot : slots_) {
    if (slot.operation != nullptr) cancel(*slot.operation);
  }
  TimePoint give_up = now() + drain_timeout_;
  while (stats_.in_flight + cancels_due_ > 0 && take_completions(give_up)) {
  }
}

// Hands over what is queued and waits for at least one completion; false if that is no use, or time
// is up.
bool RingCore::take_completions(TimePoint give_up) {
  if (failed_) return false;
  flush_queues();
  TimePoint started = now();
  if (started >= give_up) return false;
  std::chrono::nanoseconds wait = std::min(give_up, next_cancel()) - started;
  wait = std::max(wait, std::chrono::nanoseconds(0));
  unsigned to_submit = publish_entries();
  enter(to_submit, entries_are_short_ ? 0 : 1, &wait);
  reap();
  return true;
}

// Only a terminal completion says that the kernel has let go, and none came: so the memory is never
// freed.
void RingCore::report_leak(std::string_view how) {
  constexpr size_t kListed = 16;
  std::string report =
      absl::StrCat("uring: a Ring was destroyed ", as_absl(how), ", with ", stats_.in_flight,
                   " requests in flight; what they point at is leaked:\n");
  size_t listed = 0;
  for (Slot& slot : slots_) {
    if (slot.operation == nullptr) continue;
    leaked_operations().push_back(slot.operation);
    if (++listed > kListed) continue;
    absl::StrAppend(&report, "  ", slot.operation->describe(), ", ", slot.operation->pinned_bytes(),
                    " bytes\n");
  }
  if (listed > kListed) absl::StrAppend(&report, "  … and ", listed - kListed, " more\n");
  if (on_leak_) {
    on_leak_(report);
  } else {
    std::fputs(report.c_str(), stderr);
  }
}

}  // namespace uring
