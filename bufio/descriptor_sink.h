// bufio/descriptor_sink.h
//
// Takes a Writer's bytes to a descriptor.
//
// One write is in flight at a time, so that order holds whatever the descriptor is; it takes all
// that is queued, up to WriteOperation::kMaxPieces ranges. Zero-copy sends are over for the stream
// when their result is there; the operation that waits for the notification keeps the bytes, and
// the next write is under way meanwhile. Ranges of files have transfers of their own.

#ifndef BUFIO_DESCRIPTOR_SINK_H_
#define BUFIO_DESCRIPTOR_SINK_H_

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "bufio/file_range.h"
#include "bufio/file_transfer.h"
#include "bufio/writer_options.h"
#include "bufio/writer_state.h"
#include "uring/descriptor.h"
#include "uring/frame_allocator.h"
#include "uring/prefetch.h"
#include "uring/ref.h"
#include "uring/sync_operation.h"
#include "uring/write_operation.h"

namespace bufio {

class DescriptorSink final : public WriterState,
                             public uring::WriteOperation::Observer,
                             public uring::SyncOperation::Observer,
                             public FileTransfer::Observer {
 public:
  DescriptorSink(uring::Ref<uring::RingCore> ring, uring::Ref<uring::Descriptor> descriptor,
                 const WriterOptions& options);

  std::string_view name() const override { return descriptor_->name(); }
  bool start_sync(bool data_only) override;
  bool sync_ended() const override;
  absl::Status sync_status() const override;
  bool writes_to_descriptor() const override { return true; }
  absl::Status shut_down() override;
  uring::Ref<uring::Descriptor> take_descriptor() override;
  absl::Status close_descriptor() override;
  void retire() override;

 private:
  void send() override;
  bool can_zero_copy() const;
  void send_file(const FileRange& range, size_t size);
  void write_failed(int error);

  void write_completed(uring::WriteOperation& write) override;
  void write_released(uring::WriteOperation& write) override;
  void write_stranded(uring::WriteOperation& write) override;
  void prefetch_for_write() const override { uring::prefetch(this, sizeof *this); }
  void sync_completed(uring::SyncOperation& sync) override;
  void sync_stranded(uring::SyncOperation& sync) override;
  void transferred(int32_t result) override;
  void transfer_stranded() override;

  // Made when there is such a thing: most Writers never do any of it.
  struct Extras final : public uring::RecycledObject {
    std::vector<uring::Ref<uring::WriteOperation>> unreleased;  // wait for their notifications
    std::unique_ptr<FileTransfer> transfer;                     // of the range in front
    uring::Ref<uring::SyncOperation> sync;                      // in flight
    absl::Status sync_status;
  };
  Extras& extras();
  bool transferring() const { return extras_ && extras_->transfer; }
  bool syncing() const { return extras_ && extras_->sync; }

  uring::Ref<uring::Descriptor> descriptor_;
  uring::Ref<uring::WriteOperation> write_;  // in flight
  std::unique_ptr<Extras> extras_;
  uint32_t zero_copy_above_;
  uring::WriteKind kind_ = uring::WriteKind::kStream;
  bool regular_file_ = false;
  bool zero_copy_pays_ = true;
};

}  // namespace bufio

#endif  // BUFIO_DESCRIPTOR_SINK_H_
