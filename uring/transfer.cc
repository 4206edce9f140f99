#include "uring/transfer.h"

#include <limits.h>
#include <poll.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "uring/check.h"
#include "uring/ring_core.h"
#include "uring/status.h"

namespace uring {
namespace {

// The kernel moves no more than 2 GiB at once, and an entry has 32 bits for the length.
constexpr size_t kMaxLength = size_t{1} << 30;

// RWF_NOSIGNAL (linux/fs.h since 6.18): a write to a pipe that nobody reads is EPIPE, and no
// SIGPIPE.
constexpr int kNoSignal = 0x100;
std::atomic<bool> kernel_knows_no_signal = true;

size_t total(std::span<const iovec> parts) {
  size_t bytes = 0;
  for (const iovec& part : parts) bytes += part.iov_len;
  return bytes;
}

}  // namespace

Transfer::Transfer(const File& file, Plan plan)
    : ring_(file.ring()), descriptor_(file.descriptor()), plan_(plan), socket_(file.is_socket()) {
  URING_CHECK(descriptor_, "a File was used that was moved from");
  std::memset(&message_, 0, sizeof message_);
}

bool Transfer::prepare() {
  URING_CHECK(!prepared_ && !finished_, "a read or write was awaited twice");
  if (cancelled_ || plan_.stop.stop_requested()) {
    finish(failure(ECANCELED));
    return true;
  }
  if (!ring_->status().ok()) {
    finish(failure_of_ring());
    return true;
  }
  left_ = lay_out();
  prepared_ = true;
  pinned_ = total(left_);
  if (plan_.length != kAll && pinned_ < plan_.length) {
    finish(absl::InvalidArgumentError(absl::StrCat(describe(), ": the buffer has memory for ",
                                                   pinned_, " bytes, not ", plan_.length)));
    return true;
  }
  limit_to(plan_.length);
  if (!left_.empty()) {
    absl::Status armed = arm(*ring_, plan_.stop);
    if (armed.ok()) return false;
    finish(std::move(armed));
    return true;
  }
  // Read as a request, this would look like the end of the file.
  const bool no_room = plan_.way == Way::kRead && plan_.length != 0;
  finish(no_room ? absl::InvalidArgumentError(describe() + ": the buffer has no memory")
                 : absl::OkStatus());
  return true;
}

void Transfer::start(std::coroutine_handle<> waiting) {
  waiter_.set_handle(waiting);
  send();
}

void Transfer::cancel() {
  if (finished_) return;
  cancelled_ = true;
  if (!idle()) ring_->cancel(*this);
}

bool Transfer::resumed() {
  waiter_.set_handle(nullptr);
  disarm();
  return idle();
}

void Transfer::let_go() {
  waiter_.unlink();
  disarm();
  ring_->abandon(*this);
  if (!idle()) return;
  descriptor_.reset();
  drop();
}

void Transfer::limit_to(size_t length) {
  size_t parts = 0;
  for (; parts < left_.size() && length > 0; ++parts) {
    left_[parts].iov_len = std::min(left_[parts].iov_len, length);
    length -= left_[parts].iov_len;
  }
  left_ = left_.first(parts);
  advance(0);
}

// Passes over `bytes`, and over parts that are empty.
void Transfer::advance(size_t bytes) {
  while (!left_.empty() && left_.front().iov_len <= bytes) {
    bytes -= left_.front().iov_len;
    left_ = left_.subspan(1);
  }
  if (left_.empty()) return;
  iovec& first = left_.front();
  first.iov_base = static_cast<char*>(first.iov_base) + bytes;
  first.iov_len -= bytes;
}

void Transfer::send() {
  io_uring_sqe* entry = &blank_sqe();
  const int fd = descriptor_->fd();
  const bool reads = plan_.way == Way::kRead;
  const __u64 offset = plan_.offset.plus(transferred_).value();
  const bool sends = !reads && socket_;
  if (left_.size() == 1) {
    void* data = left_.front().iov_base;
    asked_ = std::min(left_.front().iov_len, kMaxLength);
    const auto length = static_cast<unsigned>(asked_);
    if (reads) {
      io_uring_prep_read(entry, fd, data, length, offset);
    } else if (sends) {
      io_uring_prep_send(entry, fd, data, length, MSG_NOSIGNAL);
    } else {
      io_uring_prep_write(entry, fd, data, length, offset);
    }
  } else {
    const auto parts = static_cast<unsigned>(std::min<size_t>(left_.size(), IOV_MAX));
    asked_ = total(left_.first(parts));
    if (reads) {
      io_uring_prep_readv(entry, fd, left_.data(), parts, offset);
    } else if (sends) {
      message_.msg_iov = left_.data();
      message_.msg_iovlen = parts;
      io_uring_prep_sendmsg(entry, fd, &message_, MSG_NOSIGNAL);
    } else {
      io_uring_prep_writev(entry, fd, left_.data(), parts, offset);
    }
  }
  signal_free_ = !reads && !sends && !signal_refused_ &&
                 kernel_knows_no_signal.load(std::memory_order_relaxed);
  if (signal_free_) entry->rw_flags = kNoSignal;
  ring_->start(*this);
}

void Transfer::send_poll() {
  const short ready = plan_.way == Way::kRead ? POLLIN : POLLOUT;
  io_uring_prep_poll_add(&blank_sqe(), descriptor_->fd(), static_cast<unsigned>(ready));
  ring_->start(*this);
}

void Transfer::completed(int32_t result, uint32_t /*flags*/, bool /*terminal*/) {
  if (orphaned()) {
    descriptor_.reset();
    drop();
    return;
  }
  const Absorber::Next next = absorber_.next(result, cancelled_);
  if (next != Absorber::Next::kDeliver) {
    if (!ring_->status().ok()) return finish(failure_of_ring());
    return next == Absorber::Next::kSend ? send() : send_poll();
  }
  if (result == -EOPNOTSUPP && signal_free_ && !cancelled_ && ring_->status().ok()) {
    signal_refused_ = true;
    return send();
  }
  if (result < 0) {
    const bool by_ring = result == -ECANCELED && !cancelled_ && !ring_->status().ok();
    return finish(by_ring ? failure_of_ring() : failure(-result));
  }
  const auto moved = static_cast<size_t>(result);
  URING_CHECK(moved <= asked_, "the kernel says it moved more than it was asked for");
  if (signal_refused_) kernel_knows_no_signal.store(false, std::memory_order_relaxed);
  transferred_ += moved;
  advance(moved);
  if (left_.empty() || !plan_.whole) return finish(absl::OkStatus());
  if (moved == 0) return finish(early_end());
  if (cancelled_) return finish(failure(ECANCELED));
  if (!ring_->status().ok()) return finish(failure_of_ring());
  absorber_.reset();
  send();
}

void Transfer::finish(absl::Status status) {
  status_ = std::move(status);
  finished_ = true;
  disarm();
  descriptor_.reset();
  if (waiter_.handle() != nullptr && !waiter_.ready()) ring_->make_ready(waiter_);
}

void Transfer::stranded() {
  if (orphaned()) return;
  status_ = failure_of_ring();
  ring_->make_ready(waiter_);
}

absl::Status Transfer::failure(int error) const {
  return errno_status(error, plan_.way == Way::kRead ? "read" : "write", descriptor_->name());
}

absl::Status Transfer::failure_of_ring() const { return annotate(ring_->status(), describe()); }

absl::Status Transfer::early_end() const {
  if (plan_.way == Way::kWrite)
    return absl::DataLossError(
        absl::StrCat(describe(), ": takes no more after ", transferred_, " bytes"));
  if (transferred_ == 0) return absl::OutOfRangeError(describe() + ": end of file");
  return absl::DataLossError(absl::StrCat(describe(), ": the file ends after ", transferred_,
                                          " of ", plan_.length, " bytes"));
}

std::string Transfer::describe() const {
  const char* what = plan_.way == Way::kRead ? "read " : "write ";
  return what + (descriptor_ ? descriptor_->name() : std::string());
}

}  // namespace uring
