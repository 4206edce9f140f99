// tests/canary/tracked.h
//
// A value that knows whether it is alive.
//
// Miscompiled coroutines copy temporaries bit by bit, destroy them twice or never, or use them
// after their end. A Tracked notices each of these, where an ordinary value would quietly work most
// of the time. For one thread.

#ifndef TESTS_CANARY_TRACKED_H_
#define TESTS_CANARY_TRACKED_H_

#include <set>

namespace canary {

class Tracked {
 public:
  Tracked(int value) : value_(value) { born(); }  // NOLINT(google-explicit-constructor)
  Tracked(const Tracked& other) : value_(other.get()) { born(); }
  Tracked(Tracked&& other) noexcept : value_(other.get()) {
    other.value_ = kMovedFrom;
    born();
  }
  Tracked& operator=(const Tracked& other) {
    alive();
    value_ = other.get();
    return *this;
  }
  ~Tracked() {
    if (all().erase(this) == 0) ++faults();
  }

  int get() const {
    alive();
    return value_;
  }

  static int living() { return static_cast<int>(all().size()); }
  static int& faults() {
    static int count = 0;
    return count;
  }
  static void forget_all() {
    all().clear();
    faults() = 0;
  }

 private:
  static constexpr int kMovedFrom = -1'000'000;

  static std::set<const Tracked*>& all() {
    static std::set<const Tracked*> objects;
    return objects;
  }
  void born() {
    if (!all().insert(this).second) ++faults();
  }
  void alive() const {
    if (!all().contains(this)) ++faults();
  }

  int value_;
};

}  // namespace canary

#endif  // TESTS_CANARY_TRACKED_H_
