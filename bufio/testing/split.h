// bufio/testing/split.h
//
// A piece of input, cut into the pieces in which it arrives.
//
// Refers to the input, which must outlive it.

#ifndef BUFIO_TESTING_SPLIT_H_
#define BUFIO_TESTING_SPLIT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bufio::testing {

class Split {
 public:
  // All of it at once; no piece at all of an empty input.
  static Split whole(std::string_view input);
  static Split one_byte_each(std::string_view input);
  // Half of it, half of the rest, and so on: always fewer bytes than there are.
  static Split halves(std::string_view input);
  // Cut in front of these offsets, which rise; 0 and the input's size cut nothing off.
  static Split at(std::string_view input, std::vector<size_t> cuts);
  // The same seed, the same pieces: tiny ones, huge ones, or both.
  static Split random(std::string_view input, uint64_t seed);

  std::string_view input() const { return input_; }
  // None of them is empty.
  size_t pieces() const { return ends_.size(); }
  std::string_view piece(size_t i) const {
    const size_t start = i == 0 ? 0 : ends_[i - 1];
    return input_.substr(start, ends_[i] - start);
  }
  // "cut at 3 and 17 of 40 bytes": what to print when a test fails.
  const std::string& name() const { return name_; }

 private:
  Split(std::string_view input, std::string name) : input_(input), name_(std::move(name)) {}

  std::string_view input_;
  std::vector<size_t> ends_;  // of the pieces, in order
  std::string name_;
};

}  // namespace bufio::testing

#endif  // BUFIO_TESTING_SPLIT_H_
