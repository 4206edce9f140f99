#include "bufio/receiving_source.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

#include "bufio/descriptor_calls.h"
#include "uring/sanitizer.h"
#include "uring/status.h"

namespace bufio {
namespace {

// Pieces that nobody has asked for and that may stay in the pool's buffers.
constexpr uint32_t kMostPooled = 4;
constexpr size_t kMostUnasked = size_t{64} << 10;
constexpr size_t kSmallestAside = 2048;

}  // namespace

ReceivingSource::ReceivingSource(uring::Ref<uring::PoolCore> pool,
                                 uring::Ref<uring::Descriptor> descriptor,
                                 const ReaderOptions& options)
    : ReaderState(uring::Ref<uring::RingCore>(&pool->ring()), options),
      pool_(std::move(pool)),
      descriptor_(std::move(descriptor)) {
  const size_t size = pool_->buffer_size();
  read_size_ =
      static_cast<uint32_t>(options.read_size != 0 ? std::min(options.read_size, size) : size);
}

ReaderStats ReceivingSource::stats() const {
  ReaderStats stats;
  stats.reads = reads_;
  stats.bytes = bytes_;
  stats.copied_bytes = copied_ + window().copied_bytes();
  return stats;
}

// --- bytes ---------------------------------------------------------------------------------------

ReaderState::Supply ReceivingSource::supply() {
  if (first_ < pieces_.size()) {
    take_piece();
    return Supply::kMore;
  }
  if (phase_ == Phase::kOver) {
    take_end();
    return Supply::kMore;
  }
  if (!ring()->status().ok()) {
    set_error(uring::annotate(ring()->status(), where()));
    return Supply::kMore;
  }
  // A buffer of which nothing is left goes back in any case.
  if (window().available() == 0 || !pool_->plentiful()) window().move_out_of(*pool_, buffers());
  if (phase_ == Phase::kIdle) {
    if (!read_) {
      read_ =
          uring::make_ref<uring::PooledRead>(pool_, descriptor_, uring::ReadKind::kSocket, *this);
    }
    phase_ = Phase::kReceiving;
    cancelled_ = false;
    ++reads_;
    read_->receive(read_size_);
  }
  return Supply::kLater;
}

// Gives the window the oldest piece, or as much of it as the limit allows.
void ReceivingSource::take_piece() {
  Piece& piece = pieces_[first_];
  size_t limit = buffer_limit();
  size_t allowed = limit - std::min(limit, window().available());
  auto step = static_cast<uint32_t>(std::min<size_t>(piece.left, allowed));
  window().append(piece.buffer, piece.at, step, buffers());
  piece.at += step;
  piece.left -= step;
  unasked_ -= step;
  if (piece.left == 0) drop_piece();
}

void ReceivingSource::drop_piece() {
  Piece& piece = pieces_[first_];
  if (piece.buffer->came_from(*pool_)) --pooled_;
  piece.buffer.reset();
  if (++first_ < pieces_.size()) return;
  pieces_.clear();
  first_ = 0;
}

// No call comes here any more, so this is the last chance to give a buffer back.
void ReceivingSource::take_end() {
  window().move_out_of(*pool_, buffers());
  if (result_ == 0) return set_ended(true);
  const absl::Status& ring_status = ring()->status();
  bool ring_gone = result_ == -ECANCELED && !ring_status.ok();
  set_error(ring_gone ? uring::annotate(ring_status, where())
                      : uring::errno_status(-result_, "read", name()));
}

void ReceivingSource::read_received(uring::PooledRead&, uring::Ref<uring::Buffer> buffer,
                                    size_t size) {
  bytes_ += size;
  if (first_ == pieces_.size() && awaited() && !final()) {
    reclaim_window();  // progress() will lend it again
    if (size + window().available() <= buffer_limit()) {
      window().append(buffer, pool_->headroom(), size, buffers());
      return progress();
    }
  }
  unasked_ += size;
  ++pooled_;
  // The queue may never be empty, and its gone ones must not pile up.
  if (pieces_.size() == pieces_.capacity() && 2 * first_ >= pieces_.size()) {
    pieces_.erase(pieces_.begin(), pieces_.begin() + static_cast<ptrdiff_t>(first_));
    first_ = 0;
  }
  pieces_.push_back({std::move(buffer), static_cast<uint32_t>(pool_->headroom()),
                     static_cast<uint32_t>(size), 0});
  progress();
  if (unasked_ == 0) return;
  if (pooled_ > kMostPooled || !pool_->plentiful()) put_aside();
  // Nobody drains: what has not come yet stays where it is.
  size_t most = std::max(kMostUnasked, 2 * pool_->buffer_size());
  bool full = unasked_ >= most || unasked_ + window().available() >= buffer_limit();
  if (!full || cancelled_) return;
  cancelled_ = true;
  read_->cancel();
}

// Moves the newest piece to memory of the Reader's own, behind the one before it if there is room.
void ReceivingSource::put_aside() {
  Piece& piece = pieces_.back();
  const char* bytes = piece.buffer->data() + piece.at;
  uring::unpoison(bytes, piece.left);
  Piece* before = pieces_.size() - first_ > 1 ? &piece - 1 : nullptr;
  if (before != nullptr && before->room >= piece.left) {
    char* to = before->buffer->data() + before->at + before->left;
    uring::unpoison(to, piece.left);
    std::memcpy(to, bytes, piece.left);
    before->left += piece.left;
    before->room -= piece.left;
    copied_ += piece.left;
    --pooled_;
    pieces_.pop_back();
    return;
  }
  size_t size = std::max({kSmallestAside, size_t{piece.left}, std::min(unasked_, kMostUnasked)});
  Window::Target own =
      Window::separate(buffers(), BufferKind::kHeap, uring::Pages::kOrdinary, size);
  std::memcpy(own.buffer->data() + own.offset, bytes, piece.left);
  copied_ += piece.left;
  --pooled_;
  piece.buffer = std::move(own.buffer);
  piece.at = static_cast<uint32_t>(own.offset);
  piece.room = static_cast<uint32_t>(own.length) - piece.left;
}

void ReceivingSource::read_completed(uring::PooledRead& read) {
  int32_t result = read.result();
  bool stopped = cancelled_ && (result == -ECANCELED || result == -EINTR);
  phase_ = result > 0 || stopped ? Phase::kIdle : Phase::kOver;
  result_ = result;
  progress();
}

void ReceivingSource::read_stranded(uring::PooledRead&) {
  set_error(uring::annotate(ring()->status(), where()));
  progress();
}

// --- the end -------------------------------------------------------------------------------------

bool ReceivingSource::quiesce() {
  if (phase_ == Phase::kReceiving) {
    cancelled_ = true;
    read_->cancel();
    if (read_->at_rest()) phase_ = Phase::kIdle;
  }
  return phase_ != Phase::kReceiving || !ring()->status().ok();
}

// They are nowhere else.
void ReceivingSource::collect() {
  while (first_ < pieces_.size()) {
    const Piece& piece = pieces_[first_];
    window().append(piece.buffer, piece.at, piece.left, buffers());
    unasked_ -= piece.left;
    drop_piece();
  }
}

uring::Ref<uring::Descriptor> ReceivingSource::take_descriptor() {
  if (phase_ == Phase::kReceiving) {
    // The Ring cannot go on: the request keeps the descriptor, for ever.
    set_error(uring::annotate(ring()->status(), where()));
    return nullptr;
  }
  read_.reset();
  return give_away(descriptor_);
}

void ReceivingSource::retire() {
  pieces_.clear();
  first_ = 0;
  unasked_ = 0;
  if (read_) read_->let_go();
  read_.reset();
}

}  // namespace bufio
