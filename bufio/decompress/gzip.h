// bufio/decompress/gzip.h
//
// What gzip, zlib or deflate have compressed, as a Reader, by zlib.
//
//   absl::StatusOr<bufio::Reader> file = co_await bufio::open(ring, "log.gz");
//   bufio::Reader log = bufio::gunzip(std::move(*file));
//   bufio::Lines lines = log.lines();
//
//   outcomes  those of every Reader (reader.h), and, behind all bytes that could be decoded:
//             DataLoss           the compressed stream is cut off
//             InvalidArgument    it is corrupt (checksums are checked), no such stream, or followed
//                                by other bytes (DecompressOptions::trailing)
//             ResourceExhausted  a limit of DecompressOptions
//             Each says where, in the stream and in the compressed one.
//   parent    a Reader&, which is borrowed, or a Reader&&, which goes with this one. Not a byte of
//             it is consumed that the decoder did not use.
//   cost      some 40 KiB for the decoder, once; nothing per read in steady state
//   cancel    loses nothing

#ifndef BUFIO_DECOMPRESS_GZIP_H_
#define BUFIO_DECOMPRESS_GZIP_H_

#include "bufio/decompress/decompress_options.h"
#include "bufio/parent_reader.h"
#include "bufio/reader.h"

namespace bufio {

Reader gunzip(ParentHandle parent, const DecompressOptions& options = {});

// The formats of RFC 1950 and RFC 1951. One of the latter does not say where it begins, so only
// one is decoded, and what follows is trailing.
Reader decompress_zlib(ParentHandle parent, const DecompressOptions& options = {});
Reader inflate_raw(ParentHandle parent, const DecompressOptions& options = {});

}  // namespace bufio

#endif  // BUFIO_DECOMPRESS_GZIP_H_
