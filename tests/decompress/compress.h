// tests/decompress/compress.h
//
// Compressed bytes to be read, one member each, with checksums.

#ifndef TESTS_DECOMPRESS_COMPRESS_H_
#define TESTS_DECOMPRESS_COMPRESS_H_

#include <string>
#include <string_view>

#include "bufio/decompress/decompress_options.h"
#include "bufio/decompress/gzip.h"
#include "bufio/decompress/lz4.h"
#include "bufio/decompress/xz.h"
#include "bufio/decompress/zstd.h"
#include "bufio/parent_reader.h"
#include "bufio/reader.h"

namespace bufio::testing {

std::string gzip(std::string_view text);
std::string zlib(std::string_view text);
std::string deflate(std::string_view text);
std::string lz4(std::string_view text);
std::string xz(std::string_view text);
std::string zstd(std::string_view text);

struct Codec {
  const char* name;
  std::string (*compress)(std::string_view text);
  Reader (*decompress)(ParentHandle parent, const DecompressOptions& options);
  bool finds_members = true;  // knows where another member begins
};

inline constexpr Codec kCodecs[] = {
    {"gzip", gzip, gunzip},          {"zlib", zlib, decompress_zlib},
    {"lz4", lz4, decompress_lz4},    {"xz", xz, decompress_xz},
    {"zstd", zstd, decompress_zstd}, {"deflate", deflate, inflate_raw, false},
};

}  // namespace bufio::testing

#endif  // TESTS_DECOMPRESS_COMPRESS_H_
