// bufio/positioned_source.h
//
// A source over a descriptor that may have offsets: what seeking and skipping mean there.
//
// A regular file or block device is read at offsets that we name, so the stream can go on anywhere;
// what was read for elsewhere is dropped. A stream has no offsets, and says so. How bytes are
// brought is the subclass's: descriptor_source.h, pooled_source.h.

#ifndef BUFIO_POSITIONED_SOURCE_H_
#define BUFIO_POSITIONED_SOURCE_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bufio/reader_options.h"
#include "bufio/reader_state.h"
#include "uring/descriptor.h"
#include "uring/descriptor_kind.h"
#include "uring/read_operation.h"
#include "uring/ref.h"

namespace bufio {

class PositionedSource : public ReaderState {
 public:
  std::string_view name() const final { return descriptor_->name(); }
  absl::StatusOr<uint64_t> size() final;
  absl::Status seek(uint64_t pos) final;
  uint64_t skip_ahead(uint64_t n) final;
  uring::Ref<uring::Descriptor> take_descriptor() final;

 protected:
  PositionedSource(uring::Ref<uring::RingCore> ring, uring::Ref<uring::Descriptor> descriptor,
                   const uring::DescriptorKind& kind, const ReaderOptions& options);

  // Forgets what was read and what is on its way; the window stays.
  virtual void drop_reads() = 0;
  // Something is in flight that names the descriptor.
  virtual bool in_flight() const = 0;
  // It is not any more. No read will be asked for again.
  virtual void drop_operations() = 0;
  // In bytes. Less than that is read, not skipped.
  virtual size_t largest_read() const = 0;

  const uring::Ref<uring::Descriptor>& descriptor() const { return descriptor_; }
  const uring::DescriptorKind& kind() const { return kind_; }
  bool positional() const { return kind_.read == uring::ReadKind::kPositional; }

  uint64_t next_position_;  // in the file, of the next read that is sent

 private:
  void go_to(uint64_t pos);

  uring::Ref<uring::Descriptor> descriptor_;
  uring::DescriptorKind kind_;
};

}  // namespace bufio

#endif  // BUFIO_POSITIONED_SOURCE_H_
