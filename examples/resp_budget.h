// examples/resp_budget.h
//
// A bound on memory that many share: whoever wants some asks first.
//
// Any thread. A Charge must not outlive its Budget.

#ifndef EXAMPLES_RESP_BUDGET_H_
#define EXAMPLES_RESP_BUDGET_H_

#include <atomic>
#include <cstddef>
#include <utility>

namespace resp {

class Budget {
 public:
  explicit Budget(size_t limit) : limit_(limit) {}

  // False: that would be more than there is, and nothing was taken.
  bool take(size_t n) {
    size_t used = used_.load(std::memory_order_relaxed);
    do {
      if (used > limit_ || n > limit_ - used) return false;
    } while (!used_.compare_exchange_weak(used, used + n, std::memory_order_relaxed));
    return true;
  }
  void give_back(size_t n) { used_.fetch_sub(n, std::memory_order_relaxed); }

  size_t used() const { return used_.load(std::memory_order_relaxed); }
  size_t limit() const { return limit_; }

 private:
  size_t limit_;
  std::atomic<size_t> used_ = 0;
};

// What one taker has taken; given back with it.
class Charge {
 public:
  explicit Charge(Budget& budget) : budget_(&budget) {}
  Charge(Charge&& other) noexcept : budget_(other.budget_), size_(std::exchange(other.size_, 0)) {}
  Charge& operator=(Charge&& other) noexcept {
    std::swap(budget_, other.budget_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~Charge() { budget_->give_back(size_); }

  // From now on it is `size`; false: it stays as it is.
  bool set(size_t size) {
    if (size > size_ && !budget_->take(size - size_)) return false;
    if (size < size_) budget_->give_back(size_ - size);
    size_ = size;
    return true;
  }
  size_t size() const { return size_; }

 private:
  Budget* budget_;
  size_t size_ = 0;
};

}  // namespace resp

#endif  // EXAMPLES_RESP_BUDGET_H_
