// uring/testing/sim_ring.h
//
// The queues of one simulated ring, in ordinary memory, and what is registered with it.
//
// Laid out so that liburing's inline functions find in a `struct io_uring` what they would find
// behind the real kernel's mappings. This is the kernel's side: it takes submission entries in the
// order of the index array, posts completion entries, keeps those that find no room in a list of
// its own, and knows the registered and the provided buffers. The memory goes with the object, so a
// library that looks at a ring it gave back is caught by AddressSanitizer. Not thread-safe.

#ifndef URING_TESTING_SIM_RING_H_
#define URING_TESTING_SIM_RING_H_

#include <liburing.h>
#include <sys/uio.h>

#include <cstdint>
#include <cstdlib>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

namespace uring::testing {

struct SimCompletion {
  uint64_t user_data;
  int32_t result;
  uint32_t flags;
};

// A ring of buffers that the program provided under a group number.
struct SimBufferGroup {
  uint16_t group;
  uint16_t head;  // the next one to be taken
  uint32_t entries;
  io_uring_buf_ring* ring;
};

class SimRing {
 public:
  SimRing(int number, unsigned submission_entries, unsigned completion_entries, unsigned flags);
  SimRing(const SimRing&) = delete;
  SimRing& operator=(const SimRing&) = delete;

  // The ring that was set up as `ring`, if it was one of ours.
  static SimRing& of(const io_uring& ring) { return *static_cast<SimRing*>(ring.sq.ring_ptr); }
  // Fills in all that a program needs.
  void describe(io_uring& ring, unsigned features);

  int number() const { return number_; }
  unsigned flags() const { return flags_; }

  // --- submission entries ------------------------------------------------------------------------

  // Published and not taken yet.
  unsigned queued() const;
  // Takes the next one, of which there is one. Valid until the program may use its place again.
  const io_uring_sqe& take();

  // --- completion entries ------------------------------------------------------------------------

  // In the queue, not looked at yet.
  unsigned ready() const;
  bool full() const { return !overflow_.empty() || ready() == completion_entries_; }
  // In the queue, or, when that is full, in a list (IORING_SQ_CQ_OVERFLOW); says which.
  bool post(const SimCompletion& completion);
  // One was lost. The next wait has to say so.
  void drop();
  bool take_dropped() { return std::exchange(dropped_, false); }
  // Moves what fits from the list to the queue.
  void flush();

  // --- registered buffers ------------------------------------------------------------------------

  int register_buffers(std::vector<iovec> buffers);
  int unregister_buffers();
  int update_buffers(unsigned first, const iovec* buffers, unsigned count);
  // Whether this range is within the buffer that is registered under `index`.
  bool fixed(unsigned index, const void* data, size_t size) const;

  // --- provided buffers --------------------------------------------------------------------------

  int add_group(const io_uring_buf_reg& registration);
  int remove_group(uint16_t group);
  SimBufferGroup* find_group(uint16_t group);

 private:
  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };
  // One word for each thing that both sides see.
  struct Shared {
    unsigned sq_head, sq_tail, sq_mask, sq_entries, sq_flags, sq_dropped;
    unsigned cq_head, cq_tail, cq_mask, cq_entries, cq_flags, cq_overflow;
  };

  int number_;
  unsigned flags_;
  unsigned completion_entries_;
  bool dropped_ = false;
  std::unique_ptr<Shared, Free> shared_;
  std::unique_ptr<unsigned, Free> array_;
  std::unique_ptr<io_uring_sqe, Free> submissions_;
  std::unique_ptr<io_uring_cqe, Free> completions_;
  std::deque<SimCompletion> overflow_;
  bool buffers_registered_ = false;
  std::vector<iovec> buffers_;
  std::vector<SimBufferGroup> groups_;
};

}  // namespace uring::testing

#endif  // URING_TESTING_SIM_RING_H_
