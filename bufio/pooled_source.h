// bufio/pooled_source.h
//
// Brings the bytes of a descriptor into a window by way of a pool's buffers (uring/buffer_pool.h).
//
// A Reader on a pool has at most one of its buffers, and only with bytes in it that a call may look
// at: while a call waits it has none. So a pool of a few buffers serves thousands of streams that
// are mostly silent, and a Reader never waits for a buffer that it has itself, however small the
// pool. What that takes:
//
//   a call must read     the buffer goes back first; a partial token moves to memory of the
//   Reader's
//                        own, and in front of the next bytes when they come (or, when it is longer
//                        than a buffer's headroom, they behind it)
//   bytes come, and the call was cancelled
//                        they move to memory of the Reader's own, and the buffer goes back
//
// Views are in a pool's buffer until the next fill-class call: who keeps views of as many Readers
// as the pool has buffers (PoolOptions::extra_buffers among them), and waits for one more, waits
// for himself.
//
// Cost: as uring/pooled_read.h, plus the copying of partial tokens.

#ifndef BUFIO_POOLED_SOURCE_H_
#define BUFIO_POOLED_SOURCE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "bufio/positioned_source.h"
#include "bufio/reader_options.h"
#include "bufio/reader_state.h"
#include "uring/descriptor.h"
#include "uring/descriptor_kind.h"
#include "uring/pool_core.h"
#include "uring/pooled_read.h"
#include "uring/ref.h"

namespace bufio {

class PooledSource final : public PositionedSource, public uring::PooledRead::Observer {
 public:
  // `kind` is that of the descriptor, and not direct.
  PooledSource(uring::Ref<uring::PoolCore> pool, uring::Ref<uring::Descriptor> descriptor,
               const uring::DescriptorKind& kind, const ReaderOptions& options);

  ReaderStats stats() const override;
  bool quiesce() override;
  void collect() override;
  void retire() override;

 private:
  // Of the read that is needed next.
  enum class Phase : uint8_t {
    kNone,      // not begun
    kUnderWay,  // in line for a buffer, or in flight
    kArrived,   // done: result_ says how; bytes are in arrived_
  };

  Supply supply() override;
  void send();
  void take_arrived();
  void read_failed(int error);
  void drop_reads() override;
  bool in_flight() const override { return !orphans_.empty() || phase_ == Phase::kUnderWay; }
  void drop_operations() override { read_.reset(); }
  size_t largest_read() const override { return read_size_; }

  void read_completed(uring::PooledRead& read) override;
  void read_stranded(uring::PooledRead& read) override;

  uring::Ref<uring::PoolCore> pool_;
  size_t read_size_;
  uring::Ref<uring::PooledRead> read_;                  // null: not made yet
  std::vector<uring::Ref<uring::PooledRead>> orphans_;  // given up, and still in flight
  Phase phase_ = Phase::kNone;
  bool cancelled_ = false;  // by quiesce: an answer of ECANCELED is no error
  int32_t result_ = 0;
  uring::Ref<uring::Buffer> arrived_;
  size_t arrived_at_ = 0;    // in arrived_, of the bytes that the window has not got
  size_t arrived_left_ = 0;  // how many those are
  ReaderStats stats_;
};

}  // namespace bufio

#endif  // BUFIO_POOLED_SOURCE_H_
