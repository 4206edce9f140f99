// bufio/receiving_source.h
//
// Brings the bytes of a socket into a window by way of a pool's buffers, as they come.
//
// One request receives for as long as bytes come (uring/pooled_read.h), whether a call waits or
// not: the kernel takes a buffer of the pool when there is something to put into it. So a socket
// that is silent has no buffer, and one that talks costs no request a message.
//
//   kernel ──▶ [piece | piece | piece] ──supply──▶ window
//               not asked for yet                  lent
//
// A piece is lent where it is. Only a token that straddles two pieces is copied, its first part in
// front of the second where there is room for it (bufio/window.h). A buffer goes back to the pool
// when nothing of it is left in the window and a call asks for more.
//
//   nobody waits       pieces stay in the pool's buffers, a few of them, and only while there are
//                      plenty (PoolCore::plentiful); else they move to memory of the Reader's own,
//                      one behind the other. So does half a token while its call waits.
//   nobody drains      when as much has come as the Reader may hold, or 64 KiB (two buffers, if
//                      they are larger) that nobody has asked for, the request is cancelled. What
//                      comes until the kernel has seen to that is kept. The next call that must
//                      wait receives again.
//
// Cost: a request when receiving begins, none a message. No allocation in steady state.

#ifndef BUFIO_RECEIVING_SOURCE_H_
#define BUFIO_RECEIVING_SOURCE_H_

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "bufio/reader_state.h"
#include "uring/buffer.h"
#include "uring/descriptor.h"
#include "uring/descriptor_kind.h"
#include "uring/pool_core.h"
#include "uring/pooled_read.h"
#include "uring/prefetch.h"
#include "uring/ref.h"

namespace bufio {

class ReceivingSource final : public ReaderState, public uring::PooledRead::Observer {
 public:
  // `descriptor` is a socket.
  ReceivingSource(uring::Ref<uring::PoolCore> pool, uring::Ref<uring::Descriptor> descriptor,
                  const ReaderOptions& options);

  std::string_view name() const override { return descriptor_->name(); }
  ReaderStats stats() const override;
  bool quiesce() override;
  void collect() override;
  uring::Ref<uring::Descriptor> take_descriptor() override;
  void retire() override;

 private:
  enum class Phase : uint8_t {
    kIdle,       // nothing is under way
    kReceiving,  // in flight, or in line for a buffer
    kOver,       // the stream has ended, or failed: result_ says how
  };
  // Bytes that have come, and that the window has not got.
  struct Piece {
    uring::Ref<uring::Buffer> buffer;
    uint32_t at = 0;    // in the buffer
    uint32_t left = 0;  // bytes from there
    uint32_t room = 0;  // bytes behind them, for more: only in memory of the Reader's own
  };

  Supply supply() override;
  void take_piece();
  void take_end();
  void drop_piece();
  void put_aside();

  void read_received(uring::PooledRead& read, uring::Ref<uring::Buffer> buffer,
                     size_t size) override;
  void read_completed(uring::PooledRead& read) override;
  void read_stranded(uring::PooledRead& read) override;
  void prefetch_for_read() const override { uring::prefetch(this, sizeof *this); }

  uring::Ref<uring::PoolCore> pool_;
  uring::Ref<uring::Descriptor> descriptor_;
  uring::Ref<uring::PooledRead> read_;  // null: not made yet
  std::vector<Piece> pieces_;           // oldest first
  size_t first_ = 0;                    // of pieces_: those in front of it are gone
  size_t unasked_ = 0;                  // bytes in pieces_
  uint32_t read_size_;
  int32_t result_ = 0;
  Phase phase_ = Phase::kIdle;
  bool cancelled_ = false;  // by us: an answer of ECANCELED is no error
  uint32_t pooled_ = 0;     // pieces that are in the pool's buffers
  uint64_t reads_ = 0;
  uint64_t bytes_ = 0;
  uint64_t copied_ = 0;
};

}  // namespace bufio

#endif  // BUFIO_RECEIVING_SOURCE_H_
