// uring/stop_link.h
//
// From a std::stop_token to a Ring's loop. For those who implement what can be stopped.
//
// Stop may be requested on any thread, in the middle of anything. A StopLink carries it over to the
// Ring's thread: there its owner is told from the loop, in a coming turn, never within a coroutine
// nor within request_stop(), so it may destroy what it likes.
//
//   states    idle ──arm──▶ armed ──stop requested──▶ posted ──next turn──▶ idle, stopped() called
//             and from each of them back to idle by disarm() or destruction, without that call
//   cost      to arm: a Poster's (post.h), no allocation; to be told: a lock, and one write(2) if
//             the loop sleeps. A token that nobody can stop costs nothing.
//   threads   lives on the Ring's. disarm() waits for a request_stop() that is just telling it on
//             another thread, which is a lock and a write(2) long.
//
// A Ring that is destroyed first never tells it.

#ifndef URING_STOP_LINK_H_
#define URING_STOP_LINK_H_

#include <optional>
#include <stop_token>
#include <utility>

#include "absl/status/status.h"
#include "uring/mailbox.h"
#include "uring/operation.h"
#include "uring/post.h"
#include "uring/ref.h"
#include "uring/ring_core.h"

namespace uring {

// Derive from it and override stopped().
class StopLink : private Posted {
 public:
  StopLink(const StopLink&) = delete;
  StopLink& operator=(const StopLink&) = delete;

  // Not OK, and idle still, if the Ring cannot be posted to (Poster::create). Stop that was
  // requested already is told in the next turn.
  absl::Status arm(RingCore& core, std::stop_token token);
  void disarm();

 protected:
  StopLink() = default;
  ~StopLink() override { disarm(); }

 private:
  // From the loop; idle again. May destroy the link.
  virtual void stopped() = 0;

  // On the thread that requests stop.
  struct Tell {
    StopLink* link;
    void operator()() const noexcept { link->poster_.post_node(*link); }
  };

  void run() final;
  void discard() final {}

  Poster poster_;
  std::optional<std::stop_callback<Tell>> callback_;
};

// Asks the kernel to cancel an operation when stop is requested; the operation completes as the
// kernel decides. Its owner keeps it beside the operation and disarms it when that has completed.
class CancelOnStop final : private StopLink {
 public:
  // As StopLink::arm.
  absl::Status arm(RingCore& core, std::stop_token token, Operation& operation) {
    core_ = Ref<RingCore>(&core);
    operation_ = Ref<Operation>(&operation);
    return StopLink::arm(core, std::move(token));
  }
  void disarm() {
    StopLink::disarm();
    operation_.reset();
  }

 private:
  void stopped() override { core_->cancel(*operation_); }

  Ref<RingCore> core_;
  Ref<Operation> operation_;
};

}  // namespace uring

#endif  // URING_STOP_LINK_H_
