// bufio/parse/tar_fields.h
//
// The fields of a tar header: a block of 512 bytes, with text, numbers and a checksum at fixed
// places.

#ifndef BUFIO_PARSE_TAR_FIELDS_H_
#define BUFIO_PARSE_TAR_FIELDS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace bufio::tar {

inline constexpr size_t kBlock = 512;

struct Field {
  size_t at;
  size_t size;
};

inline constexpr Field kName = {0, 100};
inline constexpr Field kMode = {100, 8};
inline constexpr Field kUid = {108, 8};
inline constexpr Field kGid = {116, 8};
inline constexpr Field kSize = {124, 12};
inline constexpr Field kMtime = {136, 12};
inline constexpr Field kChecksum = {148, 8};
inline constexpr Field kFlag = {156, 1};
inline constexpr Field kLink = {157, 100};
inline constexpr Field kMagic = {257, 6};
inline constexpr Field kUser = {265, 32};
inline constexpr Field kGroup = {297, 32};
inline constexpr Field kPrefix = {345, 155};

// Up to its first zero byte, or all of it.
std::string_view text(std::string_view block, Field field);

// Octal digits between spaces and zero bytes (nothing at all is 0), or, if the first bit is set,
// GNU's binary number. Nothing: neither, or below 0 or above 2^63 - 1.
std::optional<uint64_t> number(std::string_view block, Field field);

// The same, which may be negative.
std::optional<int64_t> signed_number(std::string_view block, Field field);

// The sum of all bytes, those of the checksum taken as spaces, is what the checksum says. Some old
// writers added signed bytes.
bool checksum_fits(std::string_view block);

// Decimal digits, all of it. Nothing: something else, or above 2^63 - 1.
std::optional<uint64_t> decimal(std::string_view digits);

bool all_zero(std::string_view bytes);

// What `size` bytes of content lack to whole blocks.
constexpr uint64_t padding(uint64_t size) { return (kBlock - size % kBlock) % kBlock; }

}  // namespace bufio::tar

#endif  // BUFIO_PARSE_TAR_FIELDS_H_
