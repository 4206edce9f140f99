// bufio/scan_mark.h
//
// How far a Reader's bytes have been searched, and for what.
//
// Kept in the Reader and not in the call, so that a call that is cancelled and made again goes on
// where the first one stopped: each byte is searched once, however it arrives. A mark holds for one
// kind of search only; another search starts over.

#ifndef BUFIO_SCAN_MARK_H_
#define BUFIO_SCAN_MARK_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace bufio {

class ScanMark {
 public:
  // Where a search of `kind` (an address that stands for the type of scanner) for `key` may start,
  // in a view that begins at offset `pos` of the stream.
  size_t start(const void* kind, std::string_view key, uint64_t pos) const {
    return kind_ == kind && pos_ == pos && key_ == key ? examined_ : 0;
  }
  // The first `examined` bytes from `pos` hold no end of a token that starts at `pos`.
  void set(const void* kind, std::string_view key, uint64_t pos, size_t examined) {
    kind_ = kind;
    if (key_ != key) key_ = key;
    pos_ = pos;
    examined_ = examined;
  }
  void clear() { kind_ = nullptr; }

 private:
  const void* kind_ = nullptr;
  std::string key_;
  uint64_t pos_ = 0;
  size_t examined_ = 0;
};

}  // namespace bufio

#endif  // BUFIO_SCAN_MARK_H_
