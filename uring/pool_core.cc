#include "uring/pool_core.h"

#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>

#include "uring/check.h"
#include "uring/sanitizer.h"

namespace uring {
namespace {

constexpr size_t kCacheLine = 64;
// The kernel registers no more than this at once, has no more entries in a buffer ring, and numbers
// buffers and groups with 16 bits.
constexpr size_t kLargestRegistered = size_t{1} << 30;
constexpr size_t kMostProvided = size_t{1} << 15;
constexpr size_t kNumbers = size_t{1} << 16;
constexpr size_t kFewProvided = 64;

size_t round_up(size_t n, size_t unit) { return (n + unit - 1) / unit * unit; }

BufferKind arena_kind(PoolMode mode, size_t size) {
  bool wanted = mode == PoolMode::kAuto || mode == PoolMode::kRegistered;
  return wanted && size <= kLargestRegistered ? BufferKind::kFixed : BufferKind::kHeap;
}

}  // namespace

PoolCore::PoolCore(Ref<RingCore> ring, const PoolOptions& options)
    : ring_(std::move(ring)),
      headroom_(round_up(options.buffer_size / 8 + 1, kCacheLine)),
      stride_(round_up(headroom_ + options.buffer_size + kPadding, kCacheLine)),
      most_extra_(options.extra_buffers),
      kernel_share_(std::min(options.buffers / 2, kMostProvided)),
      kernel_few_(kFewProvided),
      process_(getpid()) {
  ring_->check_thread("BufferPool");
  URING_CHECK(options.buffers > 0 && options.buffers <= UINT32_MAX, "a pool has no buffers");
  URING_CHECK(options.buffer_size > 0 && options.buffer_size <= UINT32_MAX,
              "a pool's buffers have no room");
  size_t size = options.buffers * stride_;
  arena_ = ring_->buffers().allocate(size, arena_kind(options.mode, size));
  poison(arena_->data(), arena_->size());
  slots_.resize(options.buffers, Slot::kFree);
  buffers_.reserve(options.buffers);
  for (size_t slot = 0; slot < options.buffers; ++slot) {
    buffers_.emplace_back(*this, memory_of(slot), stride_, arena_->kind(), Pages::kOrdinary);
    if (arena_->fixed_index() != Buffer::kNotFixed) {
      buffers_.back().set_fixed(arena_->fixed_index());
    }
  }
  free_.reserve(options.buffers);
  for (size_t slot = options.buffers; slot > 0; --slot) {
    free_.push_back(static_cast<uint32_t>(slot - 1));
  }
  stats_.buffers = options.buffers;
  stats_.buffer_size = options.buffer_size;
  stats_.registered = arena_->fixed_index() != Buffer::kNotFixed;
  bool wanted = options.mode == PoolMode::kAuto || options.mode == PoolMode::kProvided;
  bool possible = kernel_share_ > 0 && options.buffers <= kNumbers;
  stats_.provided = wanted && possible && register_provided();
}

Ref<PoolCore> PoolCore::shared(RingCore& ring) {
  Ref<BufferHome>& pool = ring.receive_pool();
  if (!pool) pool = make_ref<PoolCore>(Ref<RingCore>(&ring), ring.receive_pool_options());
  return Ref<PoolCore>(static_cast<PoolCore*>(pool.get()));
}

// Nobody is left who could have the kernel write here. Where the kernel may nevertheless have the
// memory still (we are a forked child, or on another thread), it stays.
PoolCore::~PoolCore() {
  unpoison(arena_->data(), arena_->size());
  if (provided_ == nullptr || ring_->closed()) return;
  io_uring_buf_reg group;
  std::memset(&group, 0, sizeof group);
  group.bgid = group_;
  bool ours = getpid() == process_;
  if (ours && ring_->register_with(IORING_UNREGISTER_PBUF_RING, &group, 1) >= 0) return;
  arena_.leak();
  provided_memory_.leak();
}

// Buffers are whole or nothing: neither filled piece by piece (IOU_PBUF_RING_INC) nor several in a
// completion (IORING_RECVSEND_BUNDLE). Kernels up to 6.19 have delivered bytes of both out of order
// or from the wrong place (liburing#1409, #1423, #1433, #1619).
bool PoolCore::register_provided() {
  size_t entries = std::bit_ceil(kernel_share_);
  Ref<Buffer> memory = ring_->buffers().allocate(entries * sizeof(io_uring_buf), BufferKind::kHeap);
  std::memset(memory->data(), 0, memory->size());
  io_uring_buf_reg group;
  std::memset(&group, 0, sizeof group);
  group.ring_addr = reinterpret_cast<__u64>(memory->data());
  group.ring_entries = static_cast<unsigned>(entries);
  // Others may have groups on this ring; the first number that is free is ours.
  int error = -EEXIST;
  for (size_t number = 0; error == -EEXIST && number < kNumbers; ++number) {
    group.bgid = static_cast<uint16_t>(number);
    error = ring_->register_with(IORING_REGISTER_PBUF_RING, &group, 1);
  }
  if (error < 0) return false;
  group_ = group.bgid;
  provided_memory_ = std::move(memory);
  provided_ = reinterpret_cast<io_uring_buf_ring*>(provided_memory_->data());
  provided_mask_ = io_uring_buf_ring_mask(static_cast<unsigned>(entries));
  return true;
}

void PoolCore::provide(size_t slot) {
  slots_[slot] = Slot::kWithKernel;
  ++stats_.with_kernel;
  io_uring_buf_ring_add(provided_, memory_of(slot) + headroom_,
                        static_cast<unsigned>(stats_.buffer_size),
                        static_cast<unsigned short>(slot), provided_mask_, 0);
  io_uring_buf_ring_advance(provided_, 1);
}

Ref<Buffer> PoolCore::lend_slot(size_t slot) {
  slots_[slot] = Slot::kLent;
  ++stats_.lent;
  ++stats_.handed_out;
  return lend(buffers_[slot]);
}

// The one that came last: its lines are the likeliest to be in the processor's cache. Under
// AddressSanitizer the one that came first, so that stale views of the others are found for longer.
size_t PoolCore::take_free() {
  size_t slot = kAddressSanitizer ? free_.front() : free_.back();
  if (kAddressSanitizer) {
    free_.erase(free_.begin());
  } else {
    free_.pop_back();
  }
  return slot;
}

Ref<Buffer> PoolCore::lend_extra() {
  if (extra_.size() >= most_extra_) return nullptr;
  Ref<Buffer> memory = ring_->buffers().allocate(stride_, BufferKind::kHeap);
  auto made =
      std::make_unique<Buffer>(*this, memory->data(), stride_, BufferKind::kHeap, Pages::kOrdinary);
  Buffer& buffer = *made;
  extra_.emplace(&buffer, Extra{std::move(memory), std::move(made)});
  ++stats_.handed_out;
  return lend(buffer);
}

Ref<Buffer> PoolCore::try_take() {
  if (!line_.empty()) return nullptr;
  return free_.empty() ? lend_extra() : lend_slot(take_free());
}

Ref<Buffer> PoolCore::take(BufferWaiter& waiter) {
  Ref<Buffer> buffer = try_take();
  if (buffer) return buffer;
  line_.push_back(waiter);
  ++stats_.waits;
  return nullptr;
}

void PoolCore::refuse_waiters() {
  while (BufferWaiter* waiter = line_.pop_front()) waiter->granted(nullptr);
}

// Only a pool that serves sockets lends to the kernel, for what it has cannot be taken back. Never
// all: others must find buffers while the kernel sits on its own.
bool PoolCore::kernel_can_pick() {
  if (doubtful_ && picks_ == 0) take_all_back();
  if (provided_ == nullptr) return false;
  lending_ = true;
  while (kernel_may_have_more() && !free_.empty() && line_.empty()) provide(take_free());
  return stats_.with_kernel > 0;
}

bool PoolCore::kernel_may_have_more() const {
  return stats_.with_kernel < std::min(kernel_share_, std::max(kernel_few_, 2 * picks_));
}

uint16_t PoolCore::begin_pick() {
  ++picks_;
  return group_;
}

Ref<Buffer> PoolCore::picked(int32_t result, uint32_t flags) {
  if (result == -ENOBUFS) {
    ++stats_.dry;
    kernel_few_ = std::min(2 * kernel_few_, kMostProvided);
  }
  bool named = (flags & IORING_CQE_F_BUFFER) != 0;
  size_t slot = flags >> IORING_CQE_BUFFER_SHIFT;
  bool had = named && slot < slots_.size() && slots_[slot] == Slot::kWithKernel;
  if (result < 0 || !had) {
    doubtful_ |= named || result > 0;
    return nullptr;
  }
  --stats_.with_kernel;
  return lend_slot(slot);
}

// Nobody is picking: what no completion has named for good is ours once the group is gone.
void PoolCore::take_all_back() {
  io_uring_buf_reg group;
  std::memset(&group, 0, sizeof group);
  group.bgid = group_;
  if (ring_->register_with(IORING_UNREGISTER_PBUF_RING, &group, 1) < 0) return;
  doubtful_ = false;
  provided_ = nullptr;
  provided_memory_.reset();
  for (size_t slot = 0; slot < slots_.size(); ++slot) {
    if (slots_[slot] != Slot::kWithKernel) continue;
    slots_[slot] = Slot::kFree;
    --stats_.with_kernel;
    free_.push_back(static_cast<uint32_t>(slot));
  }
  stats_.provided = register_provided();
  lending_ &= stats_.provided;
}

void PoolCore::extra_returned(Buffer& buffer) {
  const bool ring_goes_on = ring_->status().ok();
  if (ring_goes_on && !line_.empty()) {
    ++stats_.handed_out;
    line_.pop_front()->granted(lend(buffer));
    return;
  }
  extra_.erase(&buffer);
  if (!ring_goes_on && !ring_->closed()) refuse_waiters();
}

void PoolCore::returned(Buffer& buffer) {
  if (!extra_.empty() && extra_.contains(&buffer)) return extra_returned(buffer);
  auto slot = static_cast<size_t>(&buffer - buffers_.data());
  poison(buffer.data(), stride_);
  slots_[slot] = Slot::kFree;
  --stats_.lent;
  bool ring_goes_on = ring_->status().ok();
  if (ring_goes_on && !line_.empty()) {
    line_.pop_front()->granted(lend_slot(slot));
    return;
  }
  free_.push_back(static_cast<uint32_t>(slot));
  if (!ring_goes_on) {
    if (!ring_->closed()) refuse_waiters();
  } else if (lending_ && kernel_may_have_more()) {
    provide(take_free());
  }
}

PoolStats PoolCore::stats() const {
  PoolStats stats = stats_;
  stats.free = free_.size();
  stats.extra = extra_.size();
  line_.for_each([&stats](BufferWaiter&) { ++stats.waiting; });
  return stats;
}

}  // namespace uring
