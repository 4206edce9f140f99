// uring/wake_read.h
//
// The request that lets a sleeping loop be woken from other threads: a read of its mailbox's
// eventfd. In flight only while somebody may post; it resumes nobody, ending the sleep is all.

#ifndef URING_WAKE_READ_H_
#define URING_WAKE_READ_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "uring/mailbox.h"
#include "uring/operation.h"

namespace uring {

class WakeRead final : public Operation {
 public:
  // Keeps the mailbox, since the eventfd must outlive the request, also one that is leaked.
  explicit WakeRead(std::shared_ptr<const Mailbox> mailbox) : mailbox_(std::move(mailbox)) {}

  // To be started then.
  void prepare() {
    io_uring_prep_read(&blank_sqe(), mailbox_->event_fd(), &count_, sizeof count_, 0);
  }
  Mailbox::Listening listening() const {
    if (idle()) return Mailbox::Listening::kNo;
    return cancel_requested() ? Mailbox::Listening::kEnding : Mailbox::Listening::kYes;
  }

  std::string describe() const override { return "read the Ring's own eventfd"; }
  size_t pinned_bytes() const override { return 0; }

 private:
  void completed(int32_t, uint32_t, bool) override {}
  void stranded() override {}

  std::shared_ptr<const Mailbox> mailbox_;
  uint64_t count_ = 0;
};

}  // namespace uring

#endif  // URING_WAKE_READ_H_
