#include "uring/pipe_signal.h"

#include <pthread.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): sigtimedwait
#include <time.h>    // NOLINT(modernize-deprecated-headers)

#include <atomic>

namespace uring {
namespace {

// linux/fs.h since 6.18.
constexpr int kNoSignal = 0x100;

std::atomic<bool> flag_is_known = true;

sigset_t pipe_signal() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGPIPE);
  return signals;
}

}  // namespace

int pipe_write_flags() {
  if (flag_is_known.load(std::memory_order_relaxed)) return kNoSignal;
  thread_local bool blocked = false;
  if (!blocked) {
    sigset_t signals = pipe_signal();
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    blocked = true;
  }
  return 0;
}

void pipe_write_flags_refused() { flag_is_known.store(false, std::memory_order_relaxed); }

void pipe_write_broke(int flags) {
  if (flags != 0) return;
  sigset_t signals = pipe_signal();
  timespec at_once = {};
  sigtimedwait(&signals, nullptr, &at_once);
}

}  // namespace uring
