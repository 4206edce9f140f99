// uring/testing/choices.h
//
// Where a test's decisions come from: a seed, bytes of a fuzzer, or every one in turn.
//
// Whatever a simulated kernel or a generated program may do in more than one way it asks a Choices
// for. The same answers give the same run, so a run is repeated from its seed, shrunk by leaving
// steps out, and small scopes are walked exhaustively, all with the same code under test.
//
// Not thread-safe.

#ifndef URING_TESTING_CHOICES_H_
#define URING_TESTING_CHOICES_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace uring::testing {

class Choices {
 public:
  virtual ~Choices() = default;

  // A number below `n`, which is at least 1. By convention 0 is the plainest thing to do, so that
  // a source that has run out of answers leads to the end.
  virtual uint32_t below(uint32_t n) = 0;

  // True once in `n` times; never if `n` is 0.
  bool one_in(uint32_t n) { return n > 0 && below(n) == n - 1; }
  // A number from `least` to `most`.
  uint32_t between(uint32_t least, uint32_t most) { return least + below(most - least + 1); }
};

// As a 64-bit seed has it, the same on every machine (SplitMix64, Steele et al. 2014).
class SeededChoices final : public Choices {
 public:
  explicit SeededChoices(uint64_t seed) : state_(seed) {}

  uint32_t below(uint32_t n) override {
    return static_cast<uint32_t>(((next() >> 32) * n) >> 32);
  }
  // 64 bits at once: the seed of something of its own.
  uint64_t next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15U);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
  }

 private:
  uint64_t state_;
};

// As bytes have it, which must outlive it; 0 when they have run out.
class ByteChoices final : public Choices {
 public:
  explicit ByteChoices(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  uint32_t below(uint32_t n) override {
    uint32_t value = 0;
    for (uint32_t left = n - 1; left > 0; left >>= 8) value = value << 8 | take();
    return value % n;
  }
  bool exhausted() const { return at_ == bytes_.size(); }

 private:
  uint32_t take() { return at_ < bytes_.size() ? bytes_[at_++] : 0; }

  std::span<const uint8_t> bytes_;
  size_t at_ = 0;
};

// Every sequence of answers, one run after the other, depth first:
//
//   AllChoices all;
//   do run(all); while (all.next_run());
//
// The run must be a function of the answers, and must end.
class AllChoices final : public Choices {
 public:
  uint32_t below(uint32_t n) override {
    if (at_ == answers_.size()) answers_.push_back({0, n});
    return answers_[at_++].value;
  }
  // Begins the next run; false when there is none that was not made.
  bool next_run() {
    answers_.resize(at_);
    at_ = 0;
    while (!answers_.empty()) {
      Answer& last = answers_.back();
      if (++last.value < last.of) return true;
      answers_.pop_back();
    }
    return false;
  }
  // The answers that were given in this run so far: what to print when it fails.
  std::vector<uint32_t> answers() const {
    std::vector<uint32_t> given;
    for (size_t i = 0; i < at_; ++i) given.push_back(answers_[i].value);
    return given;
  }

 private:
  struct Answer {
    uint32_t value;
    uint32_t of;
  };

  std::vector<Answer> answers_;
  size_t at_ = 0;
};

}  // namespace uring::testing

#endif  // URING_TESTING_CHOICES_H_
