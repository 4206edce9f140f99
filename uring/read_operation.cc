#include "uring/read_operation.h"

#include <poll.h>

#include <algorithm>
#include <utility>

#include "uring/check.h"
#include "uring/ring_core.h"

namespace uring {
namespace {

// The kernel reads no more than 2 GiB at once, and an entry has 32 bits for the length.
constexpr size_t kMaxLength = size_t{1} << 30;

}  // namespace

ReadOperation::ReadOperation(Ref<RingCore> ring, Ref<Descriptor> descriptor, ReadKind kind,
                             Observer& observer)
    : ring_(std::move(ring)),
      descriptor_(std::move(descriptor)),
      observer_(&observer),
      kind_(kind) {}

void ReadOperation::read(Target target, bool offload, bool expect_inline) {
  URING_CHECK(idle(), "a read was started while another one is in flight");
  size_t room = target.buffer->size() * (target.buffer->mirrored() ? 2 : 1);
  URING_CHECK(target.length > 0 && target.length <= room && target.offset <= room - target.length,
              "a read's target is not within its buffer");
  target_ = std::move(target);
  offload_ = offload;
  absorber_.reset();
  expect_inline_completion(expect_inline);
  send_read();
}

void ReadOperation::send_read() {
  io_uring_sqe* entry = &blank_sqe();
  char* data = target_.buffer->data() + target_.offset;
  auto length = static_cast<unsigned>(std::min(target_.length, kMaxLength));
  int fd = descriptor_->fd();
  // An offset of -1 is the descriptor's own position (IORING_FEAT_RW_CUR_POS); the only one that
  // sockets and pipes take.
  __u64 position = kind_ == ReadKind::kPositional ? target_.position : static_cast<__u64>(-1);
  if (kind_ == ReadKind::kSocket) {
    io_uring_prep_recv(entry, fd, data, length, 0);
    if (drained_ && ring_->capabilities().opcodes.test(IORING_OP_SOCKET)) {
      entry->ioprio = IORING_RECVSEND_POLL_FIRST;
    }
  } else if (target_.buffer->fixed_index() != Buffer::kNotFixed) {
    io_uring_prep_read_fixed(entry, fd, data, length, position, target_.buffer->fixed_index());
  } else {
    io_uring_prep_read(entry, fd, data, length, position);
  }
  if (offload_) entry->flags |= IOSQE_ASYNC;
  ring_->start(*this);
}

void ReadOperation::send_poll() {
  expect_inline_completion(false);
  io_uring_prep_poll_add(&blank_sqe(), descriptor_->fd(), POLLIN);
  ring_->start(*this);
}

void ReadOperation::give_up() { ring_->abandon(*this); }

void ReadOperation::let_go() {
  observer_ = nullptr;
  give_up();
}

void ReadOperation::completed(int32_t result, uint32_t flags, bool /*terminal*/) {
  if (orphaned()) {
    target_.buffer.reset();
    descriptor_.reset();
    if (observer_ != nullptr) observer_->read_completed(*this);
    return;
  }
  drained_ = false;
  switch (absorber_.next(result, cancel_requested())) {
    case Absorber::Next::kSend:
      return send_read();
    case Absorber::Next::kPoll:
      return send_poll();
    case Absorber::Next::kDeliver:
      break;
  }
  drained_ = result > 0 && (flags & IORING_CQE_F_SOCK_NONEMPTY) == 0;
  URING_CHECK(result <= static_cast<int64_t>(target_.length),
              "the kernel says it read more than it was asked for");
  result_ = result;
  observer_->read_completed(*this);
}

void ReadOperation::stranded() {
  if (observer_ != nullptr) observer_->read_stranded(*this);
}

std::string ReadOperation::describe() const {
  return "read " + (descriptor_ ? descriptor_->name() : std::string());
}

}  // namespace uring
