// uring/owned_transfer.h
//
// What the calls of read_owned.h and write_owned.h return: awaitables that carry buffers there and
// back.
//
// The buffer is moved into the call's heap state at once, and stays at that address until the call
// is over. The request is sent when the call is awaited; until then it may be moved. A call that is
// to be cancelled is given a name first:
//
//   auto read = uring::read_owned(file, std::move(buffer), 0);
//   spawn(ring, cancel_after(100ms, read.canceller()));      // or read.cancel() from elsewhere
//   auto [result, bytes] = co_await read;
//
//   cost      one object of recycled memory: with a buffer that is ready, no allocation in steady
//             state; vectored calls allocate two arrays. One request, more after short transfers or
//             EAGAIN. The system call is that of the Ring's next turn.
//   cancel()  asks the kernel; the call ends with the terminal completion, as usual. If bytes had
//             gone over they are there; if not, the result is Cancelled. The buffer comes back.
//             A std::stop_token, the last argument of each call, does the same from any thread, in
//             the loop's next turn; then the Ring's way of being posted to is set up (stop_link.h),
//             and its errors are the call's.
//   destroyed while it waits: the buffer, its bytes and a share in the descriptor stay with the
//             request, which is cancelled and listed by Ring::orphans(), and are freed at its
//             terminal completion. Not handed to the kernel yet: freed at once.
//   the Ring  was destroyed, or cannot go on: FailedPrecondition, or why it cannot. The buffer
//   comes
//             back, unless the kernel may still use it: then it is leaked with the request, and an
//             empty one comes back. A call that waits while its Ring is destroyed is never resumed.
//   awaited twice: a checked failure
//
// Belong to the thread of the File's Ring.

#ifndef URING_OWNED_TRANSFER_H_
#define URING_OWNED_TRANSFER_H_

#include <algorithm>
#include <coroutine>
#include <cstddef>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "uring/file.h"
#include "uring/owned_buffer.h"
#include "uring/ref.h"
#include "uring/transfer.h"

namespace uring {

// Of a call that transfers once. `Held` is the buffer, or the vector of buffers.
template <class Held>
struct OwnedResult {
  absl::StatusOr<size_t> result;  // bytes; reading, 0 is the end of the file
  Held buffer;
};

// Of a call that goes on until it is done.
template <class Held>
struct OwnedExactResult {
  absl::Status status;  // OK: everything
  Held buffer;
  size_t transferred;  // bytes that have gone over, whatever the status
};

// Cancels a call from elsewhere on the same thread. May outlive it.
class Canceller {
 public:
  explicit Canceller(Ref<Transfer> transfer) : transfer_(std::move(transfer)) {}
  void cancel() const { transfer_->cancel(); }

 private:
  Ref<Transfer> transfer_;
};

namespace internal {

// A transfer of one buffer.
template <OwnedBuffer B>
class BufferTransfer final : public Transfer {
 public:
  using Held = B;
  BufferTransfer(const File& file, Plan plan, B buffer)
      : Transfer(file, std::move(plan)), buffer_(std::move(buffer)) {}

  B take() {
    if (!resumed()) return B();
    if (prepared() && way() == Way::kRead)
      Traits::set_size(*buffer_, std::max(size_, transferred()));
    return *std::move(buffer_);
  }

 private:
  using Traits = OwnedBufferTraits<B>;

  std::span<iovec> lay_out() override {
    size_ = Traits::size(*buffer_);
    const size_t length = way() == Way::kRead ? Traits::capacity(*buffer_) : size_;
    if (way() == Way::kRead) Traits::set_size(*buffer_, length);
    part_ = {Traits::data(*buffer_), length};
    return {&part_, 1};
  }
  void drop() override { buffer_.reset(); }

  std::optional<B> buffer_;
  iovec part_ = {};
  size_t size_ = 0;  // before it was read into
};

// A transfer of several, in order.
template <OwnedBuffer B>
class BuffersTransfer final : public Transfer {
 public:
  using Held = std::vector<B>;
  BuffersTransfer(const File& file, Plan plan, std::vector<B> buffers)
      : Transfer(file, std::move(plan)), buffers_(std::move(buffers)) {}

  std::vector<B> take() {
    if (!resumed()) return {};
    if (prepared() && way() == Way::kRead) set_sizes();
    return std::move(buffers_);
  }

 private:
  using Traits = OwnedBufferTraits<B>;

  std::span<iovec> lay_out() override {
    parts_.reserve(buffers_.size());
    sizes_.reserve(buffers_.size());
    for (B& buffer : buffers_) {
      const size_t size = Traits::size(buffer);
      const size_t length = way() == Way::kRead ? Traits::capacity(buffer) : size;
      if (way() == Way::kRead) Traits::set_size(buffer, length);
      sizes_.push_back(size);
      parts_.push_back({Traits::data(buffer), length});
    }
    return parts_;
  }
  void drop() override { buffers_.clear(); }
  void set_sizes() {
    size_t left = transferred();
    for (size_t i = 0; i < buffers_.size(); ++i) {
      const size_t read = std::min(left, Traits::capacity(buffers_[i]));
      left -= read;
      Traits::set_size(buffers_[i], std::max(sizes_[i], read));
    }
  }

  std::vector<B> buffers_;
  std::vector<iovec> parts_;
  std::vector<size_t> sizes_;  // before they were read into
};

}  // namespace internal

// What all calls have in common.
class TransferCall {
 public:
  // May also be called before the call is awaited, and after its end.
  void cancel() { transfer_->cancel(); }
  Canceller canceller() const { return Canceller(transfer_); }

 protected:
  explicit TransferCall(Ref<Transfer> transfer) : transfer_(std::move(transfer)) {}
  TransferCall(TransferCall&& other) noexcept = default;
  ~TransferCall() {
    if (transfer_) transfer_->let_go();
  }

  Transfer& transfer() const { return *transfer_; }

  // What `co_await` calls: not the call itself, of which g++ 12 would want a copy if it has a name.
  class Awaiter {
   public:
    bool await_ready() { return transfer_.prepare(); }
    void await_suspend(std::coroutine_handle<> waiting) { transfer_.start(waiting); }

   protected:
    explicit Awaiter(Transfer& transfer) : transfer_(transfer) {}
    Transfer& transfer() const { return transfer_; }

   private:
    Transfer& transfer_;
  };

 private:
  Ref<Transfer> transfer_;
};

// One transfer of `T`, internal::BufferTransfer or internal::BuffersTransfer.
template <class T>
class [[nodiscard]] OwnedCall : public TransferCall {
 public:
  OwnedCall(const File& file, Transfer::Plan plan, typename T::Held held)
      : TransferCall(make_ref<T>(file, std::move(plan), std::move(held))) {}

  class Awaiter : public TransferCall::Awaiter {
   public:
    explicit Awaiter(Transfer& transfer) : TransferCall::Awaiter(transfer) {}
    OwnedResult<typename T::Held> await_resume() {
      T& transfer = static_cast<T&>(this->transfer());
      typename T::Held held = transfer.take();
      if (!transfer.status().ok()) return {transfer.status(), std::move(held)};
      return {transfer.transferred(), std::move(held)};
    }
  };
  Awaiter operator co_await() const { return Awaiter(transfer()); }
};

// The whole of a transfer.
template <class T>
class [[nodiscard]] OwnedExactCall : public TransferCall {
 public:
  OwnedExactCall(const File& file, Transfer::Plan plan, typename T::Held held)
      : TransferCall(make_ref<T>(file, std::move(plan), std::move(held))) {}

  class Awaiter : public TransferCall::Awaiter {
   public:
    explicit Awaiter(Transfer& transfer) : TransferCall::Awaiter(transfer) {}
    OwnedExactResult<typename T::Held> await_resume() {
      T& transfer = static_cast<T&>(this->transfer());
      typename T::Held held = transfer.take();
      return {transfer.status(), std::move(held), transfer.transferred()};
    }
  };
  Awaiter operator co_await() const { return Awaiter(transfer()); }
};

template <OwnedBuffer B>
using BufferCall = OwnedCall<internal::BufferTransfer<B>>;
template <OwnedBuffer B>
using BuffersCall = OwnedCall<internal::BuffersTransfer<B>>;
template <OwnedBuffer B>
using BufferExactCall = OwnedExactCall<internal::BufferTransfer<B>>;
template <OwnedBuffer B>
using BuffersExactCall = OwnedExactCall<internal::BuffersTransfer<B>>;

}  // namespace uring

#endif  // URING_OWNED_TRANSFER_H_
