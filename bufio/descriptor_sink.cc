#include "bufio/descriptor_sink.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <utility>

#include "bufio/descriptor_calls.h"
#include "uring/status.h"

namespace bufio {
namespace {

using uring::WriteKind;
using uring::WriteOperation;

WriteKind write_kind(const struct stat& status, const WriterOptions& options) {
  if (S_ISSOCK(status.st_mode)) return WriteKind::kSocket;
  if (S_ISFIFO(status.st_mode)) return WriteKind::kPipe;
  bool seekable = S_ISREG(status.st_mode) || S_ISBLK(status.st_mode);
  return seekable && options.offset.has_value() ? WriteKind::kPositional : WriteKind::kStream;
}

}  // namespace

DescriptorSink::DescriptorSink(uring::Ref<uring::RingCore> ring,
                               uring::Ref<uring::Descriptor> descriptor,
                               const WriterOptions& options)
    : WriterState(std::move(ring), options.offset.value_or(0), options),
      descriptor_(std::move(descriptor)),
      zero_copy_above_(
          static_cast<uint32_t>(std::min<size_t>(options.zero_copy_above, UINT32_MAX))) {
  struct stat status;
  if (fstat(descriptor_->fd(), &status) != 0) {
    fail(uring::errno_status(errno, "fstat", name()));
    return;
  }
  kind_ = write_kind(status, options);
  regular_file_ = S_ISREG(status.st_mode);
}

DescriptorSink::Extras& DescriptorSink::extras() {
  if (!extras_) extras_ = std::make_unique<Extras>();
  return *extras_;
}

// --- bytes ---------------------------------------------------------------------------------------

bool DescriptorSink::can_zero_copy() const {
  return kind_ == WriteKind::kSocket && zero_copy_pays_ && zero_copy_above_ > 0 &&
         WriteOperation::zero_copy_known(*ring());
}

void DescriptorSink::send_file(const FileRange& range, size_t size) {
  std::unique_ptr<FileTransfer>& transfer = extras().transfer;
  if (!transfer) transfer = std::make_unique<FileTransfer>(*ring(), descriptor_, kind_, *this);
  transfer->step(range.file(), range.end() - size, size, queue().written());
}

void DescriptorSink::transferred(int32_t result) {
  if (result < 0) {
    extras_->transfer.reset();
    return write_failed(-result);
  }
  if (result == 0) {
    extras_->transfer.reset();
    return fail(absl::DataLossError(where() + ": a file that was to be written is shorter now"));
  }
  if (mutable_queue().front().size == static_cast<size_t>(result)) {
    extras_->transfer.reset();
  }
  wrote(static_cast<size_t>(result));
}

void DescriptorSink::transfer_stranded() { fail(uring::annotate(ring()->status(), where())); }

void DescriptorSink::send() {
  const uring::Piece& front = mutable_queue().front();
  if (const FileRange* range = FileRange::of(front)) return send_file(*range, front.size);
  write_ = uring::make_ref<WriteOperation>(uring::Ref<uring::RingCore>(ring()), descriptor_, kind_,
                                           *this);
  // A large piece of its own is worth a request of its own; what stands in front of it goes first.
  bool zero_copy = false;
  mutable_queue().gather([&](const uring::Piece& piece) {
    bool large = piece.held && piece.size >= zero_copy_above_ && can_zero_copy();
    if (zero_copy || (large && write_->pieces() > 0)) return false;
    if (FileRange::of(piece) != nullptr) return false;
    zero_copy = large;
    return write_->add(piece);
  });
  mutable_stats().pieces += write_->pieces();
  if (zero_copy) ++mutable_stats().zero_copy_writes;
  write_->write(queue().written(),
                zero_copy ? WriteOperation::Copying::kZeroCopy : WriteOperation::Copying::kCopy,
                /*expect_inline=*/regular_file_);
}

void DescriptorSink::write_completed(WriteOperation& write) {
  uring::Ref<WriteOperation> ended = std::move(write_);
  if (write.still_held()) extras().unreleased.push_back(ended);
  int32_t result = write.result();
  if (result <= 0 && write.copying() == WriteOperation::Copying::kZeroCopy) {
    // Unix sockets cannot; and whatever else it is, an ordinary send says it again.
    zero_copy_pays_ = false;
    return wrote(0);
  }
  if (result <= 0) return write_failed(result < 0 ? -result : EIO);
  if (static_cast<size_t>(result) < write.length()) ++mutable_stats().short_writes;
  wrote(static_cast<size_t>(result));
}

void DescriptorSink::write_failed(int error) {
  const absl::Status& ring_status = ring()->status();
  bool ring_gone = error == ECANCELED && !ring_status.ok();
  fail(ring_gone ? uring::annotate(ring_status, where())
                 : uring::errno_status(error, "write", name()));
}

void DescriptorSink::write_released(WriteOperation& write) {
  if (write.copied()) zero_copy_pays_ = false;
  std::erase_if(extras_->unreleased, [&write](const auto& each) { return each.get() == &write; });
}

void DescriptorSink::write_stranded(WriteOperation&) {
  fail(uring::annotate(ring()->status(), where()));
}

// --- the disk ------------------------------------------------------------------------------------

bool DescriptorSink::start_sync(bool data_only) {
  if (syncing()) return false;
  extras().sync = uring::make_ref<uring::SyncOperation>(uring::Ref<uring::RingCore>(ring()),
                                                        descriptor_, data_only, *this);
  extras_->sync->sync();
  return true;
}

// A Ring that goes may take it along, for ever.
bool DescriptorSink::sync_ended() const { return !syncing() || !ring()->status().ok(); }

absl::Status DescriptorSink::sync_status() const {
  return extras_ ? extras_->sync_status : absl::OkStatus();
}

void DescriptorSink::sync_completed(uring::SyncOperation& sync) {
  int32_t result = sync.result();
  bool ring_gone = result == -ECANCELED && !ring()->status().ok();
  extras_->sync_status = result >= 0 ? absl::OkStatus()
                         : ring_gone ? uring::annotate(ring()->status(), where())
                                     : uring::errno_status(-result, "fsync", name());
  extras_->sync.reset();
  progress();
}

void DescriptorSink::sync_stranded(uring::SyncOperation&) {
  extras_->sync_status = uring::annotate(ring()->status(), where());
  fail(extras_->sync_status);
}

// --- the end -------------------------------------------------------------------------------------

absl::Status DescriptorSink::shut_down() {
  if (::shutdown(descriptor_->fd(), SHUT_WR) == 0) return absl::OkStatus();
  return uring::errno_status(errno, "shutdown", name());
}

uring::Ref<uring::Descriptor> DescriptorSink::take_descriptor() {
  if (transferring() && !extras_->transfer->active()) extras_->transfer.reset();
  if (write_ || syncing() || transferring()) {
    // The Ring cannot go on: the requests keep the descriptor, for ever.
    fail(uring::annotate(ring()->status(), where()));
    return nullptr;
  }
  return give_away(descriptor_);
}

absl::Status DescriptorSink::close_descriptor() {
  uring::Ref<uring::Descriptor> descriptor = take_descriptor();
  if (!descriptor) return absl::OkStatus();
  if (descriptor->ref_count() > 1) {
    // Somebody reads from it. The end of what we write is all that we may close.
    static_cast<void>(::shutdown(descriptor->fd(), SHUT_WR));
    return absl::OkStatus();
  }
  int error = descriptor->close();
  return error == 0 ? absl::OkStatus() : uring::errno_status(error, "close", name());
}

void DescriptorSink::retire() {
  if (write_) std::exchange(write_, nullptr)->let_go();
  if (!extras_) return;
  extras_->transfer.reset();
  if (syncing()) std::exchange(extras_->sync, nullptr)->let_go();
  for (const auto& each : extras_->unreleased) each->let_go();
  extras_->unreleased.clear();
}

}  // namespace bufio
