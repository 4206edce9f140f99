// uring/owner_thread.h
//
// Which thread of which process something belongs to.
//
// A check costs two loads and two compares: no system call. Forks are counted by a pthread_atfork
// handler, because asking getpid() each time would be one.

#ifndef URING_OWNER_THREAD_H_
#define URING_OWNER_THREAD_H_

#include <atomic>
#include <cstdint>
#include <string_view>

namespace uring {

class OwnerThread {
 public:
  // The calling thread.
  OwnerThread();

  bool is_current() const { return thread_ == current_thread() && !forked(); }
  // In a child of the process that made this.
  bool forked() const { return forks_ != forks_so_far.load(std::memory_order_relaxed); }
  // Ends the process with a message that names `what`, unless is_current().
  void check(std::string_view what) const {
    if (!is_current()) [[unlikely]]
      fail(what);
  }

 private:
  // The address of a thread's own variable identifies it while it lives.
  static const void* current_thread() {
    static thread_local char here;
    return &here;
  }
  [[noreturn]] void fail(std::string_view what) const;

  static std::atomic<uint64_t> forks_so_far;

  const void* thread_;
  uint64_t forks_;
};

}  // namespace uring

#endif  // URING_OWNER_THREAD_H_
