// bufio/until.h
//
// The bytes of a Reader up to a delimiter, as a Reader: parts of a multipart body, one after the
// other.
//
//   for (;;) {
//     bufio::Reader part = bufio::until(body, "\r\n--boundary");
//     absl::Status stored = co_await store(part);
//     absl::StatusOr<uint64_t> left = co_await bufio::skip_rest(part);
//     …
//   }
//
// For small pieces see split.h.

#ifndef BUFIO_UNTIL_H_
#define BUFIO_UNTIL_H_

#include <string_view>

#include "bufio/parent_reader.h"
#include "bufio/reader.h"

namespace bufio {

struct UntilOptions {
  // Whether a parent that ends without a delimiter has cut the bytes off: an error, DataLoss,
  // behind them. Else they end with it.
  bool required = false;
};

// Ends in front of the first `delimiter` (one byte or more), which may be split over any number of
// reads. When it has been read to its end and goes, the parent stands behind the delimiter; when it
// goes before, behind what was consumed. Bytes that may yet turn out to be the delimiter's first
// ones are not shown, unless the parent ends or fails behind them: then they are none.
//   parent    a Reader&, which is borrowed, or a Reader&&, which goes with this one
//   pos       is the parent's
//   cost      each byte is searched once; bytes are not copied; a fill that is satisfied: that of
//             the parent
Reader until(ParentHandle parent, std::string_view delimiter, UntilOptions options = {});

}  // namespace bufio

#endif  // BUFIO_UNTIL_H_
