// uring/signals.h
//
// Signals as something to wait for, for a server that is to stop in good order.
//
//   absl::StatusOr<Signals> signals = Signals::block(ring, {SIGINT, SIGTERM});
//   absl::StatusOr<int> signal = co_await signals->next();
//   stop.request_stop();                       // finish what is in hand, accept nothing more
//
// The signals are blocked on the thread that calls block(), and on the threads that it starts from
// then on: call it before there are any, or the system delivers them to those, which ends the
// process. The destructor unblocks what was not blocked before; a signal that nobody took by then
// is delivered.
//
//   cancel    destroying a waiting next() loses no signal: the next call gets it
//
// Signals of one kind that come before they are taken are one (signal(7)). Belongs to its Ring's
// thread.

#ifndef URING_SIGNALS_H_
#define URING_SIGNALS_H_

#include <signal.h>

#include <initializer_list>

#include "absl/status/statusor.h"
#include "uring/descriptor.h"
#include "uring/ref.h"
#include "uring/ring.h"
#include "uring/task.h"

namespace uring {

class Signals {
 public:
  // InvalidArgument for what is no signal; else the errors of signalfd(2). Two system calls.
  static absl::StatusOr<Signals> block(Ring& ring, std::initializer_list<int> signals);

  Signals(Signals&& other) noexcept;
  Signals& operator=(Signals&& other) noexcept;
  ~Signals();

  // The number of the next signal; FailedPrecondition if the Ring was destroyed. A poll, and a
  // system call for each signal. One caller at a time.
  Task<absl::StatusOr<int>> next();

 private:
  Signals(Ref<RingCore> ring, Ref<Descriptor> descriptor, const sigset_t& blocked);

  Ref<RingCore> ring_;
  Ref<Descriptor> descriptor_;  // null: moved from
  sigset_t blocked_;            // by us
};

}  // namespace uring

#endif  // URING_SIGNALS_H_
