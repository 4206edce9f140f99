#include "uring/buffer_pool.h"

#include <cerrno>
#include <utility>

#include "uring/status.h"

namespace uring {
namespace {

PooledBuffer empty_buffer(Ref<Buffer> buffer, const PoolCore& pool) {
  return PooledBuffer(std::move(buffer), pool.headroom(), 0, pool.buffer_size());
}

}  // namespace

BufferPool::BufferPool(Ring& ring, PoolOptions options)
    : core_(make_ref<PoolCore>(Ref<RingCore>(&ring.core()), options)) {}

std::optional<PooledBuffer> BufferPool::try_acquire() {
  Ref<Buffer> buffer = core_->try_take();
  if (!buffer) return std::nullopt;
  return empty_buffer(std::move(buffer), *core_);
}

BufferPool receive_pool(Ring& ring) { return BufferPool(PoolCore::shared(ring.core())); }

// --- reads ---------------------------------------------------------------------------------------

PooledReadAwaiter::PooledReadAwaiter(Ref<PoolCore> pool, Ref<Descriptor> descriptor, ReadKind kind,
                                     uint64_t position)
    : pool_(std::move(pool)),
      descriptor_(std::move(descriptor)),
      position_(position),
      kind_(kind) {}

PooledReadAwaiter::PooledReadAwaiter(PooledReadAwaiter&& other) noexcept
    : pool_(std::move(other.pool_)),
      descriptor_(std::move(other.descriptor_)),
      position_(other.position_),
      kind_(other.kind_) {}

PooledReadAwaiter::~PooledReadAwaiter() {
  if (read_) read_->let_go();
}

bool PooledReadAwaiter::await_suspend(std::coroutine_handle<> waiting) {
  if (!pool_->ring().status().ok()) return false;
  waiter_.set_handle(waiting);
  read_ =
      make_ref<PooledRead>(pool_, descriptor_, kind_, static_cast<PooledRead::Observer&>(*this));
  read_->read(pool_->buffer_size(), position_);
  return true;
}

void PooledReadAwaiter::read_completed(PooledRead&) { pool_->ring().make_ready(waiter_); }
void PooledReadAwaiter::read_stranded(PooledRead&) { pool_->ring().make_ready(waiter_); }

absl::StatusOr<PooledBuffer> PooledReadAwaiter::await_resume() {
  bool over = read_ && read_->at_rest();
  int32_t result = over ? read_->result() : -ECANCELED;
  if (result > 0) {
    return PooledBuffer(read_->take_buffer(), pool_->headroom(), static_cast<size_t>(result),
                        pool_->buffer_size());
  }
  if (result == 0) return PooledBuffer();
  const absl::Status& ring = pool_->ring().status();
  if (result == -ECANCELED && !ring.ok()) return annotate(ring, "read " + descriptor_->name());
  return errno_status(-result, "read", descriptor_->name());
}

// --- buffers to fill -----------------------------------------------------------------------------

AcquireAwaiter::AcquireAwaiter(Ref<PoolCore> pool) : pool_(std::move(pool)) {}
AcquireAwaiter::AcquireAwaiter(AcquireAwaiter&& other) noexcept : pool_(std::move(other.pool_)) {}

bool AcquireAwaiter::await_ready() {
  buffer_ = pool_->try_take();
  return static_cast<bool>(buffer_);
}

bool AcquireAwaiter::await_suspend(std::coroutine_handle<> waiting) {
  if (!pool_->ring().status().ok()) return false;
  waiter_.set_handle(waiting);
  buffer_ = pool_->take(*this);
  return !buffer_;
}

void AcquireAwaiter::granted(Ref<Buffer> buffer) {
  buffer_ = std::move(buffer);
  pool_->ring().make_ready(waiter_);
}

absl::StatusOr<PooledBuffer> AcquireAwaiter::await_resume() {
  if (!buffer_) return annotate(pool_->ring().status(), "a buffer of a pool");
  return empty_buffer(std::move(buffer_), *pool_);
}

}  // namespace uring
