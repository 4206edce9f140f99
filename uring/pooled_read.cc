#include "uring/pooled_read.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "uring/check.h"

namespace uring {
PooledRead::PooledRead(Ref<PoolCore> pool, Ref<Descriptor> descriptor, ReadKind kind,
                       Observer& observer)
    : pool_(std::move(pool)),
      descriptor_(std::move(descriptor)),
      observer_(&observer),
      kind_(kind) {}

void PooledRead::begin(size_t length, uint64_t position) {
  URING_CHECK(at_rest(), "a read was started while another one is under way");
  URING_CHECK(length > 0, "a read of nothing would look like the end");
  length_ = std::min(length, pool_->buffer_size());
  position_ = position;
  torn_ = false;
  buffer_.reset();
  absorber_.reset();
  if (kind_ == ReadKind::kPositional) return get_buffer();
  if (kind_ == ReadKind::kSocket && pool_->kernel_can_pick()) return send_pick();
  absorber_.reset_for_poll();
  send_poll();
}

void PooledRead::read(size_t length, uint64_t position) {
  receiving_ = false;
  begin(length, position);
}

void PooledRead::receive(size_t length) {
  URING_CHECK(kind_ == ReadKind::kSocket, "only sockets receive");
  receiving_ = true;
  begin(length, 0);
}

void PooledRead::send_pick() {
  step_ = Step::kPicking;
  io_uring_sqe* entry = &blank_sqe();
  repeats_ =
      receiving_ && length_ == pool_->buffer_size() && pool_->repeats() != PoolCore::Repeats::kNo;
  io_uring_prep_recv(entry, descriptor_->fd(), nullptr, repeats_ ? 0 : length_, 0);
  if (repeats_) entry->ioprio |= IORING_RECV_MULTISHOT;
  entry->flags |= IOSQE_BUFFER_SELECT;
  entry->buf_group = pool_->begin_pick();
  picking_ = true;
  pool_->ring().start(*this);
}

void PooledRead::end_pick() {
  if (std::exchange(picking_, false)) pool_->end_pick();
}

void PooledRead::send_poll() {
  step_ = Step::kPolling;
  io_uring_prep_poll_add(&blank_sqe(), descriptor_->fd(), POLLIN);
  pool_->ring().start(*this);
}

void PooledRead::get_buffer() {
  buffer_ = pool_->take(*this);
  if (buffer_) send_read();
}

void PooledRead::granted(Ref<Buffer> buffer) {
  if (!buffer) return finish(-ECANCELED);
  buffer_ = std::move(buffer);
  send_read();
}

void PooledRead::send_read() {
  step_ = Step::kReading;
  io_uring_sqe* entry = &blank_sqe();
  char* data = buffer_->data() + pool_->headroom();
  auto length = static_cast<unsigned>(length_);
  int fd = descriptor_->fd();
  __u64 position = kind_ == ReadKind::kPositional ? position_ : static_cast<__u64>(-1);
  if (kind_ == ReadKind::kSocket) {
    // Somebody else may have been faster: then EAGAIN, and not a wait with a buffer in hand.
    io_uring_prep_recv(entry, fd, data, length, MSG_DONTWAIT);
  } else if (buffer_->fixed_index() != Buffer::kNotFixed) {
    io_uring_prep_read_fixed(entry, fd, data, length, position, buffer_->fixed_index());
  } else {
    io_uring_prep_read(entry, fd, data, length, position);
  }
  pool_->ring().start(*this);
}

void PooledRead::cancel() {
  if (in_line()) return leave_line();
  pool_->ring().cancel(*this);
}

void PooledRead::give_up() {
  leave_line();
  pool_->ring().abandon(*this);
  if (!idle()) return;
  buffer_.reset();
  end_pick();
}

void PooledRead::let_go() {
  observer_ = nullptr;
  give_up();
}

void PooledRead::completed(int32_t result, uint32_t flags, bool terminal) {
  Ref<Buffer> picked = picking_ ? pool_->picked(result, flags) : nullptr;
  if (terminal) end_pick();
  if (orphaned()) {
    picked.reset();
    if (!terminal) return;
    buffer_.reset();
    descriptor_.reset();
    if (observer_ != nullptr) observer_->read_completed(*this);
    return;
  }
  if (step_ == Step::kPicking) return pick_completed(result, std::move(picked), terminal);
  switch (absorber_.next(result, cancel_requested())) {
    case Absorber::Next::kSend:
      return buffer_ ? send_read() : get_buffer();
    case Absorber::Next::kPoll:
      buffer_.reset();
      return send_poll();
    case Absorber::Next::kDeliver:
      return finish(result);
  }
}

void PooledRead::pick_completed(int32_t result, Ref<Buffer> picked, bool terminal) {
  // Bytes without a buffer that could hold them: they are lost, and that must not go unnoticed.
  torn_ |= result > 0 && !picked;
  if (torn_) return terminal ? finish(-EIO) : pool_->ring().cancel(*this);
  if (!terminal) pool_->set_repeats(PoolCore::Repeats::kYes);
  if (result > 0) {
    buffer_ = std::move(picked);
    return terminal ? finish(result) : deliver(result);
  }
  picked.reset();
  if (!terminal) return;
  // Several may have been sent before the first of them was.
  const bool refused = result == -EINVAL && repeats_ && pool_->repeats() != PoolCore::Repeats::kYes;
  if (refused) pool_->set_repeats(PoolCore::Repeats::kNo);
  const bool again = refused || result == -EINTR;
  if (!again && result != -ENOBUFS && result != -EAGAIN) return finish(result);
  // Sent again it would be a request that nobody asked to cancel.
  if (cancel_requested()) return finish(-ECANCELED);
  if (again) return send_pick();
  // One that goes on picking has mostly run out because bytes came, and more may be there, or the
  // end: it gets in line at once. If there is nothing after all it polls from there.
  if (repeats_ && result == -ENOBUFS) return get_buffer();
  absorber_.reset_for_poll();
  send_poll();
}

void PooledRead::stranded() {
  if (observer_ != nullptr) observer_->read_stranded(*this);
  pool_->refuse_waiters();
}

void PooledRead::deliver(int32_t result) {
  URING_CHECK(result <= static_cast<int64_t>(length_),
              "the kernel says it read more than it was asked for");
  if (result <= 0) buffer_.reset();
  if (receiving_ && result > 0) {
    observer_->read_received(*this, std::move(buffer_), static_cast<size_t>(result));
  }
}

void PooledRead::finish(int32_t result) {
  deliver(result);
  result_ = result;
  observer_->read_completed(*this);
}

std::string PooledRead::describe() const {
  return "pooled read " + (descriptor_ ? descriptor_->name() : std::string());
}

}  // namespace uring
