// The window of a Reader against a string: whatever comes in, moves, is consumed and put back, it
// shows the same bytes, and reads that come late write to none of them.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <memory_resource>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bufio/window.h"
#include "uring/buffer.h"
#include "uring/buffer_cache.h"
#include "uring/ref.h"
#include "uring/testing/choices.h"

namespace bufio {
namespace {

using uring::BufferCache;
using uring::BufferKind;
using uring::testing::ByteChoices;

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "window: %s\n", what);
  std::abort();
}

class Fuzz {
 public:
  explicit Fuzz(ByteChoices& choices)
      : choices_(choices),
        cache_(uring::make_ref<BufferCache>(std::pmr::new_delete_resource(),
                                            choices.one_in(2) ? size_t{1} << 20 : size_t{0})),
        kind_(choices.one_in(4) ? BufferKind::kMirrored : BufferKind::kHeap) {}

  void run() {
    check();
    while (!choices_.exhausted()) {
      act();
      check();
    }
  }

 private:
  // A read on its way: what it will have brought, and how much of that the window has.
  struct Read {
    Window::Target target;
    std::string bytes;
    bool done = false;
    size_t taken = 0;
  };

  size_t below(size_t n) { return choices_.below(static_cast<uint32_t>(n)); }
  size_t some_size() { return 1 + below(choices_.one_in(8) ? 20000 : 60); }
  std::string fresh_bytes(size_t size) {
    std::string bytes;
    while (bytes.size() < size) bytes += static_cast<char>('a' + next_byte_++ % 26);
    return bytes;
  }

  void act() {
    switch (choices_.below(10)) {
      case 0:
        return consume(below(model_.size() + 1));
      case 1:
        return consume(model_.size());
      case 2:
        return send();
      case 3:
        return complete();
      case 4:
        return take();
      case 5:
        if (reads_.empty()) append_copy(fresh_bytes(below(300)));
        return;
      case 6:
        return unread();
      case 7:
        if (choices_.one_in(4)) clear();
        return;
      case 8:
        // One that brought nothing.
        if (reads_.size() == 1 && !reads_[0].done) reads_.clear();
        return;
      default:
        return window_.expire_views();
    }
  }

  void consume(size_t n) {
    window_.consume(n);
    model_.erase(0, n);
    pos_ += n;
  }

  // The first one goes where the window says, the others read ahead.
  void send() {
    if (reads_.size() == 3) return;
    const size_t length = some_size();
    Read read;
    if (reads_.empty()) {
      const size_t expected = choices_.one_in(2) ? length : below(length + 1);
      read.target = window_.prepare(*cache_, kind_, uring::Pages::kOrdinary, length, expected);
    } else {
      read.target = Window::separate(*cache_, kind_, uring::Pages::kOrdinary, length);
    }
    require(read.target.length > 0, "a target of no length");
    read.bytes.assign(1 + below(read.target.length), '?');
    reads_.push_back(std::move(read));
  }

  // In any order, and also those that nobody wants any more. The bytes come in the order of the
  // stream all the same, so they are made when they are taken.
  void complete() {
    std::vector<Read*> waiting;
    for (std::vector<Read>* all : {&reads_, &orphans_}) {
      for (Read& read : *all) {
        if (!read.done) waiting.push_back(&read);
      }
    }
    if (waiting.empty()) return;
    Read& read = *waiting[below(waiting.size())];
    read.bytes = fresh_bytes(read.bytes.size());
    std::copy(read.bytes.begin(), read.bytes.end(),
              read.target.buffer->data() + read.target.offset);
    read.done = true;
  }

  void take() {
    if (reads_.empty() || !reads_[0].done) return;
    Read& read = reads_[0];
    const size_t left = read.bytes.size() - read.taken;
    const size_t step = choices_.one_in(2) ? left : 1 + below(left);
    window_.append(read.target.buffer, read.target.offset + read.taken, step, *cache_);
    model_ += std::string_view(read.bytes).substr(read.taken, step);
    read.taken += step;
    if (read.taken == read.bytes.size()) reads_.erase(reads_.begin());
  }

  void append_copy(const std::string& bytes) {
    window_.append_copy(bytes, *cache_);
    model_ += bytes;
  }

  void unread() {
    const std::string bytes = fresh_bytes(below(std::min<uint64_t>(pos_, 400) + 1));
    window_.unread(bytes, *cache_);
    model_ = bytes + model_;
    pos_ -= bytes.size();
  }

  // What is in flight stays so.
  void clear() {
    pos_ = below(100000);
    window_.clear(pos_);
    model_.clear();
    std::move(reads_.begin(), reads_.end(), std::back_inserter(orphans_));
    reads_.clear();
  }

  void check() {
    require(window_.view() == model_, "other bytes");
    require(window_.available() == model_.size(), "another size");
    require(window_.pos() == pos_, "another position");
    require(window_.end_pos() == pos_ + model_.size(), "another end");
    if (model_.empty() || !window_.padded()) return;
    // Readable; whatever is there.
    for (size_t i = 0; i < Window::kPadding; ++i) sink_ = window_.limit()[i];
  }

  ByteChoices& choices_;
  uring::Ref<BufferCache> cache_;
  BufferKind kind_;
  Window window_;
  std::string model_;
  uint64_t pos_ = 0;
  std::vector<Read> reads_;
  std::vector<Read> orphans_;
  uint32_t next_byte_ = 0;
  volatile char sink_ = 0;
};

}  // namespace
}  // namespace bufio

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  uring::testing::ByteChoices choices(std::span<const uint8_t>(data, size));
  bufio::Fuzz(choices).run();
  return 0;
}
