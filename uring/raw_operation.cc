#include "uring/raw_operation.h"

#include <algorithm>
#include <cerrno>

#include "uring/check.h"
#include "uring/ring_core.h"
#include "uring/status.h"

namespace uring::internal {

io_uring_sqe& RawRequest::entry() {
  URING_CHECK(idle(), "a raw operation was started while it is in flight");
  return blank_sqe();
}

void RawRequest::start() {
  constexpr unsigned kForbidden = IOSQE_IO_LINK | IOSQE_IO_HARDLINK | IOSQE_CQE_SKIP_SUCCESS;
  URING_CHECK((sqe().flags & kForbidden) == 0,
              "a raw operation was started whose completion may never come");
  started_ = true;
  result_ = -ECANCELED;
  if (ring_->status().ok()) ring_->start(*this);
}

void RawRequest::cancel() {
  if (!idle()) ring_->cancel(*this);
}

void RawRequest::set_cancellation(Cancellation cancellation) {
  URING_CHECK(idle() || !cancellation_,
              "a raw operation in flight was given a second cancellation");
  cancellation_ = std::move(cancellation);
}

void RawRequest::let_go(Cancellation cancellation) {
  URING_CHECK(!cancellation_, "a raw operation was given a second cancellation");
  URING_CHECK(cancellation, "a raw operation was let go without a cancellation");
  if (idle()) return cancellation.run(started_ ? result_ : -ECANCELED);
  cancellation_ = std::move(cancellation);
  detach();
}

void RawRequest::owner_destroyed() {
  if (idle()) return;
  URING_CHECK(cancellation_,
              "a raw operation was let go in flight without a cancellation: the kernel may still "
              "use its memory");
  detach();
}

// What the kernel does not know yet comes to its end in the loop's next turn, too, not here.
void RawRequest::detach() {
  detached_ = true;
  resume_waiter(-ECANCELED);
  if (state() == State::kInFlight) {
    ring_->abandon(*this);
  } else {
    ring_->cancel(*this);
  }
}

bool RawRequest::wait_is_over() {
  URING_CHECK(started_, "a raw operation was awaited before it was started");
  URING_CHECK(waiter_.handle() == nullptr, "a raw operation is awaited by two coroutines");
  return idle() || stranded_ || detached_;
}

void RawRequest::stop_waiting() {
  waiter_.unlink();
  waiter_.set_handle(nullptr);
}

void RawRequest::resume_waiter(int32_t result) {
  result_ = result;
  if (waiter_.handle() != nullptr && !waiter_.ready()) ring_->make_ready(waiter_);
}

void RawRequest::completed(int32_t result, uint32_t flags, bool terminal) {
  // A zero-copy send has told its result before the notification that ends it.
  if ((flags & IORING_CQE_F_NOTIF) == 0) last_ = result;
  if (!terminal) return;
  if (detached_) return cancellation_.run(last_);
  resume_waiter(last_);
}

void RawRequest::stranded() {
  stranded_ = true;
  if (!detached_) resume_waiter(-std::max(errno_of(ring_->status()), 1));
}

}  // namespace uring::internal
