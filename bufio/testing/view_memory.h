// bufio/testing/view_memory.h
//
// The memory of a view that a test shows: elsewhere each time, exactly as large as the view, and
// spoilt when the next one is shown.
//
// So a parser that looks beside its view is reported by AddressSanitizer, and one that kept a
// pointer into an earlier view finds other bytes, in every build.

#ifndef BUFIO_TESTING_VIEW_MEMORY_H_
#define BUFIO_TESTING_VIEW_MEMORY_H_

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string_view>
#include <utility>

namespace bufio::testing {

class ViewMemory {
 public:
  // `padded`: 64 more bytes are readable behind each view, with nothing of interest in them, as in
  // a Reader whose padded() is true.
  explicit ViewMemory(bool padded) : padding_(padded ? 64 : 0) {}

  // A copy of `bytes`, until the next call.
  std::string_view show(std::string_view bytes) {
    if (current_ != nullptr) std::fill_n(current_.get(), size_, kSpoilt);
    earlier_ = std::exchange(current_, std::make_unique<char[]>(bytes.size() + padding_));
    size_ = bytes.size();
    std::copy(bytes.begin(), bytes.end(), current_.get());
    std::fill_n(current_.get() + size_, padding_, kPadding);
    return {current_.get(), size_};
  }

 private:
  static constexpr char kSpoilt = '\xDD';
  static constexpr char kPadding = '\xA5';

  size_t padding_;
  size_t size_ = 0;
  std::unique_ptr<char[]> current_;
  std::unique_ptr<char[]> earlier_;  // spoilt; kept, so that its place is not the new one's
};

}  // namespace bufio::testing

#endif  // BUFIO_TESTING_VIEW_MEMORY_H_
