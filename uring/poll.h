// uring/poll.h
//
// Waiting until a descriptor is ready.
//
//   absl::StatusOr<int> events = co_await poll(ring, descriptor, POLLIN);
//
//   OK        the events that are there, of those asked for, with POLLERR and POLLHUP (poll(2))
//   else      the system's error, with errno_of; FailedPrecondition: the Ring was destroyed
//   cost      one request, no system call of its own
//   cancel    destroying the awaiter orphans the request. Nothing is lost: polling takes nothing.
//
// The request keeps a share in the descriptor.

#ifndef URING_POLL_H_
#define URING_POLL_H_

#include "absl/status/statusor.h"
#include "uring/descriptor.h"
#include "uring/ref.h"
#include "uring/result_operation.h"
#include "uring/ring.h"

namespace uring {

class [[nodiscard]] PollAwaiter final : public ResultAwaiter {
 public:
  PollAwaiter(Ref<RingCore> ring, Ref<Descriptor> descriptor, unsigned events);

  absl::StatusOr<int> await_resume();

 private:
  Ref<Descriptor> descriptor_;
};

PollAwaiter poll(Ring& ring, Ref<Descriptor> descriptor, unsigned events);

}  // namespace uring

#endif  // URING_POLL_H_
