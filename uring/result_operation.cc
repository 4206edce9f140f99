#include "uring/result_operation.h"

#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "uring/status.h"

namespace uring {

ResultOperation::~ResultOperation() {
  if (kind_ == Result::kDescriptor && result_ >= 0) ::close(result_);
}

bool ResultOperation::start(std::coroutine_handle<> waiting) {
  if (!ring_->status().ok()) return false;
  waiter_.set_handle(waiting);
  prepare();
  ring_->start(*this);
  return true;
}

void ResultOperation::let_go() {
  waiter_.unlink();
  ring_->abandon(*this);
}

bool ResultOperation::goes_on(int result) { return result == -EINTR; }

void ResultOperation::completed(int32_t result, uint32_t /*flags*/, bool /*terminal*/) {
  if (orphaned()) {
    result_ = result;  // a descriptor is closed by the destructor, which follows
    return;
  }
  if (!cancel_requested() && goes_on(result)) {
    prepare();
    return ring_->start(*this);
  }
  result_ = result;
  ring_->make_ready(waiter_);
}

void ResultOperation::stranded() {
  if (!orphaned()) ring_->make_ready(waiter_);
}

absl::StatusOr<int> ResultAwaiter::result(std::string_view what, std::string_view target) const {
  int result = operation_->take_result();
  if (result >= 0) return result;
  const absl::Status& ring = operation_->ring().status();
  if (!ring.ok()) return annotate(ring, absl::StrCat(as_absl(what), " ", as_absl(target)));
  return errno_status(-result, what, target);
}

}  // namespace uring
