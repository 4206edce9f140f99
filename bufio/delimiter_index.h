// bufio/delimiter_index.h
//
// Walks the delimiters of a contiguous range, one at a time, with the searching done in bulk.
//
// A loop over memchr pays a call and usually a mispredicted branch for every line. Here a
// vectorised kernel finds the delimiters of up to 4 KiB at once and leaves their offsets in a small
// array, without branching on where they are; taking the next one is then an array read behind a
// branch that is nearly always taken.
//
// The range belongs to the caller. It may grow at the end (extend), move (rebase) and lose bytes at
// the front (skip_to); bytes that were scanned are never read again, so the caller may release,
// overwrite or poison them. Nothing outside the range is read.
//
//   DelimiterIndex index(view.data(), view.data() + view.size(), '\n');
//   while (const char* newline = index.next()) { ... }
//
// About 1 KiB, of which construction touches a few words. Copyable. Thread-compatible.

#ifndef BUFIO_DELIMITER_INDEX_H_
#define BUFIO_DELIMITER_INDEX_H_

#include <cstddef>
#include <cstdint>
#include <span>

namespace bufio {

class DelimiterIndex {
 public:
  // An empty range.
  DelimiterIndex() { reset(nullptr, nullptr, '\n'); }
  DelimiterIndex(const char* begin, const char* end, char byte) { reset(begin, end, byte); }

  // Starts over on [begin, end). Reads none of it yet.
  void reset(const char* begin, const char* end, char byte) {
    base_ = scanned_ = begin;
    end_ = end;
    taken_ = found_ = 0;
    chunk_ = kFirstChunk;
    byte_ = byte;
  }

  // The first delimiter behind the one returned last, or nullptr when the range has no more. After
  // nullptr, extend() may bring more. About a nanosecond, and a bulk scan once per chunk.
  const char* next() {
    if (taken_ != found_) [[likely]] {
      return base_ + offsets_[taken_++];
    }
    return next_slow();
  }

  // The same one without taking it; take() does, and needs a peek() in front of it that found one.
  const char* peek() {
    if (taken_ == found_ && !scan()) [[unlikely]] {
      return nullptr;
    }
    return base_ + offsets_[taken_];
  }
  const char* take() { return base_ + offsets_[taken_++]; }

  // Those that are found and not taken, as offsets from base(); empty unless peek() found one.
  std::span<const uint16_t> found() const { return {offsets_ + taken_, offsets_ + found_}; }
  const char* base() const { return base_; }
  // Takes the first `count` of found().
  void drop(size_t count) { taken_ += static_cast<uint32_t>(count); }

  // The range now ends at `new_end`: more bytes arrived at the same address. Never shrinks the
  // range.
  void extend(const char* new_end) { end_ = new_end; }

  // The same bytes now live `distance` bytes further on.
  void rebase(ptrdiff_t distance) {
    base_ += distance;
    scanned_ += distance;
    end_ += distance;
  }

  // Forgets the delimiters in front of `position`, which lies in [begin, end]: the caller consumed
  // bytes by other means. Costs O(delimiters forgotten).
  void skip_to(const char* position);

  const char* end() const { return end_; }
  char byte() const { return byte_; }

  // Where the next bulk scan will start: nothing in front of it is read again. At end() after
  // next() returned nullptr.
  const char* scanned() const { return scanned_; }

 private:
  // A consumer that takes one line and leaves should not pay for 4 KiB; one that stays should not
  // pay for 512 B.
  static constexpr uint32_t kFirstChunk = 512;
  static constexpr uint32_t kLastChunk = 4096;  // internal::kMaxBlocks blocks
  static constexpr size_t kOffsets = 512;

  const char* next_slow();
  bool scan();
  void scan_chunk();

  const char* base_;     // what offsets_ count from
  const char* scanned_;  // base_ <= scanned_ <= end_
  const char* end_;
  uint32_t taken_;  // offsets_[taken_, found_) are found and not yet returned
  uint32_t found_;
  uint32_t chunk_;  // how many bytes the next scan may cover
  char byte_;
  uint16_t offsets_[kOffsets];  // ascending
};

}  // namespace bufio

#endif  // BUFIO_DELIMITER_INDEX_H_
