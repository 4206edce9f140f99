// bufio/testing/cancel_every.h
//
// Every k-th call is given up while it waits, and made again: no byte may be lost.
//
//   CancelEvery cancels(ring, 1);
//   auto next = [&messages] { return messages.next(); };
//   for (;;) {
//     auto message = co_await cancels.call(next);
//     …
//   }
//   EXPECT_GT(cancels.given_up(), 0U);
//
// The call is destroyed as when_any destroys a loser. Only calls that may be made again: those of a
// Reader, but for skip() and read_to_end(), and Messages' next().

#ifndef BUFIO_TESTING_CANCEL_EVERY_H_
#define BUFIO_TESTING_CANCEL_EVERY_H_

#include <cstddef>
#include <utility>
#include <variant>

#include "uring/as_task.h"
#include "uring/ring.h"
#include "uring/sleep.h"
#include "uring/task.h"
#include "uring/when_any.h"

namespace bufio::testing {

class CancelEvery {
 public:
  // `turns`: of the Ring's loop that a call is given before it is given up, 1 or more.
  CancelEvery(uring::Ring& ring, size_t k, size_t turns = 1) : ring_(ring), k_(k), turns_(turns) {}

  // The result of the awaitable that `make()` makes. `make` is used by reference: give it a name,
  // for g++ 12 miscompiles a lambda within an await.
  template <class Make>
  auto call(Make& make) -> uring::AsTask<decltype(make())> {
    if (++calls_ % k_ == 0) {
      auto first = co_await uring::when_any(uring::as_task(make()), pause());
      if (first.index() == 0) co_return std::get<0>(std::move(first));
      ++given_up_;
    }
    co_return co_await make();
  }

  // Calls that were waiting when they were given up.
  size_t given_up() const { return given_up_; }

 private:
  uring::Task<void> pause() {
    for (size_t i = 0; i < turns_; ++i) co_await uring::yield(ring_);
  }

  uring::Ring& ring_;
  size_t k_;
  size_t turns_;
  size_t calls_ = 0;
  size_t given_up_ = 0;
};

}  // namespace bufio::testing

#endif  // BUFIO_TESTING_CANCEL_EVERY_H_
