// uring/result_operation.h
//
// A request with one completion that somebody awaits for its result: open, connect.
//
// The operation is the heap half: it owns what the request points at and outlives the waiting
// coroutine. The awaiter is the half in the coroutine's frame; destroying it orphans the request.
// A result that is a descriptor and that nobody takes is closed.
//
//   cost      one request, no system call of its own; the operation is recycled memory
//
// For those who implement requests; belongs to one Ring and its thread.

#ifndef URING_RESULT_OPERATION_H_
#define URING_RESULT_OPERATION_H_

#include <coroutine>
#include <cstdint>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "uring/operation.h"
#include "uring/ref.h"
#include "uring/ring_core.h"
#include "uring/waiter.h"

namespace uring {

class ResultOperation : public Operation {
 public:
  enum class Result : uint8_t { kNumber, kDescriptor };

  ~ResultOperation() override;

  // Sends the request, once; its completion resumes `waiting`. False: the Ring cannot go on.
  bool start(std::coroutine_handle<> waiting);
  // What it came to: the result, or a negative errno. A descriptor is the caller's from here on.
  int take_result() { return std::exchange(result_, kNoResult); }
  // Nobody waits any more.
  void let_go();

  RingCore& ring() const { return *ring_; }

 protected:
  ResultOperation(Ref<RingCore> ring, Result kind) : ring_(std::move(ring)), kind_(kind) {}

  // Fills in blank_sqe().
  virtual void prepare() = 0;
  // The completion says `result`. True: the request is to be sent again, as prepare() says.
  virtual bool goes_on(int result);

 private:
  static constexpr int kNoResult = -ECANCELED;

  void completed(int32_t result, uint32_t flags, bool terminal) final;
  void stranded() final;

  Ref<RingCore> ring_;
  Waiter waiter_;
  int result_ = kNoResult;
  Result kind_;
};

// Base of awaiters; may be moved until it is awaited.
class [[nodiscard]] ResultAwaiter {
 public:
  ResultAwaiter(const ResultAwaiter&) = delete;
  ResultAwaiter& operator=(const ResultAwaiter&) = delete;

  bool await_ready() const { return false; }
  bool await_suspend(std::coroutine_handle<> waiting) { return operation_->start(waiting); }

 protected:
  explicit ResultAwaiter(Ref<ResultOperation> operation) : operation_(std::move(operation)) {}
  ResultAwaiter(ResultAwaiter&& other) noexcept = default;
  ~ResultAwaiter() {
    if (operation_) operation_->let_go();
  }

  // The result, or the error of the request or the Ring, saying "`what` `target`: …".
  absl::StatusOr<int> result(std::string_view what, std::string_view target) const;

 private:
  Ref<ResultOperation> operation_;
};

}  // namespace uring

#endif  // URING_RESULT_OPERATION_H_
