// uring/write_operation.h
//
// One write to a descriptor, of up to kMaxPieces pieces.
//
// Owns a share in the descriptor and in every piece until the kernel has let go of them: until the
// terminal completion, which for a zero-copy send is the notification that comes after the result.
// Interruptions, and descriptors that are not ready (EAGAIN), are absorbed: the write is sent
// again, behind a poll where that helps. A short write is a result like any other; its owner goes
// on with what is left, in another operation. Nothing here raises SIGPIPE.
//
//   made ──add──▶ filled ──write──▶ in flight ──▶ write_completed ──(zero copy)──▶ write_released
//
// Its owner hears of the end through an Observer, and lets go at any time. Used once; made of
// recycled memory, so steady state allocates nothing.

#ifndef URING_WRITE_OPERATION_H_
#define URING_WRITE_OPERATION_H_

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "uring/absorb.h"
#include "uring/descriptor.h"
#include "uring/frame_allocator.h"
#include "uring/operation.h"
#include "uring/piece.h"
#include "uring/ref.h"

namespace uring {

class RingCore;

// How a descriptor is written to.
//   positional   at an offset that we name
//   stream       at the descriptor's own position, or at the end if it was opened to append
//   pipe         the same, without SIGPIPE
//   socket       by send, without SIGPIPE
enum class WriteKind : uint8_t { kPositional, kStream, kPipe, kSocket };

class WriteOperation final : public Operation {
 public:
  static constexpr size_t kMaxPieces = 32;

  class Observer {
   public:
    // The write is over: look at result(). Must not resume coroutines; may make them ready.
    virtual void write_completed(WriteOperation& write) = 0;
    // After write_completed, and only if still_held() was true then: the kernel has let go of the
    // pieces.
    virtual void write_released(WriteOperation& write) = 0;
    // The Ring cannot go on: no completion will ever come.
    virtual void write_stranded(WriteOperation& write) = 0;
    // One of the others is about to be called: see Operation::prefetch_owner.
    virtual void prefetch_for_write() const {}

   protected:
    ~Observer() = default;
  };

  // Whether the kernel copies a socket's bytes or sends them from where they are.
  enum class Copying : uint8_t { kCopy, kZeroCopy };

  WriteOperation(Ref<RingCore> ring, Ref<Descriptor> descriptor, WriteKind kind,
                 Observer& observer);

  // Adds a piece of at least one byte, or as much of it as one write can take; false if nothing
  // more can be added.
  bool add(const Piece& piece);
  size_t pieces() const { return count_; }
  // All pieces together.
  size_t length() const { return length_; }

  // Starts the write, to offset `position` of a positional one. No system call: it goes with the
  // Ring's next turn. `expect_inline` is Operation::expect_inline_completion. Zero copy only for
  // sockets, only where the kernel knows it (zero_copy_known); it absorbs no EAGAIN.
  void write(uint64_t position, Copying copying, bool expect_inline);
  static bool zero_copy_known(const RingCore& ring);

  // The observer leaves: it is told nothing any more. A write in flight is cancelled and buried;
  // one that waits for its notification only is left alone; one that was not handed to the kernel
  // yet ends without a word.
  void let_go();

  // Bytes written, or a negative errno.
  int32_t result() const { return result_; }
  Copying copying() const { return copying_; }
  // In write_completed: the kernel looks at the pieces still, and write_released will come.
  bool still_held() const { return result_known_; }
  // In write_released: it was asked for zero copy, and has copied all the same (Linux 6.2 tells).
  bool copied() const { return copied_; }

  std::string describe() const override;
  size_t pinned_bytes() const override { return length_; }

 private:
  void send_write();
  void send_poll();
  void prepare_socket();
  void prepare_file();
  void completed(int32_t result, uint32_t flags, bool terminal) override;
  bool goes_on(int32_t& result);
  void notified(int32_t usage);
  void release_pieces();
  void stranded() override;
  void prefetch_owner() const override {
    if (observer_ != nullptr) observer_->prefetch_for_write();
  }

  // What a write of several pieces has besides. Most have one: with as many writes in flight as
  // there are connections, what each of them touches is worth counting.
  struct Table final : public RecycledObject {
    Table() {}
    ~Table() { std::destroy_n(others.begin(), count); }

    msghdr message;
    size_t count = 0;
    std::array<iovec, kMaxPieces> vectors;
    // The first `count` are alive.
    union {
      std::array<Piece, kMaxPieces - 1> others;
    };
  };
  // Out of the way of those that have none.
  struct FreeTable {
    void operator()(Table* table) const;
  };

  WriteKind kind_;
  Copying copying_ = Copying::kCopy;
  uint8_t count_ = 0;
  bool expect_inline_ = false;
  bool result_known_ = false;  // zero copy: only the notification is missing
  bool copied_ = false;
  Ref<RingCore> ring_;
  Ref<Descriptor> descriptor_;
  Observer* observer_;
  uint64_t position_ = 0;
  uint32_t length_ = 0;
  int32_t result_ = 0;
  Absorber absorber_;
  int pipe_flags_ = 0;
  Piece first_;
  std::unique_ptr<Table, FreeTable> table_;  // from the second piece on
};

}  // namespace uring

#endif  // URING_WRITE_OPERATION_H_
