// uring/raw_operation.h
//
// A request on memory that the program manages itself.
//
//   uring::RawOperation read(ring, "read log");
//   read.start([&](io_uring_sqe& entry) { io_uring_prep_read(&entry, fd, data, size, 0); });
//   int32_t result = co_await read;             // as in the completion: bytes, or minus an errno
//
// Nothing is absorbed, nothing is owned: whatever the entry points at, the descriptor too, must
// stay until the terminal completion, and that is the program's business. All the library insists
// on is that it has thought of it. A RawOperation in flight is let go only with a cancellation: a
// callable or an object that is kept until the terminal completion. Without one it is a checked
// failure.
//
//   idle ──start──▶ in flight ──terminal completion──▶ idle: may be started again
//                      ├─cancel()─▶ the kernel is asked; the operation stays yours, await its end
//                      ├─let_go(cancellation)─▶ cancelled, an orphan; the cancellation takes over
//                      └─destroyed─▶ the same, with the one that set_cancellation gave;
//                                    a checked failure if it gave none
//
// Each cancellation is run exactly once if it takes over: with the request's result, from the
// Ring's loop or while the Ring is destroyed, then it is destroyed. One that never takes over,
// because the operation came to its end before it was destroyed, is destroyed with it, not run: the
// memory is its owner's. If the Ring dies before the kernel is done (RingOptions::drain_timeout) it
// is leaked with the request, never run early. It must not destroy the Ring, and not resume
// coroutines.
//
// What awaits an operation may be destroyed without harm, the operation can be awaited again; only
// its own end counts, which in a coroutine that has it as a local comes right after. Whoever awaits
// an operation that is let go gets ECANCELED.
//
//   cost     one object of recycled memory per RawOperation; start, cancel: no system call, no
//            allocation. Name and cancellation allocate as theirs do (cancellation.h).
//   threads  those of its Ring: one
//
// For requests that complete once, and zero-copy sends (the result is that of the send, the end the
// notification). IOSQE_IO_LINK, IO_HARDLINK and CQE_SKIP_SUCCESS are checked failures: their
// completions may never come, or concern other requests. user_data is the Ring's.

#ifndef URING_RAW_OPERATION_H_
#define URING_RAW_OPERATION_H_

#include <liburing.h>

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "uring/cancellation.h"
#include "uring/operation.h"
#include "uring/ref.h"
#include "uring/ring.h"
#include "uring/waiter.h"

namespace uring {

namespace internal {

class RawRequest final : public Operation {
 public:
  RawRequest(Ref<RingCore> ring, std::string name, size_t pinned_bytes)
      : ring_(std::move(ring)), name_(std::move(name)), pinned_bytes_(pinned_bytes) {}

  // An empty entry to fill in.
  io_uring_sqe& entry();
  void start();
  void cancel();
  void set_cancellation(Cancellation cancellation);
  void let_go(Cancellation cancellation);
  void owner_destroyed();

  int32_t result() const { return result_; }

  bool wait_is_over();
  void wait(std::coroutine_handle<> waiting) { waiter_.set_handle(waiting); }
  void stop_waiting();

  std::string describe() const override { return name_; }
  size_t pinned_bytes() const override { return pinned_bytes_; }

 private:
  void detach();
  void resume_waiter(int32_t result);
  void completed(int32_t result, uint32_t flags, bool terminal) override;
  void stranded() override;

  Ref<RingCore> ring_;
  std::string name_;
  size_t pinned_bytes_;
  Cancellation cancellation_;
  int32_t last_ = 0;    // of the request that is in flight
  int32_t result_ = 0;  // what whoever awaits is told
  bool started_ = false;
  bool stranded_ = false;
  bool detached_ = false;  // the owner is gone: the cancellation has taken over
  Waiter waiter_;
};

}  // namespace internal

class RawOperation {
 public:
  class Awaiter;

  // `name` and `pinned_bytes` are for Ring::orphans() and leak reports.
  explicit RawOperation(Ring& ring, std::string name = "raw operation", size_t pinned_bytes = 0)
      : request_(make_ref<internal::RawRequest>(Ref<RingCore>(&ring.core()), std::move(name),
                                                pinned_bytes)) {}
  RawOperation(RawOperation&& other) noexcept = default;
  RawOperation& operator=(RawOperation&&) = delete;
  ~RawOperation() {
    if (request_) request_->owner_destroyed();
  }

  // Starts a request; only while none is in flight. `prepare(io_uring_sqe&)` fills the entry in,
  // now. On a Ring that cannot go on it ends at once, with ECANCELED.
  template <class Prepare>
  void start(Prepare&& prepare) {
    prepare(request_->entry());
    request_->start();
  }
  // From start until the terminal completion; for ever if the Ring cannot bring it.
  bool in_flight() const { return !request_->idle(); }
  // Of the request that has ended.
  int32_t result() const { return request_->result(); }

  // Asks the kernel to cancel the request in flight, if any. It ends as the kernel decides.
  void cancel() { request_->cancel(); }

  // For when this is destroyed in flight. Stays with the operation, also when it is started again.
  // There may be only one while a request is in flight; before, the last one counts.
  void set_cancellation(Cancellation cancellation) {
    request_->set_cancellation(std::move(cancellation));
  }
  // Lets go of the request and cancels it; `cancellation` runs at its terminal completion, or now
  // if none is in flight (with the last result, or ECANCELED if there was none). There may be only
  // one: with set_cancellation, destroy the operation instead.
  void let_go(Cancellation cancellation) && {
    std::exchange(request_, nullptr)->let_go(std::move(cancellation));
  }

  // Awaited: the result; at once if none is in flight. One coroutine at a time. A Ring that cannot
  // go on gives its errno while in_flight() stays true: the memory is the kernel's for ever.
  Awaiter operator co_await() const&;

 private:
  Ref<internal::RawRequest> request_;
};

class RawOperation::Awaiter {
 public:
  explicit Awaiter(Ref<internal::RawRequest> request) : request_(std::move(request)) {}
  Awaiter(const Awaiter&) = delete;
  Awaiter& operator=(const Awaiter&) = delete;
  ~Awaiter() {
    if (waits_) request_->stop_waiting();
  }

  bool await_ready() { return request_->wait_is_over(); }
  void await_suspend(std::coroutine_handle<> waiting) {
    waits_ = true;
    request_->wait(waiting);
  }
  int32_t await_resume() const { return request_->result(); }

 private:
  Ref<internal::RawRequest> request_;
  bool waits_ = false;
};

inline RawOperation::Awaiter RawOperation::operator co_await() const& { return Awaiter(request_); }

}  // namespace uring

#endif  // URING_RAW_OPERATION_H_
