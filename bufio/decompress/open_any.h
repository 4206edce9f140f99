// bufio/decompress/open_any.h
//
// Whatever is in a file: decompressed, if its first bytes say that it is compressed.
//
//   absl::StatusOr<bufio::Reader> reader = co_await bufio::open_any(ring, path);
//
//   gzip, zstd, lz4, xz   by their magic bytes, whatever the file's name is
//   anything else         as it is
//
//   outcomes  those of bufio::open and of reading the first bytes; later ones see gzip.h
//   cost      that of bufio::open, and a read
//   cancel    closes the file

#ifndef BUFIO_DECOMPRESS_OPEN_ANY_H_
#define BUFIO_DECOMPRESS_OPEN_ANY_H_

#include <string>

#include "absl/status/statusor.h"
#include "bufio/decompress/decompress_options.h"
#include "bufio/reader.h"
#include "bufio/reader_options.h"
#include "uring/ring.h"
#include "uring/task.h"

namespace bufio {

uring::Task<absl::StatusOr<Reader>> open_any(uring::Ring& ring, std::string path,
                                             ReaderOptions reader_options = {},
                                             DecompressOptions options = {});

// The same for a Reader: standard input, say. It goes with the one that is returned.
uring::Task<absl::StatusOr<Reader>> decompress_any(Reader reader, DecompressOptions options = {});

}  // namespace bufio

#endif  // BUFIO_DECOMPRESS_OPEN_ANY_H_
