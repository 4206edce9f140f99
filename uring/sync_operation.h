// uring/sync_operation.h
//
// One fsync(2) or fdatasync(2) of a descriptor.
//
// Owns a share in the descriptor. Interruptions are absorbed. Its owner hears of the end through an
// Observer, and lets go at any time: what has begun goes on without it. Used once.

#ifndef URING_SYNC_OPERATION_H_
#define URING_SYNC_OPERATION_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "uring/descriptor.h"
#include "uring/operation.h"
#include "uring/ref.h"

namespace uring {

class RingCore;

class SyncOperation final : public Operation {
 public:
  class Observer {
   public:
    // It is over: look at result(). Must not resume coroutines; may make them ready.
    virtual void sync_completed(SyncOperation& sync) = 0;
    // The Ring cannot go on: no completion will ever come.
    virtual void sync_stranded(SyncOperation& sync) = 0;

   protected:
    ~Observer() = default;
  };

  SyncOperation(Ref<RingCore> ring, Ref<Descriptor> descriptor, bool data_only, Observer& observer);

  // No system call: it goes with the Ring's next turn.
  void sync();
  // The observer leaves: it is told nothing any more.
  void let_go();
  // 0, or a negative errno.
  int32_t result() const { return result_; }

  std::string describe() const override;
  size_t pinned_bytes() const override { return 0; }

 private:
  void completed(int32_t result, uint32_t flags, bool terminal) override;
  void stranded() override;

  Ref<RingCore> ring_;
  Ref<Descriptor> descriptor_;
  Observer* observer_;
  int32_t result_ = 0;
  bool data_only_;
};

}  // namespace uring

#endif  // URING_SYNC_OPERATION_H_
