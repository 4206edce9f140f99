// tests/canary/task.h
//
// The smallest lazy task and awaiters to try a compiler with; on purpose none of uring/'s code.
//
// In Mode::kReady every awaiter is ready at once; in Mode::kSuspending each one waits until the
// test's loop resumes it.

#ifndef TESTS_CANARY_TASK_H_
#define TESTS_CANARY_TASK_H_

#include <coroutine>
#include <deque>
#include <exception>
#include <optional>
#include <utility>

namespace canary {

enum class Mode { kReady, kSuspending };

// What waits to be resumed. For one thread.
inline std::deque<std::coroutine_handle<>>& waiting() {
  static std::deque<std::coroutine_handle<>> handles;
  return handles;
}

template <class T>
class Task {
 public:
  class promise_type;
  using Handle = std::coroutine_handle<promise_type>;

  explicit Task(Handle handle) : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  ~Task() {
    if (handle_) handle_.destroy();
  }

  class Awaiter {
   public:
    explicit Awaiter(Handle handle) : handle_(handle) {}
    bool await_ready() const noexcept { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> parent) noexcept {
      handle_.promise().parent_ = parent;
      return handle_;
    }
    T await_resume() { return handle_.promise().take(); }

   private:
    Handle handle_;
  };
  Awaiter operator co_await() && { return Awaiter(handle_); }

  // Outside of coroutines.
  void start() { handle_.resume(); }
  bool done() const { return handle_.done(); }
  T take() { return handle_.promise().take(); }

  class promise_type {
   public:
    Task get_return_object() { return Task(Handle::from_promise(*this)); }
    std::suspend_always initial_suspend() noexcept { return {}; }
    auto final_suspend() noexcept { return Final(); }
    template <class U>
    void return_value(U&& value) {
      value_.emplace(std::forward<U>(value));
    }
    void unhandled_exception() { exception_ = std::current_exception(); }

   private:
    friend Task;
    friend Awaiter;

    struct Final {
      bool await_ready() noexcept { return false; }
      std::coroutine_handle<> await_suspend(Handle self) noexcept {
        const std::coroutine_handle<> parent = self.promise().parent_;
        return parent ? parent : std::noop_coroutine();
      }
      void await_resume() noexcept {}
    };

    T take() {
      if (exception_) std::rethrow_exception(exception_);
      return *std::move(value_);
    }

    std::coroutine_handle<> parent_;
    std::optional<T> value_;
    std::exception_ptr exception_;
  };

 private:
  Handle handle_;
};

// An awaiter with a member that is not trivial and, as it must be, a constructor.
template <class T>
class After {
 public:
  After(Mode mode, T value) : mode_(mode), value_(std::move(value)) {}
  bool await_ready() const noexcept { return mode_ == Mode::kReady; }
  void await_suspend(std::coroutine_handle<> self) { waiting().push_back(self); }
  T await_resume() { return std::move(value_); }

 private:
  Mode mode_;
  T value_;
};

}  // namespace canary

#endif  // TESTS_CANARY_TASK_H_
