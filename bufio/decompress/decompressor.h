// bufio/decompress/decompressor.h
//
// One format, without I/O: members are decoded from memory to memory, in pieces.

#ifndef BUFIO_DECOMPRESS_DECOMPRESSOR_H_
#define BUFIO_DECOMPRESS_DECOMPRESSOR_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "absl/status/status.h"
#include "bufio/decompress/decompress_options.h"
#include "bufio/parent_reader.h"
#include "bufio/reader.h"

namespace bufio {

class Decompressor {
 public:
  virtual ~Decompressor() = default;

  // "gzip"
  virtual std::string_view format() const = 0;

  enum class Head : uint8_t { kMember, kOther, kTooShort };
  // Whether these bytes begin a member.
  virtual Head look_at(std::string_view bytes) const = 0;

  // Gets ready for a member, the first or another one.
  virtual absl::Status begin() = 0;

  struct Step {
    size_t consumed = 0;
    size_t produced = 0;
    bool ended = false;   // the member is complete, and not a byte behind it is consumed
    absl::Status status;  // InvalidArgument: these bytes are no such member
  };
  // Decodes some of `in` into `out`, which has room for a byte at least. Without an error, and
  // before the member's end, it consumes all of `in` or fills all of `out`.
  virtual Step run(std::string_view in, std::span<char> out) = 0;
};

// A Reader of what `decompressor` makes of the parent's bytes.
Reader decompress(ParentHandle parent, std::unique_ptr<Decompressor> decompressor,
                  const DecompressOptions& options);

}  // namespace bufio

#endif  // BUFIO_DECOMPRESS_DECOMPRESSOR_H_
