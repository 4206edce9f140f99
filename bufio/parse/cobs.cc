#include "bufio/parse/cobs.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "bufio/scan.h"

namespace bufio {
namespace {

// A block is a byte that says where the next one begins, and at most so many bytes that are not 0.
constexpr size_t kLongestBlock = 254;

ParseError too_long(size_t limit) {
  return ParseError(absl::ResourceExhaustedError(
      absl::StrCat("a packet exceeds the limit of ", limit, " bytes")));
}

}  // namespace

CobsParser::CobsParser(CobsOptions options)
    : max_size_(std::min(options.max_size, SIZE_MAX / 4)),
      max_stuffed_(max_size_ + max_size_ / kLongestBlock + 2) {}

ParseResult<std::string_view> CobsParser::parse(std::string_view view, size_t examined,
                                                bool /*final*/) {
  if (view.empty()) return NeedMore();
  if (view[0] == '\0') {
    const size_t packet = view.find_first_not_of('\0');
    return Skip(packet == std::string_view::npos ? view.size() : packet);
  }
  const size_t end = find_byte(view, '\0', examined);
  if (std::min(end, view.size()) > max_stuffed_) return too_long(max_size_);
  if (end == std::string_view::npos) return NeedMore(view.size());
  return unstuff(view.substr(0, end));
}

ParseResult<std::string_view> CobsParser::unstuff(std::string_view packet) {
  const size_t consumed = packet.size() + 1;
  const auto first = static_cast<unsigned char>(packet[0]);
  if (first == packet.size()) {
    const std::string_view value = packet.substr(1);
    return value.size() > max_size_ ? ParseResult<std::string_view>(too_long(max_size_))
                                    : ParseResult<std::string_view>(value, consumed);
  }
  unstuffed_.clear();
  for (size_t at = 0; at < packet.size();) {
    const size_t block = static_cast<unsigned char>(packet[at]);
    if (at + block > packet.size()) {
      return ParseError(absl::InvalidArgumentError("a block that is longer than its packet"), at);
    }
    unstuffed_.append(packet.substr(at + 1, block - 1));
    at += block;
    if (block <= kLongestBlock && at < packet.size()) unstuffed_.push_back('\0');
  }
  if (unstuffed_.size() > max_size_) return too_long(max_size_);
  return {std::string_view(unstuffed_), consumed};
}

}  // namespace bufio
