// bufio/file_transfer.h
//
// Takes a range of a file to a descriptor, step by step: reads a part of it into a buffer, writes
// that.
//
// A step ends with a number of bytes that have been written; what was read and not written is read
// again by the next one. The memory of a step is one buffer, and its own: its owner may let go of
// it at any time.

#ifndef BUFIO_FILE_TRANSFER_H_
#define BUFIO_FILE_TRANSFER_H_

#include <cstddef>
#include <cstdint>

#include "uring/descriptor.h"
#include "uring/read_operation.h"
#include "uring/ref.h"
#include "uring/ring_core.h"
#include "uring/write_operation.h"

namespace bufio {

class FileTransfer final : public uring::ReadOperation::Observer,
                           public uring::WriteOperation::Observer {
 public:
  class Observer {
   public:
    // The step is over: bytes that are written, 0 if the file ends before, or a negative errno.
    virtual void transferred(int32_t result) = 0;
    // The Ring cannot go on: the step never ends.
    virtual void transfer_stranded() = 0;

   protected:
    ~Observer() = default;
  };

  FileTransfer(uring::RingCore& ring, uring::Ref<uring::Descriptor> to, uring::WriteKind kind,
               Observer& observer);
  FileTransfer(const FileTransfer&) = delete;
  FileTransfer& operator=(const FileTransfer&) = delete;
  // What is in flight is let go of.
  ~FileTransfer();

  // Starts a step, of at most `length` bytes from `position` of `file`; `to_position` is where they
  // go in a positional descriptor.
  void step(const uring::Ref<uring::Descriptor>& file, uint64_t position, size_t length,
            uint64_t to_position);
  bool active() const { return read_ || write_; }

 private:
  void read_completed(uring::ReadOperation& read) override;
  void read_stranded(uring::ReadOperation&) override { observer_.transfer_stranded(); }
  void write_completed(uring::WriteOperation& write) override;
  void write_released(uring::WriteOperation&) override {}
  void write_stranded(uring::WriteOperation&) override { observer_.transfer_stranded(); }

  uring::RingCore& ring_;
  uring::Ref<uring::Descriptor> to_;
  uring::WriteKind kind_;
  Observer& observer_;
  uint64_t to_position_ = 0;
  uring::Ref<uring::ReadOperation> read_;
  uring::Ref<uring::WriteOperation> write_;
};

}  // namespace bufio

#endif  // BUFIO_FILE_TRANSFER_H_
