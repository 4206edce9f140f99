#include "uring/owner_thread.h"

#include <pthread.h>

#include <string>

#include "uring/check.h"

namespace uring {

std::atomic<uint64_t> OwnerThread::forks_so_far{0};

OwnerThread::OwnerThread() : thread_(current_thread()) {
  [[maybe_unused]] static const int registered = pthread_atfork(
      nullptr, nullptr, [] { forks_so_far.fetch_add(1, std::memory_order_relaxed); });
  forks_ = forks_so_far.load(std::memory_order_relaxed);
}

void OwnerThread::fail(std::string_view what) const {
  std::string message(what);
  message += forked() ? ": a Ring cannot be used in a forked child; make a new one there"
                      : ": called from another thread than the one that made the Ring";
  URING_CHECK(is_current(), message);
  __builtin_unreachable();
}

}  // namespace uring
