#include "uring/borrow.h"

#include <utility>

#include "uring/check.h"
#include "uring/ring_core.h"
#include "uring/scope.h"

namespace uring {

Borrow::Borrow(Scope& scope, const File& file, Transfer::Plan plan, void* data, size_t size)
    : scope_(&scope),
      core_(file.ring()),
      transfer_(make_ref<BorrowedTransfer>(file, plan, data, size)) {}

Borrow::Borrow(Borrow&& other) noexcept
    : scope_(other.scope_), core_(std::move(other.core_)), transfer_(std::move(other.transfer_)) {
  URING_CHECK(!other.waiting_, "a read or write of a Scope was moved while it waits");
}

Borrow::~Borrow() {
  if (!waiting_) return;
  transfer_->resumed();  // with nobody to resume, it makes nobody ready
  settle();
  transfer_->let_go();
  end();
}

void Borrow::settle() {
  transfer_->cancel();  // told to end, it sends nothing again
  const bool done = core_->settle(*transfer_);
  URING_CHECK(done, transfer_->describe() +
                        ": the memory that it borrows goes, and the kernel may still use it (it "
                        "was not done by RingOptions::drain_timeout, or the Ring cannot go on)");
}

bool Borrow::await_ready() {
  if (scope_->cancelled()) transfer_->cancel();
  return transfer_->prepare();
}

void Borrow::await_suspend(std::coroutine_handle<> waiting) {
  waiting_ = true;
  scope_->borrowed(*this);
  transfer_->start(waiting);
}

absl::StatusOr<size_t> Borrow::await_resume() {
  transfer_->resumed();
  end();
  if (!transfer_->status().ok()) return transfer_->status();
  return transfer_->transferred();
}

void Borrow::end() {
  if (!waiting_) return;
  waiting_ = false;
  unlink();
  if (scope_ != nullptr) scope_->borrow_ended();
}

}  // namespace uring
