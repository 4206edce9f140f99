// uring/pool_core.h
//
// The heap half of a BufferPool: the memory, who has which part of it, and who waits. For those who
// implement requests; users of the library hold a BufferPool (buffer_pool.h).
//
// One allocation, cut into slots of one buffer each:
//
//   [ headroom | buffer_size bytes, on a cache line | 64 bytes of padding ]
//
// The headroom is for a token's first part (bufio/window.h), the padding for parsers that load
// whole vectors. Of each slot, one of these is true:
//
//   free          nobody has it
//   with kernel   in the provided-buffer ring: the kernel's, until a completion names it
//   lent          somebody has a share in its uring::Buffer; the last one brings it back
//
// A buffer that comes back goes to whoever waits longest, and only when nobody waits to the kernel
// or among the free. So a request that waits is never overtaken, neither by a later one nor by the
// kernel's own picking, and whoever holds nothing gets its turn. Before anybody gets in line, extra
// buffers are made, as many as the pool may have: each in memory of its own, never the kernel's to
// pick, freed with its last share.
//
// Shared by the pool's handle, by every buffer that is lent, and by every request that may pick
// one: so memory and registration outlive the last request that the kernel may still serve with
// them. What a Ring leaks keeps its share, and the pool's memory is leaked with it. Belongs to its
// Ring's thread; outlives the Ring. Costs one or two system calls to make and to free; a buffer's
// trip costs none, and no allocation.

#ifndef URING_POOL_CORE_H_
#define URING_POOL_CORE_H_

#include <liburing.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "uring/buffer.h"
#include "uring/list.h"
#include "uring/pool_options.h"
#include "uring/ref.h"
#include "uring/ring_core.h"

namespace uring {

struct PoolLineTag;

// Somebody in line for a buffer. Leaves the line by itself when it is destroyed.
class BufferWaiter : public ListNode<PoolLineTag> {
 public:
  bool in_line() const { return ListNode<PoolLineTag>::linked(); }
  void leave_line() { ListNode<PoolLineTag>::unlink(); }

 protected:
  virtual ~BufferWaiter() = default;

 private:
  friend class PoolCore;
  // Your turn. Null: the Ring cannot go on, and there will be none. Called wherever a buffer is
  // dropped: must not resume coroutines.
  virtual void granted(Ref<Buffer> buffer) = 0;
};

class PoolCore final : public BufferHome {
 public:
  static constexpr size_t kPadding = 64;

  PoolCore(Ref<RingCore> ring, const PoolOptions& options);
  ~PoolCore() override;

  // The Ring's own pool (RingOptions::receive_pool), made by the first call. Not when the Ring
  // cannot go on.
  static Ref<PoolCore> shared(RingCore& ring);

  // A buffer, an extra one if need be, unless there is none or somebody waits already.
  Ref<Buffer> try_take();
  // The same; null: `waiter` is in line now.
  Ref<Buffer> take(BufferWaiter& waiter);
  // The Ring cannot go on: whoever waits is told so.
  void refuse_waiters();

  // Whether a request may leave it to the kernel to pick a buffer. Lends it some if there is cause.
  bool kernel_can_pick();
  // Such a request is on its way; it names this group.
  uint16_t begin_pick();
  // A completion of it said this: the buffer that it was given, or null.
  Ref<Buffer> picked(int32_t result, uint32_t flags);
  // It is over, or never reached the kernel.
  void end_pick() { --picks_; }

  // Whether one request can pick again and again (multishot, Linux 6.0), as far as we know: until
  // one has done so it is worth a try.
  enum class Repeats : uint8_t { kPerhaps, kYes, kNo };
  Repeats repeats() const { return repeats_; }
  void set_repeats(Repeats repeats) { repeats_ = repeats; }

  // Whether a buffer may stay where nobody looks at it. While this is asked first, whoever is
  // silent keeps a quarter of the pool from the others at most, and none while somebody waits.
  bool plentiful() const override { return line_.empty() && 4 * stats_.lent <= stats_.buffers; }

  // Where in a buffer the bytes go, and how many.
  size_t headroom() const { return headroom_; }
  size_t buffer_size() const { return stats_.buffer_size; }
  RingCore& ring() const { return *ring_; }
  PoolStats stats() const;

 private:
  enum class Slot : uint8_t { kFree, kWithKernel, kLent };

  void returned(Buffer& buffer) override;
  bool register_provided();
  bool kernel_may_have_more() const;
  void provide(size_t slot);
  void take_all_back();
  size_t take_free();
  Ref<Buffer> lend_slot(size_t slot);
  Ref<Buffer> lend_extra();
  void extra_returned(Buffer& buffer);
  char* memory_of(size_t slot) const { return arena_->data() + slot * stride_; }

  Ref<RingCore> ring_;
  size_t headroom_;
  size_t stride_;
  Ref<Buffer> arena_;
  std::vector<Slot> slots_;
  std::vector<Buffer> buffers_;  // one for each slot; never moved
  std::vector<uint32_t> free_;
  List<BufferWaiter, PoolLineTag> line_;

  struct Extra {
    Ref<Buffer> memory;
    std::unique_ptr<Buffer> lent;
  };
  std::unordered_map<const Buffer*, Extra> extra_;  // by what is lent
  size_t most_extra_;

  Ref<Buffer> provided_memory_;  // of provided_; null: there is none
  io_uring_buf_ring* provided_ = nullptr;
  int provided_mask_ = 0;
  uint16_t group_ = 0;
  size_t kernel_share_;  // the most that are lent to the kernel
  // How many are lent while few are picking; it uses them one after the other, all of them, and so
  // few stay in the processor's cache. Doubled whenever it runs out.
  size_t kernel_few_;
  bool lending_ = false;  // somebody has left the picking to the kernel
  // Kernels differ in what a completion says of a buffer when it brings an error: some name one
  // that they keep, some one that is gone. Returned twice it would be given to two streams. So it
  // counts as the kernel's, until nobody is picking and all can be taken back.
  bool doubtful_ = false;
  size_t picks_ = 0;  // requests on their way that may pick
  Repeats repeats_ = Repeats::kPerhaps;
  pid_t process_;

  PoolStats stats_;
};

}  // namespace uring

#endif  // URING_POOL_CORE_H_
