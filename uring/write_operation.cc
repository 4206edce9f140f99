#include "uring/write_operation.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "uring/check.h"
#include "uring/pipe_signal.h"
#include "uring/ring_core.h"

namespace uring {
namespace {

// The kernel writes no more than 2 GiB at once, and an entry has 32 bits for the length.
constexpr uint32_t kMaxLength = uint32_t{1} << 30;

// linux/io_uring.h since 6.2: a notification says whether the bytes were copied after all. Older
// kernels refuse the flag.
constexpr unsigned kReportUsage = 1U << 3;
constexpr uint32_t kUsageCopied = 1U << 31;

}  // namespace

WriteOperation::WriteOperation(Ref<RingCore> ring, Ref<Descriptor> descriptor, WriteKind kind,
                               Observer& observer)
    : kind_(kind),
      ring_(std::move(ring)),
      descriptor_(std::move(descriptor)),
      observer_(&observer) {}

bool WriteOperation::zero_copy_known(const RingCore& ring) {
  return ring.capabilities().opcodes.test(IORING_OP_SENDMSG_ZC);
}

bool WriteOperation::add(const Piece& piece) {
  URING_CHECK(idle() && piece.size > 0, "a piece was added to a write that has begun, or is empty");
  auto size = static_cast<uint32_t>(std::min<size_t>(piece.size, kMaxLength - length_));
  if (count_ == kMaxPieces || size == 0) return false;
  if (count_ == 0) {
    first_ = piece;
  } else {
    if (!table_) {
      table_.reset(new Table);
      table_->vectors[0] = {const_cast<char*>(first_.data), length_};
    }
    table_->vectors[count_] = {const_cast<char*>(piece.data), size};
    std::construct_at(&table_->others[table_->count++], piece);
  }
  ++count_;
  length_ += size;
  return count_ < kMaxPieces && length_ < kMaxLength;
}

void WriteOperation::write(uint64_t position, Copying copying, bool expect_inline) {
  URING_CHECK(idle() && count_ > 0, "a write was started that is empty, or was started before");
  position_ = position;
  copying_ = copying;
  expect_inline_ = expect_inline;
  send_write();
}

void WriteOperation::send_write() {
  expect_inline_completion(expect_inline_);
  if (kind_ == WriteKind::kSocket) {
    prepare_socket();
  } else {
    prepare_file();
  }
  ring_->start(*this);
}

void WriteOperation::prepare_socket() {
  io_uring_sqe* entry = &blank_sqe();
  int fd = descriptor_->fd();
  bool zero_copy = copying_ == Copying::kZeroCopy;
  if (count_ == 1) {
    io_uring_prep_send(entry, fd, first_.data, length_, MSG_NOSIGNAL);
    if (zero_copy) entry->opcode = IORING_OP_SEND_ZC;
  } else {
    msghdr& message = table_->message;
    std::memset(&message, 0, sizeof message);
    message.msg_iov = table_->vectors.data();
    message.msg_iovlen = count_;
    io_uring_prep_sendmsg(entry, fd, &message, MSG_NOSIGNAL);
    if (zero_copy) entry->opcode = IORING_OP_SENDMSG_ZC;
  }
  if (zero_copy) entry->ioprio = kReportUsage;
}

void WriteOperation::prepare_file() {
  io_uring_sqe* entry = &blank_sqe();
  int fd = descriptor_->fd();
  // An offset of -1 is the descriptor's own position (IORING_FEAT_RW_CUR_POS); the only one that
  // pipes take.
  __u64 position = kind_ == WriteKind::kPositional ? position_ : static_cast<__u64>(-1);
  if (count_ == 1) {
    io_uring_prep_write(entry, fd, first_.data, length_, position);
  } else {
    io_uring_prep_writev(entry, fd, table_->vectors.data(), count_, position);
  }
  pipe_flags_ = kind_ == WriteKind::kPipe ? pipe_write_flags() : 0;
  entry->rw_flags = pipe_flags_;
}

void WriteOperation::send_poll() {
  expect_inline_completion(false);
  io_uring_prep_poll_add(&blank_sqe(), descriptor_->fd(), POLLOUT);
  ring_->start(*this);
}

void WriteOperation::let_go() {
  observer_ = nullptr;
  if (!result_known_) ring_->abandon(*this);
}

void WriteOperation::FreeTable::operator()(Table* table) const { delete table; }

void WriteOperation::release_pieces() {
  first_.buffer.reset();
  first_.held.reset();
  table_.reset();
  count_ = 0;
  length_ = 0;
}

// True if the write goes on.
bool WriteOperation::goes_on(int32_t& result) {
  if (result == -EOPNOTSUPP && pipe_flags_ != 0) {
    pipe_write_flags_refused();
    send_write();
    return true;
  }
  switch (absorber_.next(result, cancel_requested())) {
    case Absorber::Next::kSend:
      send_write();
      return true;
    case Absorber::Next::kPoll:
      send_poll();
      return true;
    case Absorber::Next::kDeliver:
      break;
  }
  if (result == -EPIPE && kind_ == WriteKind::kPipe) pipe_write_broke(pipe_flags_);
  return false;
}

void WriteOperation::completed(int32_t result, uint32_t flags, bool terminal) {
  if ((flags & IORING_CQE_F_NOTIF) != 0) return notified(result);
  if (orphaned()) {
    // A notification may come still.
    if (terminal) release_pieces();
    descriptor_.reset();
    result_known_ = !terminal;
    return;
  }
  bool may_go_on = terminal && copying_ == Copying::kCopy && !absorber_.plain(result);
  if (may_go_on && goes_on(result)) return;
  URING_CHECK(result <= static_cast<int64_t>(length_),
              "the kernel says it wrote more than it was asked for");
  result_ = result;
  result_known_ = !terminal;
  if (terminal) release_pieces();
  descriptor_.reset();
  if (observer_ != nullptr) observer_->write_completed(*this);
}

void WriteOperation::notified(int32_t usage) {
  copied_ = (static_cast<uint32_t>(usage) & kUsageCopied) != 0;
  result_known_ = false;
  release_pieces();
  if (observer_ != nullptr) observer_->write_released(*this);
}

void WriteOperation::stranded() {
  if (observer_ != nullptr && !result_known_) observer_->write_stranded(*this);
}

std::string WriteOperation::describe() const {
  return result_known_ ? "notification of a zero-copy send"
                       : "write " + (descriptor_ ? descriptor_->name() : std::string());
}

}  // namespace uring
