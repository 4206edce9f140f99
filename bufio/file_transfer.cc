#include "bufio/file_transfer.h"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace bufio {
namespace {

using uring::Buffer;
using uring::make_ref;
using uring::Ref;

constexpr size_t kStep = size_t{256} << 10;

}  // namespace

FileTransfer::FileTransfer(uring::RingCore& ring, Ref<uring::Descriptor> to, uring::WriteKind kind,
                           Observer& observer)
    : ring_(ring), to_(std::move(to)), kind_(kind), observer_(observer) {}

FileTransfer::~FileTransfer() {
  if (read_) read_->let_go();
  if (write_) write_->let_go();
}

void FileTransfer::step(const Ref<uring::Descriptor>& file, uint64_t position, size_t length,
                        uint64_t to_position) {
  to_position_ = to_position;
  length = std::min(length, kStep);
  Ref<Buffer> buffer = ring_.buffers().allocate(length, uring::BufferKind::kHeap);
  read_ = make_ref<uring::ReadOperation>(Ref<uring::RingCore>(&ring_), file,
                                         uring::ReadKind::kPositional, *this);
  read_->read({std::move(buffer), 0, length, position}, /*offload=*/false, /*expect_inline=*/true);
}

void FileTransfer::read_completed(uring::ReadOperation& read) {
  int32_t result = read.result();
  Ref<Buffer> buffer = read.take_buffer();
  read_.reset();
  if (result <= 0) return observer_.transferred(result);
  write_ = make_ref<uring::WriteOperation>(Ref<uring::RingCore>(&ring_), to_, kind_, *this);
  static_cast<void>(
      write_->add({buffer->data(), static_cast<size_t>(result), std::move(buffer), nullptr}));
  write_->write(to_position_, uring::WriteOperation::Copying::kCopy, /*expect_inline=*/false);
}

void FileTransfer::write_completed(uring::WriteOperation& write) {
  int32_t result = write.result();
  write_.reset();
  observer_.transferred(result == 0 ? -EIO : result);
}

}  // namespace bufio
