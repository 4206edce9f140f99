// bufio/file_range.h
//
// A range of a file that waits in a WriteQueue to be written.
//
// A piece without memory, which holds a share in the file: its size says how much is left of it,
// and its end says where.

#ifndef BUFIO_FILE_RANGE_H_
#define BUFIO_FILE_RANGE_H_

#include <cstddef>
#include <cstdint>
#include <utility>

#include "uring/descriptor.h"
#include "uring/piece.h"
#include "uring/ref.h"

namespace bufio {

class FileRange final : public uring::Held {
 public:
  // `end`: the offset behind its last byte.
  FileRange(uring::Ref<uring::Descriptor> file, uint64_t end) : file_(std::move(file)), end_(end) {}
  const uring::Ref<uring::Descriptor>& file() const { return file_; }
  uint64_t end() const { return end_; }

  // The range that a piece stands for; null if it is bytes.
  static const FileRange* of(const uring::Piece& piece) {
    return piece.data == nullptr ? static_cast<const FileRange*>(piece.held.get()) : nullptr;
  }

 private:
  uring::Ref<uring::Descriptor> file_;
  uint64_t end_;
};

inline uring::Piece file_piece(uring::Ref<uring::Descriptor> file, uint64_t offset,
                               uint64_t length) {
  auto range = uring::make_ref<FileRange>(std::move(file), offset + length);
  return {nullptr, static_cast<size_t>(length), nullptr, uring::Ref<uring::Held>(std::move(range))};
}

}  // namespace bufio

#endif  // BUFIO_FILE_RANGE_H_
