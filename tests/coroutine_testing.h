// tests/coroutine_testing.h
//
// What tests of coroutines need when there is no Ring: somebody to start a task, something to wait
// for, something whose lifetime is counted, and a look at the stack.

#ifndef TESTS_COROUTINE_TESTING_H_
#define TESTS_COROUTINE_TESTING_H_

#include <algorithm>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "uring/task.h"
#include "uring/waiter.h"

namespace uring::testing {

// Starts a task from outside of any coroutine and notes that it ends.
class Root final : public TaskObserver {
 public:
  template <class T>
  void start(Task<T>& task) {
    ended_ = task.start(*this);
  }
  bool ended() const { return ended_; }

 private:
  std::coroutine_handle<> task_ended() noexcept override {
    ended_ = true;
    return std::noop_coroutine();
  }

  bool ended_ = false;
};

// One coroutine waits in front of it until the test opens it. Awaiting an open one does not wait.
class Gate {
 public:
  class Awaiter {
   public:
    explicit Awaiter(Gate& gate) : gate_(gate) {}
    Awaiter(const Awaiter&) = delete;
    Awaiter& operator=(const Awaiter&) = delete;
    ~Awaiter() { gate_.waiter_ = nullptr; }
    bool await_ready() const noexcept { return gate_.open_; }
    void await_suspend(std::coroutine_handle<> waiter) noexcept { gate_.waiter_ = waiter; }
    void await_resume() const noexcept {}

   private:
    Gate& gate_;
  };
  Awaiter operator co_await() { return Awaiter(*this); }

  bool awaited() const { return waiter_ != nullptr; }
  void open() {
    open_ = true;
    if (waiter_ != nullptr) std::exchange(waiter_, nullptr).resume();
  }

 private:
  bool open_ = false;
  std::coroutine_handle<> waiter_;
};

// A run loop in ten lines: `co_await hops` continues in a later run().
class Hops {
 public:
  class Awaiter {
   public:
    explicit Awaiter(Hops& hops) : hops_(hops) {}
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> coroutine) {
      waiter_.set_handle(coroutine);
      hops_.ready_.push_back(waiter_);
    }
    void await_resume() const noexcept {}

   private:
    Hops& hops_;
    Waiter waiter_;
  };
  Awaiter operator co_await() { return Awaiter(*this); }

  void run() {
    while (Waiter* waiter = ready_.pop_front()) waiter->handle().resume();
  }

 private:
  ReadyQueue ready_;
};

// Counts its living objects.
class Tracked {
 public:
  explicit Tracked(int& living) : living_(&living) { ++*living_; }
  Tracked(const Tracked& other) : living_(other.living_) { ++*living_; }
  Tracked& operator=(const Tracked&) = delete;
  ~Tracked() { --*living_; }
  int& living() const { return *living_; }

 private:
  int* living_;
};

// The range of stack addresses that were seen.
class StackProbe {
 public:
  [[gnu::noinline]] void note() {
    const uintptr_t here = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
    lowest_ = std::min(lowest_, here);
    highest_ = std::max(highest_, here);
  }
  size_t spread() const { return highest_ - lowest_; }

 private:
  uintptr_t lowest_ = UINTPTR_MAX;
  uintptr_t highest_ = 0;
};

}  // namespace uring::testing

#endif  // TESTS_COROUTINE_TESTING_H_
