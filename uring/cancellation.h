// uring/cancellation.h
//
// What is kept for a request whose owner has gone, and done when the kernel lets go of it.
//
//   Cancellation([buffer = std::move(buffer), &pool](int32_t result) mutable { pool.put(…); });
//   Cancellation([] { … });                     the result does not matter
//   Cancellation(std::move(bytes));             a string, unique_ptr, shared_ptr, …: only kept
//
// Whatever cannot be called is kept and destroyed. Holds anything that can be moved; up to two
// pointers' size without an allocation. Movable; empty by default.

#ifndef URING_CANCELLATION_H_
#define URING_CANCELLATION_H_

#include <concepts>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "absl/functional/any_invocable.h"

namespace uring {

class Cancellation {
 public:
  Cancellation() = default;
  template <class T>
  requires(!std::same_as<std::remove_cvref_t<T>, Cancellation>) Cancellation(T&& what)
      : run_(callable(std::forward<T>(what))) {}  // NOLINT: anything is one

  explicit operator bool() const { return run_ != nullptr; }

  // Runs it, or destroys what was kept; it is empty then. Not empty before.
  void run(int32_t result) { std::exchange(run_, nullptr)(result); }

 private:
  using Function = absl::AnyInvocable<void(int32_t)>;

  template <class T>
  static Function callable(T&& what) {
    using Kept = std::decay_t<T>;
    if constexpr (std::invocable<Kept&, int32_t>) {
      return Function(std::forward<T>(what));
    } else if constexpr (std::invocable<Kept&>) {
      return [what = Kept(std::forward<T>(what))](int32_t) mutable { what(); };
    } else {
      return [kept = Kept(std::forward<T>(what))](int32_t) {};
    }
  }

  Function run_;
};

}  // namespace uring

#endif  // URING_CANCELLATION_H_
