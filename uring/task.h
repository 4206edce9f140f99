// uring/task.h
//
// Task<T>: a coroutine that starts when it is awaited and is cancelled by destroying it.
//
// A Task owns its coroutine's frame. Nothing runs until somebody awaits it (`co_await child()`, or
// `co_await std::move(task)`), and that only once. Destroying a suspended one destroys its frame:
// its locals and whatever it was awaiting, children included. Every awaitable of this library may
// be destroyed while it waits, so that is what cancelling means; it takes effect at once, waits for
// nothing and loses no byte.
//
//   outcomes  the value, by value or as the reference T; an exception of the coroutine passes
//             through to whoever awaits it
//   cost      one frame from uring/frame_allocator.h; no system call
//   stack     grows with the depth of calls, as in functions, never with the number of awaits: a
//             child that completes at once returns to its parent instead of resuming it
//   threads   stays on one; a coroutine that waits is resumed by its Ring's run loop, never from
//             inside the body of another coroutine, which might be its own child or its loser
//
// A task that is empty (default, moved from, awaited before) cannot be awaited: a checked failure.

#ifndef URING_TASK_H_
#define URING_TASK_H_

#include <concepts>
#include <coroutine>
#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "uring/check.h"
#include "uring/frame_allocator.h"

namespace uring {

template <class T>
class Task;

// Whoever started a task and wants to know of its end: the awaiter of its parent, or a combinator.
class TaskObserver {
 public:
  TaskObserver(const TaskObserver&) = delete;
  TaskObserver& operator=(const TaskObserver&) = delete;

  // Called when a started task has come to its end, but not if it did so within start(). Returns
  // the coroutine to resume next, std::noop_coroutine() for none. May destroy other tasks; not the
  // one that has just ended.
  virtual std::coroutine_handle<> task_ended() noexcept = 0;

 protected:
  TaskObserver() = default;
  ~TaskObserver() = default;
};

namespace internal {

// What the promises of all tasks have in common.
class TaskPromiseBase : public RecycledObject {
 public:
  // Runs when the body has ended: goes on with whatever the observer says.
  class FinalAwaiter {
   public:
    explicit FinalAwaiter(TaskPromiseBase& promise) : promise_(promise) {}
    bool await_ready() const noexcept { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<>) const noexcept {
      const bool within_start = promise_.state_ == State::kStarting;
      promise_.state_ = State::kEnded;
      if (within_start) return std::noop_coroutine();  // back to start()
      return promise_.observer_->task_ended();
    }
    void await_resume() const noexcept {}

   private:
    TaskPromiseBase& promise_;
  };

  std::suspend_always initial_suspend() const noexcept { return {}; }
  FinalAwaiter final_suspend() noexcept { return FinalAwaiter(*this); }
  void unhandled_exception() noexcept { exception_ = std::current_exception(); }

  bool start(std::coroutine_handle<> frame, TaskObserver& observer) {
    URING_CHECK(state_ == State::kLazy, "a task can be started only once");
    observer_ = &observer;
    state_ = State::kStarting;
    frame.resume();
    if (state_ == State::kEnded) return true;
    state_ = State::kSuspended;
    return false;
  }
  bool ended() const { return state_ == State::kEnded; }
  // On the stack: its frame cannot be destroyed.
  bool starting() const { return state_ == State::kStarting; }

 protected:
  TaskPromiseBase() = default;
  ~TaskPromiseBase() = default;
  void rethrow_exception() const {
    if (exception_ != nullptr) std::rethrow_exception(exception_);
  }

 private:
  enum class State : unsigned char {
    kLazy,       // not started
    kStarting,   // start() is on the stack and resumed it: at the end, return to start()
    kSuspended,  // start() has returned: at the end, tell the observer
    kEnded,      // at its final suspension point; holds a result or an exception
  };

  TaskObserver* observer_ = nullptr;
  std::exception_ptr exception_;
  State state_ = State::kLazy;
};

template <class T>
class TaskPromise final : public TaskPromiseBase {
 public:
  Task<T> get_return_object() noexcept { return Task<T>(Task<T>::Frame::from_promise(*this)); }

  template <class U = T>
    requires std::convertible_to<U&&, T>
  void return_value(U&& value) {
    value_.emplace(std::forward<U>(value));
  }
  // Ended without an exception, hence with a value.
  T result() {
    rethrow_exception();
    return std::move(*value_);  // NOLINT(bugprone-unchecked-optional-access)
  }

 private:
  std::optional<T> value_;
};

template <class T>
class TaskPromise<T&> final : public TaskPromiseBase {
 public:
  Task<T&> get_return_object() noexcept { return Task<T&>(Task<T&>::Frame::from_promise(*this)); }

  void return_value(T& value) noexcept { value_ = std::addressof(value); }
  T& result() {
    rethrow_exception();
    return *value_;
  }

 private:
  T* value_ = nullptr;
};

template <>
class TaskPromise<void> final : public TaskPromiseBase {
 public:
  Task<void> get_return_object() noexcept;

  void return_void() const noexcept {}
  void result() const { rethrow_exception(); }
};

}  // namespace internal

template <class T = void>
class [[nodiscard]] Task {
  static_assert(!std::is_rvalue_reference_v<T>, "return the value itself");

 public:
  using promise_type = internal::TaskPromise<T>;
  using value_type = T;
  class Awaiter;

  Task() = default;
  Task(Task&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    Task(std::move(other)).swap(*this);
    return *this;
  }
  ~Task() { reset(); }

  void swap(Task& other) noexcept { std::swap(frame_, other.frame_); }
  explicit operator bool() const { return frame_ != nullptr; }

  // Awaits: takes the coroutine over, and destroys it at the end of the full expression.
  Awaiter operator co_await() && { return Awaiter(std::move(*this)); }

  // For combinators, which await several tasks or none. Runs the task until it waits for the first
  // time or ends; true if it has ended. If it has not, `observer` will hear of its end, and must
  // live until then or until the task is destroyed.
  bool start(TaskObserver& observer) {
    URING_CHECK(frame_, "the task is empty: awaited twice, or moved from");
    return frame_.promise().start(frame_, observer);
  }
  // At its end; result() may be called, once.
  bool ended() const { return frame_ && frame_.promise().ended(); }
  T result() {
    URING_CHECK(ended(), "the task has no result yet");
    return frame_.promise().result();
  }
  // Destroys the coroutine, if any.
  void reset() {
    if (frame_ == nullptr) return;
    URING_CHECK(!frame_.promise().starting(), "a task was destroyed from its own body");
    std::exchange(frame_, nullptr).destroy();
  }

 private:
  friend promise_type;
  using Frame = std::coroutine_handle<promise_type>;
  explicit Task(Frame frame) : frame_(frame) {}

  Frame frame_;
};

template <class T>
class Task<T>::Awaiter final : public TaskObserver {
 public:
  explicit Awaiter(Task task) : task_(std::move(task)) {}

  // Starts the child here rather than in await_suspend: if it ends at once, the parent was never
  // suspended, and its loop of such awaits runs in one stack frame on any compiler.
  bool await_ready() { return task_.start(*this); }
  void await_suspend(std::coroutine_handle<> parent) noexcept { parent_ = parent; }
  T await_resume() { return task_.result(); }

 private:
  std::coroutine_handle<> task_ended() noexcept override { return parent_; }

  Task task_;
  std::coroutine_handle<> parent_;
};

inline Task<void> internal::TaskPromise<void>::get_return_object() noexcept {
  return Task<void>(Task<void>::Frame::from_promise(*this));
}

}  // namespace uring

#endif  // URING_TASK_H_
