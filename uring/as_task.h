// uring/as_task.h
//
// Any awaitable as a Task, for those who must hold it before they await it: when_all, when_any,
// with_timeout, block_on.
//
//   cost      a Task passes through; anything else gets a coroutine frame
//   owns      an rvalue is moved into the frame; an lvalue is awaited where it is and must outlive
//             the task

#ifndef URING_AS_TASK_H_
#define URING_AS_TASK_H_

#include <functional>
#include <type_traits>
#include <utility>
#include <variant>

#include "uring/task.h"

namespace uring {
namespace internal {

// The object that `co_await` calls; only for decltype.
template <class A>
decltype(auto) awaiter_of(A&& awaitable) {
  if constexpr (requires { std::forward<A>(awaitable).operator co_await(); }) {
    return std::forward<A>(awaitable).operator co_await();
  } else if constexpr (requires { operator co_await(std::forward<A>(awaitable)); }) {
    return operator co_await(std::forward<A>(awaitable));
  } else {
    return std::forward<A>(awaitable);
  }
}

template <class A>
using AwaiterOf = std::remove_reference_t<decltype(awaiter_of(std::declval<A>()))>;

}  // namespace internal

// What may stand behind `co_await`.
template <class A>
concept Awaitable = requires(internal::AwaiterOf<A&&>& awaiter, std::coroutine_handle<> handle) {
  awaiter.await_ready() ? 0 : 1;
  awaiter.await_suspend(handle);
  awaiter.await_resume();
};

namespace internal {

template <class T>
struct TaskResult {
  using type = T;
};
template <class T>
struct TaskResult<T&&> {
  using type = std::remove_cv_t<T>;
};

// What awaiting an A gives; a value where the awaiter returns an rvalue reference.
template <Awaitable A>
using AwaitedBy =
    typename TaskResult<decltype(std::declval<AwaiterOf<A&&>&>().await_resume())>::type;

// `A` is a value or an lvalue reference.
template <class A>
Task<AwaitedBy<A>> await_as_task(A awaitable) {
  if constexpr (std::is_void_v<AwaitedBy<A>>) {
    co_await std::forward<A>(awaitable);
  } else {
    co_return co_await std::forward<A>(awaitable);
  }
}

}  // namespace internal

template <class T>
Task<T> as_task(Task<T> task) {
  return task;
}

template <Awaitable A>
Task<internal::AwaitedBy<A>> as_task(A&& awaitable) {
  return internal::await_as_task<A>(std::forward<A>(awaitable));
}

template <class A>
using AsTask = decltype(as_task(std::declval<A>()));

namespace internal {

// A result where it must be an object: monostate for void, a reference_wrapper for a reference.
template <class T>
struct Stored {
  using type = T;
};
template <>
struct Stored<void> {
  using type = std::monostate;
};
template <class T>
struct Stored<T&> {
  using type = std::reference_wrapper<T>;
};
template <class T>
using StoredResult = typename Stored<T>::type;

template <class T>
StoredResult<T> stored_result(Task<T>& task) {
  if constexpr (std::is_void_v<T>) {
    task.result();
    return std::monostate();
  } else {
    return task.result();
  }
}

}  // namespace internal
}  // namespace uring

#endif  // URING_AS_TASK_H_
