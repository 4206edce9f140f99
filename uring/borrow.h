// uring/borrow.h
//
// A read into, or a write from, the caller's own memory. Made by a Scope (scope.h).
//
// The kernel is given the caller's address, so nothing is copied and nothing allocated but the
// request's own recycled state. What makes that safe is that the awaiter does not go before the
// kernel is done: not resumed, because only the terminal completion resumes it; and not destroyed,
// because its destructor cancels the request and *blocks* until the terminal completion, taking
// completions from the ring without resuming anybody (RingCore::settle).
//
//   cost of destroying it while it waits
//     pipes, sockets, terminals   a system call: cancelling works at once
//     files                       as long as the device takes for a read that it works on
//     at most                     RingOptions::drain_timeout; then the process ends with a message,
//                                 for the memory is about to go and the kernel may still write
//   Scope::cancel and stop tokens do not block: they let the loop wait for the completion.

#ifndef URING_BORROW_H_
#define URING_BORROW_H_

#include <sys/uio.h>

#include <coroutine>
#include <cstddef>
#include <span>

#include "absl/status/statusor.h"
#include "uring/file.h"
#include "uring/list.h"
#include "uring/ref.h"
#include "uring/transfer.h"

namespace uring {

class Scope;
struct BorrowTag;

class BorrowedTransfer final : public Transfer {
 public:
  BorrowedTransfer(const File& file, Plan plan, void* data, size_t size)
      : Transfer(file, plan), part_({data, size}) {}

  // Never an orphan, so it pins nothing that the Ring could hold back.
  size_t pinned_bytes() const override { return 0; }

 private:
  std::span<iovec> lay_out() override { return std::span(&part_, 1); }
  void drop() override {}
  // Whoever waits must not go on, since the memory would be his again: he waits for ever, and the
  // loop says why when nobody else is left.
  void stranded() override {}

  iovec part_;
};

// Awaited: how many bytes have gone over, or the error. Belongs to a Scope from when it is awaited;
// may be moved until then.
class [[nodiscard]] Borrow : private ListNode<BorrowTag> {
 public:
  Borrow(Scope& scope, const File& file, Transfer::Plan plan, void* data, size_t size);
  Borrow(Borrow&& other) noexcept;
  ~Borrow();

  bool await_ready();
  void await_suspend(std::coroutine_handle<> waiting);
  absl::StatusOr<size_t> await_resume();

 private:
  friend class Scope;
  friend class List<Borrow, BorrowTag>;

  // Cancels and blocks until the kernel is done.
  void settle();
  void end();

  Scope* scope_;  // null once it has gone
  Ref<RingCore> core_;
  Ref<BorrowedTransfer> transfer_;
  bool waiting_ = false;
};

}  // namespace uring

#endif  // URING_BORROW_H_
