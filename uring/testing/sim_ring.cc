#include "uring/testing/sim_ring.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace uring::testing {
namespace {

template <class T>
T* zeroed(size_t count) {
  void* memory = std::calloc(count, sizeof(T));
  if (memory == nullptr) std::abort();
  return static_cast<T*>(memory);
}

// Behind the group's number; liburing up to 2.3 calls it `pad`, and later ones `flags`.
uint16_t flags_of(const io_uring_buf_reg& registration) {
  uint16_t flags = 0;
  const char* bytes = reinterpret_cast<const char*>(&registration);
  std::memcpy(&flags, bytes + offsetof(io_uring_buf_reg, bgid) + sizeof registration.bgid,
              sizeof flags);
  return flags;
}

}  // namespace

SimRing::SimRing(int number, unsigned submission_entries, unsigned completion_entries,
                 unsigned flags)
    : number_(number),
      flags_(flags),
      completion_entries_(completion_entries),
      shared_(zeroed<Shared>(1)),
      array_(zeroed<unsigned>(submission_entries)),
      submissions_(zeroed<io_uring_sqe>(submission_entries)),
      completions_(zeroed<io_uring_cqe>(completion_entries)) {
  shared_->sq_entries = submission_entries;
  shared_->sq_mask = submission_entries - 1;
  shared_->cq_entries = completion_entries;
  shared_->cq_mask = completion_entries - 1;
  for (unsigned i = 0; i < submission_entries; ++i) array_.get()[i] = i;
}

void SimRing::describe(io_uring& ring, unsigned features) {
  std::memset(&ring, 0, sizeof ring);
  Shared& shared = *shared_;
  io_uring_sq& sq = ring.sq;
  sq.khead = &shared.sq_head;
  sq.ktail = &shared.sq_tail;
  sq.kring_mask = &shared.sq_mask;
  sq.kring_entries = &shared.sq_entries;
  sq.kflags = &shared.sq_flags;
  sq.kdropped = &shared.sq_dropped;
  sq.array = array_.get();
  sq.sqes = submissions_.get();
  sq.ring_ptr = this;
  sq.ring_mask = shared.sq_mask;
  sq.ring_entries = shared.sq_entries;
  io_uring_cq& cq = ring.cq;
  cq.khead = &shared.cq_head;
  cq.ktail = &shared.cq_tail;
  cq.kring_mask = &shared.cq_mask;
  cq.kring_entries = &shared.cq_entries;
  cq.kflags = &shared.cq_flags;
  cq.koverflow = &shared.cq_overflow;
  cq.cqes = completions_.get();
  cq.ring_mask = shared.cq_mask;
  cq.ring_entries = shared.cq_entries;
  ring.flags = flags_;
  ring.features = features;
  ring.ring_fd = number_;
  ring.enter_ring_fd = number_;
}

unsigned SimRing::queued() const {
  return io_uring_smp_load_acquire(&shared_->sq_tail) - shared_->sq_head;
}

const io_uring_sqe& SimRing::take() {
  unsigned index = array_.get()[shared_->sq_head & shared_->sq_mask] & shared_->sq_mask;
  io_uring_smp_store_release(&shared_->sq_head, shared_->sq_head + 1);
  return submissions_.get()[index];
}

unsigned SimRing::ready() const {
  return shared_->cq_tail - io_uring_smp_load_acquire(&shared_->cq_head);
}

bool SimRing::post(const SimCompletion& completion) {
  if (full()) {
    overflow_.push_back(completion);
    shared_->sq_flags |= IORING_SQ_CQ_OVERFLOW;
    return false;
  }
  io_uring_cqe& entry = completions_.get()[shared_->cq_tail & shared_->cq_mask];
  entry.user_data = completion.user_data;
  entry.res = completion.result;
  entry.flags = completion.flags;
  io_uring_smp_store_release(&shared_->cq_tail, shared_->cq_tail + 1);
  return true;
}

void SimRing::drop() {
  ++shared_->cq_overflow;
  dropped_ = true;
}

void SimRing::flush() {
  while (!overflow_.empty() && ready() < completion_entries_) {
    std::deque<SimCompletion> waiting = std::exchange(overflow_, {});
    SimCompletion first = waiting.front();
    waiting.pop_front();
    post(first);
    overflow_ = std::move(waiting);
  }
  if (overflow_.empty()) shared_->sq_flags &= ~IORING_SQ_CQ_OVERFLOW;
}

// --- registered buffers --------------------------------------------------------------------------

int SimRing::register_buffers(std::vector<iovec> buffers) {
  if (buffers_registered_) return -EBUSY;
  buffers_registered_ = true;
  buffers_ = std::move(buffers);
  return 0;
}

int SimRing::unregister_buffers() {
  if (!buffers_registered_) return -ENXIO;
  buffers_registered_ = false;
  buffers_.clear();
  return 0;
}

int SimRing::update_buffers(unsigned first, const iovec* buffers, unsigned count) {
  if (!buffers_registered_) return -ENXIO;
  if (count > buffers_.size() || first > buffers_.size() - count) return -EINVAL;
  std::copy_n(buffers, count, buffers_.begin() + first);
  return static_cast<int>(count);
}

bool SimRing::fixed(unsigned index, const void* data, size_t size) const {
  if (index >= buffers_.size() || buffers_[index].iov_base == nullptr) return false;
  auto begin = reinterpret_cast<uintptr_t>(buffers_[index].iov_base);
  auto at = reinterpret_cast<uintptr_t>(data);
  size_t length = buffers_[index].iov_len;
  return at >= begin && at - begin <= length && size <= length - (at - begin);
}

// --- provided buffers ----------------------------------------------------------------------------

int SimRing::add_group(const io_uring_buf_reg& registration) {
  if (flags_of(registration) != 0 || registration.resv[0] != 0) return -EINVAL;
  if (registration.ring_addr == 0) return -EFAULT;
  if (registration.ring_addr % 4096 != 0 || !std::has_single_bit(registration.ring_entries)) {
    return -EINVAL;
  }
  if (registration.ring_entries > 32768) return -EINVAL;
  if (find_group(registration.bgid) != nullptr) return -EEXIST;
  groups_.push_back({registration.bgid, 0, registration.ring_entries,
                     reinterpret_cast<io_uring_buf_ring*>(registration.ring_addr)});
  return 0;
}

int SimRing::remove_group(uint16_t group) {
  SimBufferGroup* found = find_group(group);
  if (found == nullptr) return -ENOENT;
  groups_.erase(groups_.begin() + (found - groups_.data()));
  return 0;
}

SimBufferGroup* SimRing::find_group(uint16_t group) {
  for (SimBufferGroup& candidate : groups_) {
    if (candidate.group == group) return &candidate;
  }
  return nullptr;
}

}  // namespace uring::testing
