// uring/when_any.h
//
// Awaits several things at once, goes on with the first that ends and cancels the others.
//
//   auto first = co_await when_any(reader.fill_buf(), sleep_for(ring, 1s));
//   if (first.index() == 1) …
//
//   outcomes  a std::variant whose index() says who was first (std::monostate for void,
//             std::reference_wrapper for a reference). If the first threw, its exception.
//   cost      what the tasks cost; an awaitable that is no Task costs a frame (as_task.h)
//   cancel    the losers are destroyed before the parent goes on; nobody waits for them, and by
//             the library's promise none of them takes bytes along. Destroying it destroys all.
//
// The tasks start in order, when it is awaited. One that ends at once wins, and those behind it are
// never started. It may be moved until it is awaited.

#ifndef URING_WHEN_ANY_H_
#define URING_WHEN_ANY_H_

#include <coroutine>
#include <cstddef>
#include <tuple>
#include <utility>
#include <variant>

#include "uring/as_task.h"
#include "uring/task.h"

namespace uring {

template <class... Ts>
class [[nodiscard]] WhenAny final : private TaskObserver {
  static_assert(sizeof...(Ts) > 0, "the first of none never comes");

 public:
  using Result = std::variant<internal::StoredResult<Ts>...>;

  explicit WhenAny(Task<Ts>... tasks) : tasks_(std::move(tasks)...) {}
  WhenAny(WhenAny&& other) noexcept : tasks_(std::move(other.tasks_)) {}

  bool await_ready() {
    const bool ended =
        std::apply([this](auto&... task) { return (this->start(task) || ...); }, tasks_);
    if (ended) destroy_losers();
    return ended;
  }
  void await_suspend(std::coroutine_handle<> parent) noexcept { parent_ = parent; }
  Result await_resume() { return take_result<0>(); }

 private:
  // Two may have ended when one of them was resumed out of turn, by the task that starts now.
  template <class T>
  bool start(Task<T>& task) {
    return task.start(*this) || ended_while_starting_;
  }

  std::coroutine_handle<> task_ended() noexcept override {
    if (parent_ == nullptr) {
      ended_while_starting_ = true;
      return std::noop_coroutine();
    }
    destroy_losers();
    return parent_;
  }

  void destroy_losers() {
    bool found = false;
    const auto keep_first_ended = [&found](auto& task) {
      if (found || !task.ended()) return task.reset();
      found = true;
    };
    std::apply([&](auto&... task) { (keep_first_ended(task), ...); }, tasks_);
  }

  // The winner is the only task that is left.
  template <size_t I>
  Result take_result() {
    auto& task = std::get<I>(tasks_);
    if constexpr (I + 1 < sizeof...(Ts)) {
      if (!task) return take_result<I + 1>();
    }
    return Result(std::in_place_index<I>, internal::stored_result(task));
  }

  std::tuple<Task<Ts>...> tasks_;
  std::coroutine_handle<> parent_;
  bool ended_while_starting_ = false;
};

template <class... A>
auto when_any(A&&... awaitables) {
  return WhenAny<typename AsTask<A>::value_type...>(as_task(std::forward<A>(awaitables))...);
}

}  // namespace uring

#endif  // URING_WHEN_ANY_H_
