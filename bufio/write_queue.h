// bufio/write_queue.h
//
// The bytes that a Writer has accepted and that are not written yet. No I/O.
//
// Small writes are copied one behind the other into a buffer; what somebody gave away stays where
// it is, as a piece of its own. Both are in one queue, in the order in which they were accepted:
//
//   written │ piece │ piece │ open part of the buffer │ room
//           front           sealed_                 cursor_    limit_        end of the buffer
//
// The open part becomes a piece when it is gathered for a write, or when something else follows it.
// The next bytes go behind it into the same buffer: the kernel reads what it was given, and nothing
// else. A buffer whose last byte was written goes back to the cache, so an idle queue holds none.
//
// `limit_` is how far bytes may come without asking anybody. It is at the cursor whenever the one
// who owns the queue wants to be asked.

#ifndef BUFIO_WRITE_QUEUE_H_
#define BUFIO_WRITE_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "uring/buffer.h"
#include "uring/buffer_cache.h"
#include "uring/piece.h"
#include "uring/ref.h"

namespace bufio {

class WriteQueue {
 public:
  // `start`: the offset of the first byte. `buffer_size`: of the largest buffer.
  WriteQueue(uint64_t start, size_t buffer_size);
  WriteQueue(const WriteQueue&) = delete;
  WriteQueue& operator=(const WriteQueue&) = delete;
  ~WriteQueue();

  // Offsets in the stream: behind what was accepted, and behind what was written.
  uint64_t pos() const { return sealed_pos_ + open_size(); }
  uint64_t written() const { return written_; }
  size_t unwritten() const { return static_cast<size_t>(pos() - written_); }

  // --- the fast way in ---------------------------------------------------------------------------
  size_t room() const { return static_cast<size_t>(limit_ - cursor_); }
  // Whether allow() could allow anything.
  bool has_buffer() const { return static_cast<bool>(buffer_); }
  char* cursor() { return cursor_; }
  // `n` at most room().
  void append(const char* bytes, size_t n) {
    copy(cursor_, bytes, n);
    cursor_ += n;
    reserved_ = 0;
  }
  // Lets up to `n` bytes in that way, as far as the buffer goes; 0: none.
  void allow(size_t n);

  // --- reservations ------------------------------------------------------------------------------
  // Lends the room: the buffer stays where it is until commit, or until other bytes are accepted.
  std::span<char> reserve() {
    reserved_ = room();
    return std::span<char>(cursor_, reserved_);
  }
  size_t reserved() const { return reserved_; }
  // `n` at most reserved().
  void commit(size_t n) {
    cursor_ += n;
    if (limit_ < cursor_) limit_ = cursor_;
    reserved_ = 0;
  }
  void end_reservation() { reserved_ = 0; }

  // --- the slow way in ---------------------------------------------------------------------------
  // Copies all of it, whatever the limit.
  void append_all(std::string_view bytes, uring::BufferCache& cache);
  // Makes contiguous room for `n` bytes at the cursor; the limit is at the cursor then.
  void make_room(size_t n, uring::BufferCache& cache);
  // Bytes that stay where they are; without `data`, bytes that a sink knows how to get.
  void push(uring::Piece piece);

  // --- out ---------------------------------------------------------------------------------------
  // The first piece; there is something to write.
  const uring::Piece& front() {
    seal();
    return pieces_[first_];
  }
  // Calls `add(piece)` for the pieces from the front on, until it returns false.
  template <class Add>
  void gather(Add add) {
    seal();
    for (size_t i = first_; i < pieces_.size(); ++i) {
      if (!add(pieces_[i])) return;
    }
  }
  // The first `n` bytes are written.
  void take(size_t n);
  // Forgets all bytes and memory; what was accepted counts as accepted.
  void clear();

 private:
  // Separators and the like are shorter than it takes to call memcpy.
  static void copy(char* to, const char* from, size_t n) {
    if (n == 1) {
      *to = *from;
    } else {
      std::memcpy(to, from, n);
    }
  }
  size_t open_size() const { return static_cast<size_t>(cursor_ - sealed_); }
  void seal() {
    if (cursor_ != sealed_) seal_open();
  }
  void seal_open();
  void drop_from_front(size_t n);
  void release_if_empty();
  void adopt(uring::Ref<uring::Buffer> buffer);
  void release_buffer();

  char* cursor_ = nullptr;
  char* limit_ = nullptr;
  char* sealed_ = nullptr;
  uint64_t sealed_pos_;
  uint64_t written_;
  size_t reserved_ = 0;
  uring::Ref<uring::Buffer> buffer_;
  std::vector<uring::Piece> pieces_;  // from first_ on
  uint32_t first_ = 0;
  uint32_t next_size_;
  uint32_t max_size_;
};

}  // namespace bufio

#endif  // BUFIO_WRITE_QUEUE_H_
