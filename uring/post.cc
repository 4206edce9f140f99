#include "uring/post.h"

#include "uring/ring_core.h"

namespace uring {

absl::StatusOr<Poster> Poster::create(RingCore& core) {
  absl::StatusOr<std::shared_ptr<Mailbox>> mailbox = core.mailbox();
  if (!mailbox.ok()) return mailbox.status();
  return Poster(*std::move(mailbox));
}

Poster::Poster(std::shared_ptr<Mailbox> mailbox) : mailbox_(std::move(mailbox)) {
  if (mailbox_) mailbox_->add_poster();
}

Poster::Poster(const Poster& other) : Poster(other.mailbox_) {}

Poster::~Poster() {
  if (mailbox_) mailbox_->remove_poster();
}

}  // namespace uring
