// tests/simulate/feeder.h
//
// The writer of a stream: a text, piece by piece, and then the end, or an error.

#ifndef TESTS_SIMULATE_FEEDER_H_
#define TESTS_SIMULATE_FEEDER_H_

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "tests/simulate/system.h"
#include "uring/testing/choices.h"

namespace bufio::simulate {

class Feeder {
 public:
  // `error`: what reading fails with in the place of the end; 0: none. `most`: of a piece.
  Feeder(std::unique_ptr<FarEnd> end, std::string text, int error, uint64_t seed, size_t most)
      : end_(std::move(end)), text_(std::move(text)), error_(error), most_(most), pieces_(seed) {}

  // Writes the next piece. False if there was nothing left to do.
  bool feed() {
    if (ended_ || silent_) return false;
    if (fed_ == text_.size()) {
      if (error_ == 0 || !end_->fail(error_)) end_->end();
      ended_ = true;
      return true;
    }
    size_t piece = pieces_.one_in(3) ? 1 : 1 + pieces_.below(pieces_.one_in(4) ? 400 : 100);
    piece = std::min({piece, most_, text_.size() - fed_});
    const size_t taken = end_->write(std::string_view(text_).substr(fed_, piece));
    fed_ += taken;
    return taken > 0;
  }
  // Feeds nothing until it may again.
  void set_silent(bool silent) { silent_ = silent; }
  void feed_all() {
    while (feed()) {
    }
  }
  // How much of the text has gone in.
  size_t fed() const { return fed_; }
  bool ended() const { return ended_; }

 private:
  std::unique_ptr<FarEnd> end_;
  std::string text_;
  int error_;
  size_t most_;
  uring::testing::SeededChoices pieces_;
  size_t fed_ = 0;
  bool ended_ = false;
  bool silent_ = false;
};

}  // namespace bufio::simulate

#endif  // TESTS_SIMULATE_FEEDER_H_
