#include "uring/signals.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "uring/poll.h"
#include "uring/status.h"

namespace uring {

absl::StatusOr<Signals> Signals::block(Ring& ring, std::initializer_list<int> signals) {
  sigset_t wanted;
  sigemptyset(&wanted);
  for (int signal : signals) {
    if (sigaddset(&wanted, signal) != 0)
      return absl::InvalidArgumentError(absl::StrCat("there is no signal ", signal));
  }
  int fd = ::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
  if (fd < 0) return errno_status(errno, "signalfd", "signals");
  auto descriptor = make_ref<Descriptor>(fd, Descriptor::Ownership::kOwned, "signals");
  sigset_t before;
  int error = pthread_sigmask(SIG_BLOCK, &wanted, &before);
  if (error != 0) return errno_status(error, "pthread_sigmask", "signals");
  sigset_t blocked;
  sigemptyset(&blocked);
  for (int signal : signals) {
    if (sigismember(&before, signal) == 0) sigaddset(&blocked, signal);
  }
  return Signals(Ref<RingCore>(&ring.core()), std::move(descriptor), blocked);
}

Signals::Signals(Ref<RingCore> ring, Ref<Descriptor> descriptor, const sigset_t& blocked)
    : ring_(std::move(ring)), descriptor_(std::move(descriptor)), blocked_(blocked) {}

Signals::Signals(Signals&& other) noexcept = default;

Signals& Signals::operator=(Signals&& other) noexcept {
  std::swap(ring_, other.ring_);
  std::swap(descriptor_, other.descriptor_);
  std::swap(blocked_, other.blocked_);
  return *this;
}

Signals::~Signals() {
  if (descriptor_) pthread_sigmask(SIG_UNBLOCK, &blocked_, nullptr);
}

Task<absl::StatusOr<int>> Signals::next() {
  for (;;) {
    signalfd_siginfo info;
    if (::read(descriptor_->fd(), &info, sizeof info) == sizeof info)
      co_return static_cast<int>(info.ssi_signo);
    if (errno != EAGAIN && errno != EINTR) co_return errno_status(errno, "read", "signals");
    absl::StatusOr<int> events = co_await PollAwaiter(ring_, descriptor_, POLLIN);
    if (!events.ok()) co_return std::move(events).status();
  }
}

}  // namespace uring
