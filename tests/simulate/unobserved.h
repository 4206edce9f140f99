// tests/simulate/unobserved.h
//
// For tasks that are started and then looked at, not awaited.

#ifndef TESTS_SIMULATE_UNOBSERVED_H_
#define TESTS_SIMULATE_UNOBSERVED_H_

#include <coroutine>

#include "uring/task.h"

namespace bufio::simulate {

// Told nothing of a task's end. One does for all tasks.
class Unobserved final : public uring::TaskObserver {
 public:
  static Unobserved& instance() {
    static Unobserved nobody;
    return nobody;
  }

 private:
  std::coroutine_handle<> task_ended() noexcept override { return std::noop_coroutine(); }
};

}  // namespace bufio::simulate

#endif  // TESTS_SIMULATE_UNOBSERVED_H_
