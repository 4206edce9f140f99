// uring/when_all.h
//
// Awaits several things at once and goes on when all have ended.
//
//   auto [head, body] = co_await when_all(read_head(a), read_body(b));
//
//   outcomes  the results in order: a tuple (std::monostate for void, std::reference_wrapper for a
//             reference), or a std::vector for a vector of tasks (nothing for tasks of void). If
//             some threw, then, after all have ended, the first of these exceptions in order.
//   cost      what the tasks cost; an awaitable that is no Task costs a frame (as_task.h)
//   cancel    destroying it destroys every task that has not ended
//
// The tasks start in order, when it is awaited. It may be moved until then.

#ifndef URING_WHEN_ALL_H_
#define URING_WHEN_ALL_H_

#include <coroutine>
#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "uring/as_task.h"
#include "uring/task.h"

namespace uring {
namespace internal {

// Counts the tasks that have not ended, and resumes the parent after the last.
class Countdown : public TaskObserver {
 protected:
  Countdown() = default;
  ~Countdown() = default;

  // One more than the number of tasks: the last one is for having started all.
  void set(size_t count) { pending_ = count; }
  bool count_down() { return --pending_ == 0; }
  template <class T>
  void start(Task<T>& task) {
    if (task.start(*this)) count_down();
  }
  void set_parent(std::coroutine_handle<> parent) { parent_ = parent; }

 private:
  std::coroutine_handle<> task_ended() noexcept final {
    if (count_down()) return parent_;
    return std::noop_coroutine();
  }

  size_t pending_ = 0;
  std::coroutine_handle<> parent_;
};

}  // namespace internal

template <class... Ts>
class [[nodiscard]] WhenAll final : private internal::Countdown {
 public:
  explicit WhenAll(Task<Ts>... tasks) : tasks_(std::move(tasks)...) {}
  WhenAll(WhenAll&& other) noexcept : tasks_(std::move(other.tasks_)) {}

  bool await_ready() {
    set(sizeof...(Ts) + 1);
    std::apply([this](auto&... task) { (this->start(task), ...); }, tasks_);
    return count_down();
  }
  void await_suspend(std::coroutine_handle<> parent) noexcept { set_parent(parent); }
  std::tuple<internal::StoredResult<Ts>...> await_resume() {
    return std::apply(
        [](auto&... task) {
          return std::tuple<internal::StoredResult<Ts>...>{internal::stored_result(task)...};
        },
        tasks_);
  }

 private:
  std::tuple<Task<Ts>...> tasks_;
};

template <class T>
class [[nodiscard]] WhenAllOf final : private internal::Countdown {
 public:
  explicit WhenAllOf(std::vector<Task<T>> tasks) : tasks_(std::move(tasks)) {}
  WhenAllOf(WhenAllOf&& other) noexcept : tasks_(std::move(other.tasks_)) {}

  bool await_ready() {
    set(tasks_.size() + 1);
    for (Task<T>& task : tasks_) start(task);
    return count_down();
  }
  void await_suspend(std::coroutine_handle<> parent) noexcept { set_parent(parent); }
  auto await_resume() {
    if constexpr (std::is_void_v<T>) {
      for (Task<T>& task : tasks_) task.result();
    } else {
      std::vector<internal::StoredResult<T>> results;
      results.reserve(tasks_.size());
      for (Task<T>& task : tasks_) results.push_back(internal::stored_result(task));
      return results;
    }
  }

 private:
  std::vector<Task<T>> tasks_;
};

template <class... A>
auto when_all(A&&... awaitables) {
  return WhenAll<typename AsTask<A>::value_type...>(as_task(std::forward<A>(awaitables))...);
}

template <class T>
WhenAllOf<T> when_all(std::vector<Task<T>> tasks) {
  return WhenAllOf<T>(std::move(tasks));
}

}  // namespace uring

#endif  // URING_WHEN_ALL_H_
