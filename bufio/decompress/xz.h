// bufio/decompress/xz.h
//
// What xz has compressed, as a Reader, by liblzma. As gzip.h, whose comment says it all, but for
//
//   members  streams of the .xz format; zeros between them are part of it. Not .lzma.
//   cost     the stream's dictionary for the decoder, at most DecompressOptions::max_memory

#ifndef BUFIO_DECOMPRESS_XZ_H_
#define BUFIO_DECOMPRESS_XZ_H_

#include "bufio/decompress/decompress_options.h"
#include "bufio/parent_reader.h"
#include "bufio/reader.h"

namespace bufio {

Reader decompress_xz(ParentHandle parent, const DecompressOptions& options = {});

}  // namespace bufio

#endif  // BUFIO_DECOMPRESS_XZ_H_
