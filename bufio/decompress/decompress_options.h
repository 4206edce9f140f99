// bufio/decompress/decompress_options.h
//
// What a Reader that decompresses can be told: the same for all formats.

#ifndef BUFIO_DECOMPRESS_DECOMPRESS_OPTIONS_H_
#define BUFIO_DECOMPRESS_DECOMPRESS_OPTIONS_H_

#include <cstddef>
#include <cstdint>

namespace bufio {

// What becomes of bytes behind a member that begin no other one.
//   error   InvalidArgument, once all that is in front of them has been read
//   zeros   zeros are passed over, and what is behind them is looked at: another member or the end.
//           Other bytes are an error. Tapes and xz pad with zeros.
//   leave   the stream ends there; the parent stands behind the last member
enum class Trailing : uint8_t { kError, kZeros, kLeave };

struct DecompressOptions {
  // Members that follow each other are one stream, as `cat a.gz b.gz` makes it. False: the stream
  // ends with its first member, and the parent then stands exactly behind that.
  bool concatenated = true;
  Trailing trailing = Trailing::kZeros;

  // The most bytes that may come out; what would be more is ResourceExhausted, behind so many.
  uint64_t max_output = uint64_t{1} << 40;
  // The most bytes that may come out for one that went in, ResourceExhausted. Looked at from 16 MiB
  // of output on. gzip cannot exceed 1,032; a zstd or xz file of nothing but zeros reaches 10,000.
  uint64_t max_ratio = 10'000;
  // The most memory that a member may ask of the decoder, ResourceExhausted: zstd's window, xz's
  // dictionary. `xz -9` and `zstd --ultra -22` need 65 and 128 MiB. The others need some KiB.
  size_t max_memory = size_t{160} << 20;
};

}  // namespace bufio

#endif  // BUFIO_DECOMPRESS_DECOMPRESS_OPTIONS_H_
