// tests/simulate/end_watch.h
//
// Sees whether anybody reads on from a stream that has told its end.
//
// A pipe or socket answers a second read at its end like the first, a terminal does not: it waits
// for more. So a Reader must not ask again, and here it is seen when it does: by a look at the
// entries that are handed over and at the completions that come back.

#ifndef TESTS_SIMULATE_END_WATCH_H_
#define TESTS_SIMULATE_END_WATCH_H_

#include <liburing.h>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace bufio::simulate {

class EndWatch {
 public:
  // `fd` stands for another stream, or for one that somebody else goes on with.
  void begin(int fd) {
    std::erase(ended_, fd);
    std::erase_if(reads_, [fd](const Read& read) { return read.fd == fd; });
  }

  // Before entering: the entries that have not been taken.
  void look_at_entries(const io_uring& ring) {
    for (unsigned at = *ring.sq.khead; at != *ring.sq.ktail; ++at) {
      const io_uring_sqe& entry = ring.sq.sqes[at & ring.sq.ring_mask];
      if (!reads_stream(entry)) continue;
      if (std::find(ended_.begin(), ended_.end(), entry.fd) != ended_.end()) asked_again_ = true;
      const Read read = {ring.ring_fd, entry.user_data, entry.fd};
      if (std::find(reads_.begin(), reads_.end(), read) == reads_.end()) reads_.push_back(read);
    }
  }

  // After entering: the completions that have not been reaped.
  void look_at_completions(const io_uring& ring) {
    for (unsigned at = *ring.cq.khead; at != *ring.cq.ktail; ++at) {
      const io_uring_cqe& completion = ring.cq.cqes[at & ring.cq.ring_mask];
      const auto read = std::find_if(reads_.begin(), reads_.end(), [&](const Read& r) {
        return r.ring == ring.ring_fd && r.user_data == completion.user_data;
      });
      if (read == reads_.end()) continue;
      if (completion.res == 0) ended_.push_back(read->fd);
      reads_.erase(read);
    }
  }

  bool asked_again() const { return asked_again_; }

 private:
  struct Read {
    int ring;
    uint64_t user_data;
    int fd;
    bool operator==(const Read&) const = default;
  };

  static bool reads_stream(const io_uring_sqe& entry) {
    const bool at_position = entry.opcode == IORING_OP_READ || entry.opcode == IORING_OP_READ_FIXED;
    return entry.opcode == IORING_OP_RECV || (at_position && entry.off == UINT64_MAX);
  }

  std::vector<Read> reads_;
  std::vector<int> ended_;
  bool asked_again_ = false;
};

}  // namespace bufio::simulate

#endif  // TESTS_SIMULATE_END_WATCH_H_
