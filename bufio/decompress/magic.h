// bufio/decompress/magic.h
//
// How compressed files begin. The sources: RFC 1952; RFC 8878, 3.1; the LZ4 frame format 1.6.4;
// the .xz file format 1.2.1, 2.1.1.1.

#ifndef BUFIO_DECOMPRESS_MAGIC_H_
#define BUFIO_DECOMPRESS_MAGIC_H_

#include <cstddef>
#include <string_view>

namespace bufio {

inline constexpr std::string_view kGzipMagic("\x1f\x8b", 2);
inline constexpr std::string_view kZstdMagic("\x28\xb5\x2f\xfd", 4);
inline constexpr std::string_view kLz4Magic("\x04\x22\x4d\x18", 4);
inline constexpr std::string_view kXzMagic(
    "\xfd"
    "7zXZ\0",
    6);
inline constexpr size_t kLongestMagic = 6;

inline bool begins_gzip(std::string_view bytes) { return bytes.starts_with(kGzipMagic); }
inline bool begins_zstd(std::string_view bytes) { return bytes.starts_with(kZstdMagic); }
inline bool begins_lz4(std::string_view bytes) { return bytes.starts_with(kLz4Magic); }
inline bool begins_xz(std::string_view bytes) { return bytes.starts_with(kXzMagic); }
// zstd and LZ4 share it.
inline bool begins_skippable_frame(std::string_view bytes) {
  return bytes.size() >= 4 && (bytes[0] & 0xf0) == 0x50 &&
         bytes.substr(1, 3) == std::string_view("\x2a\x4d\x18", 3);
}

}  // namespace bufio

#endif  // BUFIO_DECOMPRESS_MAGIC_H_
