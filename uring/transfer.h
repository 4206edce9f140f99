// uring/transfer.h
//
// The state of one call that reads or writes memory which the operation itself owns: what
// read_owned, write_owned and their kin have in common. What kind of buffer it is, owned_transfer.h
// knows.
//
// Absorbs interruptions and descriptors that are not ready (absorb.h), and goes on after a short
// transfer where the whole is asked for; all that is one Operation, started again and again.
//
//   fresh ──prepare──▶ finished                  nothing to ask the kernel for, or no way to
//           └─start──▶ waits ──┬─▶ finished      the terminal completion: result, memory is ours
//                              ├─▶ let go        orphan; memory is dropped at the terminal
//                              completion └─▶ stranded      the Ring cannot go on; memory is the
//                              kernel's for ever
//
// Belongs to one Ring and its thread. No allocation but the object's own.

#ifndef URING_TRANSFER_H_
#define URING_TRANSFER_H_

#include <sys/socket.h>
#include <sys/uio.h>

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "uring/absorb.h"
#include "uring/file.h"
#include "uring/operation.h"
#include "uring/stop_link.h"
#include "uring/waiter.h"

namespace uring {

class Transfer : public Operation, private StopLink {
 public:
  enum class Way : uint8_t { kRead, kWrite };
  // As much as the memory holds.
  static constexpr size_t kAll = SIZE_MAX;

  // What is to be done.
  struct Plan {
    Way way;
    FileOffset offset;
    bool whole = false;         // a short transfer goes on
    size_t length = kAll;       // bytes
    std::stop_token stop = {};  // asks for cancel(), on whichever thread
  };

  // --- for whoever waits, in this order ----------------------------------------------------------

  // Lays the memory out; true if the call is finished already. Once: else a checked failure.
  bool prepare();
  void start(std::coroutine_handle<> waiting);
  // Asks for the end: once it comes nothing is sent again. Fresh: it will be finished by prepare().
  // Finished: nothing happens.
  void cancel();
  // The waiter has been resumed, or prepare() was true. Whether the memory is ours: not if the
  // operation is stranded.
  bool resumed();
  // The waiter leaves, whatever the state.
  void let_go();

  // Once finished, or stranded.
  const absl::Status& status() const { return status_; }
  // How many bytes have gone over, error or not.
  size_t transferred() const { return transferred_; }

  std::string describe() const override;
  size_t pinned_bytes() const override { return pinned_; }

 protected:
  Transfer(const File& file, Plan plan);

  Way way() const { return plan_.way; }
  bool prepared() const { return prepared_; }

  // The memory, at its final address, in order, in lengths that it has (read) or that count
  // (write). Called once. The Transfer shortens it from the front as bytes go over.
  virtual std::span<iovec> lay_out() = 0;
  // Frees the memory: nobody will ask for it any more.
  virtual void drop() = 0;

 private:
  void limit_to(size_t length);
  void advance(size_t bytes);
  void send();
  void send_poll();
  void finish(absl::Status status);
  absl::Status failure(int error) const;
  absl::Status failure_of_ring() const;
  absl::Status early_end() const;
  void completed(int32_t result, uint32_t flags, bool terminal) override;
  void stranded() override;
  void stopped() override { cancel(); }

  Ref<RingCore> ring_;
  Ref<Descriptor> descriptor_;  // until finished
  Plan plan_;
  std::span<iovec> left_;  // what has not gone over yet
  msghdr message_;
  size_t asked_ = 0;  // bytes, in the request that is in flight
  size_t transferred_ = 0;
  size_t pinned_ = 0;
  absl::Status status_;
  Absorber absorber_;
  bool socket_;
  bool prepared_ = false;
  bool finished_ = false;
  bool cancelled_ = false;
  bool signal_free_ = false;     // the request in flight asks for no SIGPIPE
  bool signal_refused_ = false;  // the kernel does not know how
  Waiter waiter_;
};

}  // namespace uring

#endif  // URING_TRANSFER_H_
