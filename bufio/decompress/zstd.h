// bufio/decompress/zstd.h
//
// What zstd has compressed, as a Reader, by libzstd. As gzip.h, whose comment says it all, but for
//
//   members  frames; skippable ones are passed over. Frames that need a dictionary are
//   InvalidArgument. cost     the frame's window for the decoder, at most
//   DecompressOptions::max_memory

#ifndef BUFIO_DECOMPRESS_ZSTD_H_
#define BUFIO_DECOMPRESS_ZSTD_H_

#include "bufio/decompress/decompress_options.h"
#include "bufio/parent_reader.h"
#include "bufio/reader.h"

namespace bufio {

Reader decompress_zstd(ParentHandle parent, const DecompressOptions& options = {});

}  // namespace bufio

#endif  // BUFIO_DECOMPRESS_ZSTD_H_
