// tests/structured/parked.h
//
// A place where one coroutine of a Ring waits until somebody lets it go on.

#ifndef TESTS_STRUCTURED_PARKED_H_
#define TESTS_STRUCTURED_PARKED_H_

#include <coroutine>

#include "uring/ring.h"
#include "uring/ring_core.h"
#include "uring/waiter.h"

namespace uring::testing {

class Parked {
 public:
  explicit Parked(Ring& ring) : core_(ring.core()) {}

  class Awaiter {
   public:
    explicit Awaiter(Parked& parked) : parked_(parked) {}
    Awaiter(const Awaiter&) = delete;
    Awaiter& operator=(const Awaiter&) = delete;
    ~Awaiter() { parked_.waiter_ = nullptr; }
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiting) {
      waiter_.set_handle(waiting);
      parked_.waiter_ = &waiter_;
    }
    void await_resume() const noexcept {}

   private:
    Parked& parked_;
    Waiter waiter_;
  };
  Awaiter operator co_await() { return Awaiter(*this); }

  bool occupied() const { return waiter_ != nullptr; }
  // On the Ring's thread.
  void let_go() { core_.make_ready(*waiter_); }

 private:
  RingCore& core_;
  Waiter* waiter_ = nullptr;
};

}  // namespace uring::testing

#endif  // TESTS_STRUCTURED_PARKED_H_
