#include "bufio/pooled_source.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "uring/status.h"

namespace bufio {

PooledSource::PooledSource(uring::Ref<uring::PoolCore> pool,
                           uring::Ref<uring::Descriptor> descriptor,
                           const uring::DescriptorKind& kind, const ReaderOptions& options)
    : PositionedSource(uring::Ref<uring::RingCore>(&pool->ring()), std::move(descriptor), kind,
                       options),
      pool_(std::move(pool)),
      read_size_(options.read_size != 0 ? std::min(options.read_size, pool_->buffer_size())
                                        : pool_->buffer_size()) {}

ReaderStats PooledSource::stats() const {
  ReaderStats stats = stats_;
  stats.copied_bytes += window().copied_bytes();
  return stats;
}

// --- bytes ---------------------------------------------------------------------------------------

ReaderState::Supply PooledSource::supply() {
  if (phase_ == Phase::kArrived) {
    take_arrived();
    return Supply::kMore;
  }
  if (!ring()->status().ok()) {
    set_error(uring::annotate(ring()->status(), where()));
    return Supply::kMore;
  }
  if (phase_ == Phase::kNone) send();
  return Supply::kLater;
}

void PooledSource::send() {
  window().move_out_of(*pool_, buffers());
  if (!read_) read_ = uring::make_ref<uring::PooledRead>(pool_, descriptor(), kind().read, *this);
  phase_ = Phase::kUnderWay;
  cancelled_ = false;
  ++stats_.reads;
  read_->read(read_size_, next_position_);
}

void PooledSource::read_completed(uring::PooledRead& read) {
  if (&read != read_.get()) {
    std::erase_if(orphans_, [&read](const auto& orphan) { return orphan.get() == &read; });
    progress();
    return;
  }
  phase_ = Phase::kArrived;
  result_ = read.result();
  if (result_ > 0) {
    arrived_ = read.take_buffer();
    arrived_at_ = pool_->headroom();
    arrived_left_ = static_cast<size_t>(result_);
    stats_.bytes += arrived_left_;
    next_position_ += arrived_left_;
    if (!awaited()) {
      // Nobody waits any more, and who knows when somebody will: others need the buffer.
      Window::Target own =
          Window::separate(buffers(), BufferKind::kHeap, uring::Pages::kOrdinary, arrived_left_);
      uring::unpoison(arrived_->data() + arrived_at_, arrived_left_);
      std::memcpy(own.buffer->data() + own.offset, arrived_->data() + arrived_at_, arrived_left_);
      stats_.copied_bytes += arrived_left_;
      arrived_ = std::move(own.buffer);
      arrived_at_ = own.offset;
    }
  }
  progress();
}

void PooledSource::read_stranded(uring::PooledRead&) {
  set_error(uring::annotate(ring()->status(), where()));
  progress();
}

// Gives the window what has arrived, or as much of it as the limit allows.
void PooledSource::take_arrived() {
  if (result_ < 0) return read_failed(-result_);
  if (result_ == 0) {
    phase_ = Phase::kNone;
    set_ended(true);
    return;
  }
  size_t limit = buffer_limit();
  size_t allowed = limit - std::min(limit, window().available());
  size_t step = std::min(arrived_left_, allowed);
  window().append(arrived_, arrived_at_, step, buffers());
  arrived_at_ += step;
  arrived_left_ -= step;
  if (arrived_left_ > 0) return;
  arrived_.reset();
  phase_ = Phase::kNone;
}

void PooledSource::read_failed(int error) {
  phase_ = Phase::kNone;
  if (cancelled_ && (error == ECANCELED || error == EINTR)) return;
  const absl::Status& ring_status = ring()->status();
  bool ring_gone = error == ECANCELED && !ring_status.ok();
  set_error(ring_gone ? uring::annotate(ring_status, where())
                      : uring::errno_status(error, "read", name()));
}

// Forgets the read; what is in flight becomes an orphan, and its buffer goes back when it ends.
void PooledSource::drop_reads() {
  if (phase_ == Phase::kArrived) stats_.wasted_bytes += arrived_left_;
  arrived_.reset();
  arrived_left_ = 0;
  if (phase_ == Phase::kUnderWay) {
    read_->give_up();
    if (!read_->at_rest()) orphans_.push_back(std::move(read_));
  }
  phase_ = Phase::kNone;
}

// --- the end -------------------------------------------------------------------------------------

bool PooledSource::quiesce() {
  bool under_way = phase_ == Phase::kUnderWay;
  if (under_way && !std::exchange(cancelled_, true)) {
    read_->cancel();
    under_way = !read_->at_rest();
    if (!under_way) phase_ = Phase::kNone;
  }
  return (orphans_.empty() && !under_way) || !ring()->status().ok();
}

// A stream's bytes are nowhere else; a file's can be read again.
void PooledSource::collect() {
  if (positional()) return drop_reads();
  if (phase_ != Phase::kArrived || result_ <= 0) return;
  window().append(arrived_, arrived_at_, arrived_left_, buffers());
  arrived_.reset();
  phase_ = Phase::kNone;
}

void PooledSource::retire() {
  drop_reads();
  for (const auto& orphan : orphans_) orphan->let_go();
  orphans_.clear();
  if (read_) read_->let_go();
  read_.reset();
}

}  // namespace bufio
