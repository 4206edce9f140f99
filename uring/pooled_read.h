// uring/pooled_read.h
//
// One read of a descriptor into a buffer of a pool, again and again. Under BufferPool::read and
// under Readers on a pool.
//
// While there is nothing to read it has no buffer: a stream is asked first whether it has data, and
// only then the pool for a buffer; or the kernel picks one when the data is there.
//
//   files      [in line for a buffer] → reading
//   streams    polling → [in line] → reading
//   sockets    the kernel picks → done; it has none (ENOBUFS): as streams
//   receive()  the same, but where the kernel can (Linux 6.0) one request goes on picking for as
//              long as bytes come: the hand that asks again and again is the kernel's
//
// The kernel's picking is left to recv: reads that pick have gone wrong in several kernels (two of
// them with the same buffer, a buffer named that was not given), and a byte in the wrong stream is
// the one thing that must not happen.
//
// Interruptions and descriptors that are not ready after all are absorbed; for those the buffer
// goes back before it asks again. So nothing here spins, and each read costs at most three requests
// while others keep their hands off the descriptor. Its owner hears of each read's end through an
// Observer, and lets go at any time: a request in flight is orphaned, and a buffer that it has, or
// is still given, returns to the pool with its terminal completion. Bytes in it are dropped then.

#ifndef URING_POOLED_READ_H_
#define URING_POOLED_READ_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "uring/absorb.h"
#include "uring/buffer.h"
#include "uring/descriptor.h"
#include "uring/operation.h"
#include "uring/pool_core.h"
#include "uring/read_operation.h"
#include "uring/ref.h"

namespace uring {

class PooledRead final : public Operation, private BufferWaiter {
 public:
  class Observer {
   public:
    // Of receive() only: the next `size` bytes of the stream, from PoolCore::headroom() on. Must
    // not resume coroutines; may make them ready.
    virtual void read_received(PooledRead& /*read*/, Ref<Buffer> /*buffer*/, size_t /*size*/) {}
    // The read is over: look at result(). It may read again from here. Must not resume coroutines;
    // may make them ready.
    virtual void read_completed(PooledRead& read) = 0;
    // The Ring cannot go on: no completion will ever come.
    virtual void read_stranded(PooledRead& read) = 0;
    // One of the others is about to be called: see Operation::prefetch_owner.
    virtual void prefetch_for_read() const {}

   protected:
    ~Observer() = default;
  };

  PooledRead(Ref<PoolCore> pool, Ref<Descriptor> descriptor, ReadKind kind, Observer& observer);

  // Starts a read of at most `length` bytes, and no more than a buffer takes; only while at rest.
  // `position` is for positional reads. No system call: it goes with the Ring's next turn.
  void read(size_t length, uint64_t position);

  // The same of a socket, for as many bytes as come: the observer is given each piece, and then
  // told of the end. That is the end of the stream, an error, a cancel, or, where result() is
  // positive, just the end of this request: receive again. Pieces of less than a buffer's size, if
  // `length` asks for them, come one a request.
  void receive(size_t length);

  // Nothing is in flight, and it is not in line for a buffer.
  bool at_rest() const { return idle() && !in_line(); }

  // Ends the read as soon as may be: in line, at once and without a word; in flight, as the kernel
  // decides, and the observer hears of it.
  void cancel();

  // Nobody wants the bytes any more, as ReadOperation::give_up and let_go.
  void give_up();
  void let_go();

  // Of the last read: bytes read, 0 at the end of the stream, or a negative errno.
  int32_t result() const { return result_; }
  // Where they are, from PoolCore::headroom() on. Null unless result() is positive, and after
  // receive().
  Ref<Buffer> take_buffer() { return std::move(buffer_); }

  std::string describe() const override;
  size_t pinned_bytes() const override { return step_ == Step::kReading ? length_ : 0; }

 private:
  // What the request in flight, or the next one, is for.
  enum class Step : uint8_t { kPicking, kPolling, kReading };

  void begin(size_t length, uint64_t position);
  void send_pick();
  void end_pick();
  void send_poll();
  void get_buffer();
  void send_read();
  void granted(Ref<Buffer> buffer) override;
  void completed(int32_t result, uint32_t flags, bool terminal) override;
  void pick_completed(int32_t result, Ref<Buffer> picked, bool terminal);
  void stranded() override;
  void prefetch_owner() const override {
    if (observer_ != nullptr) observer_->prefetch_for_read();
  }
  void deliver(int32_t result);
  void finish(int32_t result);

  Ref<PoolCore> pool_;
  Ref<Descriptor> descriptor_;
  Observer* observer_;
  Ref<Buffer> buffer_;
  size_t length_ = 0;
  uint64_t position_ = 0;
  int32_t result_ = 0;
  Absorber absorber_;  // of polls and reads
  ReadKind kind_;
  Step step_ = Step::kPolling;
  bool picking_ = false;    // a request that may pick is on its way
  bool receiving_ = false;  // by receive()
  bool repeats_ = false;    // the request that picks does so again and again
  bool torn_ = false;       // bytes are missing; those that come behind them are of no use
};

}  // namespace uring

#endif  // URING_POOLED_READ_H_
