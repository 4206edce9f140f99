// bufio/decompress/lz4.h
//
// What lz4 has compressed, as a Reader, by liblz4. As gzip.h, whose comment says it all, but for
//
//   members  frames of the LZ4 frame format; skippable ones are passed over. Not the legacy format.
//   cost     twice the frame's block size for the decoder, at most 8 MiB

#ifndef BUFIO_DECOMPRESS_LZ4_H_
#define BUFIO_DECOMPRESS_LZ4_H_

#include "bufio/decompress/decompress_options.h"
#include "bufio/parent_reader.h"
#include "bufio/reader.h"

namespace bufio {

Reader decompress_lz4(ParentHandle parent, const DecompressOptions& options = {});

}  // namespace bufio

#endif  // BUFIO_DECOMPRESS_LZ4_H_
