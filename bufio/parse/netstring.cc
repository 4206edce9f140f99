#include "bufio/parse/netstring.h"

#include <algorithm>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace bufio {

NetstringParser::NetstringParser(NetstringOptions options)
    : max_size_(std::min(options.max_size, SIZE_MAX / 16)) {}

ParseResult<std::string_view> NetstringParser::parse(std::string_view view, size_t /*examined*/,
                                                     bool /*final*/) const {
  size_t size = 0;
  size_t at = 0;
  for (; at < view.size() && view[at] != ':'; ++at) {
    if (view[at] < '0' || view[at] > '9') {
      return ParseError(absl::InvalidArgumentError("a netstring's length is digits and a colon"),
                        at);
    }
    if (at == 1 && size == 0) {
      return ParseError(absl::InvalidArgumentError("a netstring's length begins with a zero"), 0);
    }
    size = size * 10 + static_cast<size_t>(view[at] - '0');
    // So there is no overflow, and the header is short.
    if (size > max_size_) {
      return ParseError(absl::ResourceExhaustedError(
          absl::StrCat("a netstring exceeds the limit of ", max_size_, " bytes")));
    }
  }
  if (at == view.size()) return NeedMore(view.size());
  if (at == 0) return ParseError(absl::InvalidArgumentError("a netstring has no length"));
  const size_t start = at + 1;
  const size_t whole = start + size + 1;
  if (view.size() < whole) return NeedMore(view.size(), whole);
  if (view[whole - 1] != ',') {
    return ParseError(absl::InvalidArgumentError("no comma behind a netstring"), whole - 1);
  }
  return {view.substr(start, size), whole};
}

}  // namespace bufio
