// bufio/parse_mark.h
//
// How far a parser has got with the message at a Reader's cursor.
//
// Kept in the Reader and not in the call, so that a call that is cancelled and made again goes on
// where the first one stopped. A mark is for one parser, which its address stands for, and holds
// only where the cursor was left: whoever moves it otherwise begins a new message.

#ifndef BUFIO_PARSE_MARK_H_
#define BUFIO_PARSE_MARK_H_

#include <cstddef>
#include <cstdint>

namespace bufio {

class ParseMark {
 public:
  struct Progress {
    size_t examined = 0;    // from the cursor on
    uint64_t skip = 0;      // bytes from the cursor on that are to be passed over
    bool inside = false;    // bytes of this message are consumed already
    bool told_end = false;  // the parser has been told of the end behind the last message
  };

  // What `parser` has to know again about the message at offset `pos` of the stream.
  Progress at(const void* parser, uint64_t pos) const {
    return parser_ == parser && pos_ == pos ? progress_ : Progress();
  }
  void set(const void* parser, uint64_t pos, Progress progress) {
    parser_ = parser;
    pos_ = pos;
    progress_ = progress;
  }
  // `parser` goes, or has finished its message.
  void clear(const void* parser) {
    if (parser_ == parser) parser_ = nullptr;
  }
  bool of(const void* parser) const { return parser_ == parser; }

 private:
  const void* parser_ = nullptr;
  uint64_t pos_ = 0;
  Progress progress_;
};

}  // namespace bufio

#endif  // BUFIO_PARSE_MARK_H_
