// uring/read_operation.h
//
// One read of a descriptor into a buffer, again and again.
//
// Owns a share in the descriptor and, while in flight, in the buffer. Interruptions, and
// descriptors that are not ready (EAGAIN), are absorbed: the read is sent again, behind a poll
// where that helps. Its owner hears of each read's end through an Observer, and lets go at any
// time.

#ifndef URING_READ_OPERATION_H_
#define URING_READ_OPERATION_H_

#include <cstdint>
#include <string>

#include "uring/absorb.h"
#include "uring/buffer.h"
#include "uring/descriptor.h"
#include "uring/operation.h"
#include "uring/ref.h"

namespace uring {

class RingCore;

// How a descriptor is read.
//   positional   at an offset that we name; several reads may be in flight (files, block devices)
//   stream       at the descriptor's own position; one at a time (pipes, terminals, eventfds, …)
//   socket       the same, by recv
enum class ReadKind : uint8_t { kPositional, kStream, kSocket };

class ReadOperation final : public Operation {
 public:
  class Observer {
   public:
    // The read is over: look at result(). The operation is idle and may read again from here. Must
    // not resume coroutines; may make them ready.
    virtual void read_completed(ReadOperation& read) = 0;
    // The Ring cannot go on: no completion will ever come.
    virtual void read_stranded(ReadOperation& read) = 0;

   protected:
    ~Observer() = default;
  };

  // Where a read goes and comes from.
  struct Target {
    Ref<Buffer> buffer;
    size_t offset = 0;      // in the buffer
    size_t length = 0;      // at most; at least 1, or an answer of 0 would look like the end
    uint64_t position = 0;  // in the file; positional reads only
  };

  ReadOperation(Ref<RingCore> ring, Ref<Descriptor> descriptor, ReadKind kind, Observer& observer);

  // Starts a read; only while idle. No system call: it goes with the Ring's next turn. `offload`
  // has a worker thread of the kernel do it, on another core. `expect_inline` is
  // Operation::expect_inline_completion.
  void read(Target target, bool offload, bool expect_inline);

  // Nobody wants the bytes any more: a read in flight is cancelled and buried. The observer still
  // hears of its end, when its buffer and its share in the descriptor have been given up; it cannot
  // be used again. One that is idle, or was not handed to the kernel yet, ends without a word.
  void give_up();
  // The same, and the observer leaves: it is told nothing any more.
  void let_go();

  // Of the last read: bytes read, 0 at the end of the stream, or a negative errno.
  int32_t result() const { return result_; }
  const Target& target() const { return target_; }
  // Gives the target's buffer up, once idle.
  Ref<Buffer> take_buffer() { return std::move(target_.buffer); }

  std::string describe() const override;
  size_t pinned_bytes() const override { return target_.length; }

 private:
  void send_read();
  void send_poll();
  void completed(int32_t result, uint32_t flags, bool terminal) override;
  void stranded() override;

  Ref<RingCore> ring_;
  Ref<Descriptor> descriptor_;
  Observer* observer_;
  Target target_;
  int32_t result_ = 0;
  Absorber absorber_;
  ReadKind kind_;
  bool offload_ = false;
  // The last receive left nothing behind, as far as we know: the next one need not look before it
  // waits. (Linux 5.19 tells, and is the first that knows IORING_OP_SOCKET.)
  bool drained_ = false;
};

}  // namespace uring

#endif  // URING_READ_OPERATION_H_
