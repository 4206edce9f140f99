// bufio/window.h
//
// The bytes that a Reader lends: one contiguous range, a cursor, and the memory around them. No
// I/O.
//
//        headroom            view                padding
//   |················[======cursor─────────limit)·······|
//   data                                               data + size
//
// A read goes to a target that starts on a cache line (unaligned targets cost the kernel's copy a
// quarter of its speed) behind some headroom. A token that straddles two reads is made contiguous
// by moving its first part, usually a partial line, into the headroom in front of the second: the
// bulk is never copied. Behind the limit 64 bytes are readable, for parsers that load whole
// vectors.
//
// Everything but the accessors and consume() invalidates views and belongs into fill-class calls.
// Under AddressSanitizer memory that was lent is not used again, and what is not on loan is
// poisoned (expire_views).

#ifndef BUFIO_WINDOW_H_
#define BUFIO_WINDOW_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "uring/buffer.h"
#include "uring/buffer_cache.h"
#include "uring/ref.h"

namespace bufio {

class Window {
 public:
  static constexpr size_t kPadding = 64;

  Window() = default;
  Window(const Window&) = delete;
  Window& operator=(const Window&) = delete;
  ~Window();

  std::string_view view() const { return std::string_view(cursor_, available()); }
  const char* cursor() const { return cursor_; }
  const char* limit() const { return limit_; }
  size_t available() const { return static_cast<size_t>(limit_ - cursor_); }
  // What keeps the view's bytes alive; null over memory that somebody else keeps.
  const uring::Ref<uring::Buffer>& buffer() const { return buffer_; }
  // Offsets in the stream, of the cursor and of the limit.
  uint64_t pos() const { return end_pos_ - available(); }
  uint64_t end_pos() const { return end_pos_; }
  // Whether kPadding bytes behind the limit are readable.
  bool padded() const { return padded_; }
  // Changes whenever anything but the cursor may have changed; never 0.
  uint64_t generation() const { return generation_; }
  void touch() { ++generation_; }
  // Counts the times that the cursor may have gone back, or elsewhere.
  uint64_t jumps() const { return jumps_; }
  // Bytes that were moved for contiguity.
  uint64_t copied_bytes() const { return copied_bytes_; }

  // `n` at most available().
  void consume(size_t n) { cursor_ += n; }

  // Where a read may write.
  struct Target {
    uring::Ref<uring::Buffer> buffer;
    size_t offset = 0;
    size_t length = 0;
  };

  // A target whose bytes append() will take without a copy, for a read of at most `length` bytes of
  // which some `expected` will come: behind the limit, if there is room and moving the view would
  // cost more than a target that is not aligned, else where `length` bytes fit. Moves the view.
  // Only while no other read into this window's memory is on its way.
  Target prepare(uring::BufferCache& cache, uring::BufferKind kind, uring::Pages pages,
                 size_t length, size_t expected);

  // A target in memory of its own, for a read ahead. Does not touch the view.
  static Target separate(uring::BufferCache& cache, uring::BufferKind kind, uring::Pages pages,
                         size_t length);

  // Takes `length` bytes at `buffer` + `offset`, which follow the limit in the stream.
  void append(const uring::Ref<uring::Buffer>& buffer, size_t offset, size_t length,
              uring::BufferCache& cache);

  // Copies bytes that follow the limit.
  void append_copy(std::string_view bytes, uring::BufferCache& cache);

  // For a call that may wait for long: lets go of the buffer if nothing is left of the view, and of
  // one that came from `home` in any case: what is left moves to memory of the window's own.
  void move_out_of(const uring::BufferHome& home, uring::BufferCache& cache);

  // Puts bytes back in front of the cursor, which had been consumed from there.
  void unread(std::string_view bytes, uring::BufferCache& cache);

  // Shows memory that somebody else keeps, as the stream's bytes from offset 0.
  void show(std::string_view memory, bool padded);

  // Forgets all bytes and memory; the stream goes on at `pos`.
  void clear(uint64_t pos);

  // Forgets the bytes between the cursor and an offset in [pos(), end_pos()].
  void advance_to(uint64_t pos) { consume(static_cast<size_t>(pos - this->pos())); }

  // --- one window's bytes shown by another, in place (parent_reader.h) ---------------------------

  // Moves all bytes and their memory to `to`, which is empty and goes on with them at its own
  // offset, `passed` bytes behind this cursor. It shows the first `shown` of those behind them, and
  // hides the others. Here pos() stays, and nothing is left to consume.
  void lend(Window& to, size_t shown, size_t passed = 0);
  // Takes back what lend() gave away, but for what was consumed there: the cursor is `kept` bytes
  // in front of where `from` has it.
  void take_back(Window& from, size_t kept = 0);
  // Shows `shown` of the bytes that are shown and hidden now.
  void show_only(size_t shown);
  size_t hidden() const { return hidden_; }
  // Bytes from offset `pos` on stay where they are in front of the cursor, until take_back.
  void hold_from(uint64_t pos) { held_from_ = pos; }
  size_t held() const {
    return cursor_ != nullptr && held_from_ < pos() ? static_cast<size_t>(pos() - held_from_) : 0;
  }

  // Those bytes, for a moment: until views expire.
  std::string_view look_back();

  // Views that were lent are over: under AddressSanitizer, using one is reported from here on.
  void expire_views();

 private:
  static size_t headroom(size_t length);
  size_t room() const;
  void adopt(uring::Ref<uring::Buffer> buffer, const char* cursor, const char* limit);
  void relocate(uring::Ref<uring::Buffer> buffer, size_t offset);
  Target prepare_mirrored(uring::BufferCache& cache, size_t length);
  void release_buffer();

  const char* cursor_ = nullptr;
  const char* limit_ = nullptr;
  uint64_t end_pos_ = 0;
  uring::Ref<uring::Buffer> buffer_;  // null: the memory is somebody else's, or there is none
  const char* promised_end_ =
      nullptr;  // the end of the target that a read is on its way to, behind the limit
  uint64_t generation_ = 1;
  uint64_t jumps_ = 0;
  uint64_t copied_bytes_ = 0;
  bool padded_ = true;
  size_t hidden_ = 0;      // bytes behind the limit that are there, and not shown
  uint64_t lent_end_ = 0;  // end_pos_, while the bytes are lent
  uint64_t held_from_ = UINT64_MAX;
};

}  // namespace bufio

#endif  // BUFIO_WINDOW_H_
