// bufio/read_ahead.h
//
// How far ahead of its parser a file is read.
//
// While the pages are cached a read completes while it is submitted, and reading ahead only costs
// memory traffic. So the depth starts at 0 and grows by one each time the parser had to wait for a
// read that did not complete at once (the idea of Seastar's file_input_stream), up to a bound; a
// run of reads that complete at once takes it back to 0.

#ifndef BUFIO_READ_AHEAD_H_
#define BUFIO_READ_AHEAD_H_

#include <algorithm>

namespace bufio {

class ReadAhead {
 public:
  // At most `max_depth` reads ahead; `fixed`: always as many.
  ReadAhead(int max_depth, bool fixed)
      : max_depth_(max_depth), depth_(fixed ? max_depth : 0), fixed_(fixed) {}

  // Reads to keep in flight behind the one that the parser needs next.
  int depth() const { return depth_; }

  // A read has completed: at once, or after a while; `waited`: the parser was waiting for it.
  void completed(bool at_once, bool waited) {
    if (fixed_) return;
    if (at_once) {
      if (++at_once_in_a_row_ >= kCachedAfter) depth_ = 0;
      return;
    }
    at_once_in_a_row_ = 0;
    if (waited) depth_ = std::min(depth_ + 1, max_depth_);
  }

 private:
  static constexpr int kCachedAfter = 16;

  int max_depth_;
  int depth_;
  bool fixed_;
  int at_once_in_a_row_ = 0;
};

}  // namespace bufio

#endif  // BUFIO_READ_AHEAD_H_
