// bufio/parse_memory.h
//
// All messages of a piece of memory, as a parser (parser.h) understands them: no Reader, no Ring.

#ifndef BUFIO_PARSE_MEMORY_H_
#define BUFIO_PARSE_MEMORY_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "bufio/parser.h"
#include "uring/check.h"
#include "uring/status.h"

namespace bufio {

// Calls `use(message)` for each. Messages may point into `bytes`.
//
//   OK             all of it was messages
//   DataLoss       it ends within one
//   Internal       the parser makes no progress
//   else           what the parser says, with the offset in front
template <Parser P, class Use>
absl::Status parse_memory(std::string_view bytes, P& parser, Use use) {
  size_t pos = 0;
  size_t examined = 0;
  bool inside = false;
  const auto where = [&pos](size_t ahead) { return absl::StrCat("offset ", pos + ahead); };
  for (;;) {
    if constexpr (RunParser<P, Use>) {
      if (examined == 0 && !inside) {
        MessageRun run{SIZE_MAX};
        parser.parse_run(bytes.substr(pos), run, use);
        pos += run.consumed;
      }
    }
    const std::string_view view = bytes.substr(pos);
    auto result = parser.parse(view, examined, true);
    examined = 0;
    URING_CHECK(result.consumed() <= view.size(), "a parser consumed more than it was shown");
    switch (result.kind()) {
      case ParseKind::kValue:
        if (result.consumed() == 0 && !view.empty()) {
          return absl::InternalError(absl::StrCat(where(0), ": the parser makes no progress"));
        }
        pos += result.consumed();
        inside = false;
        accept(parser);
        use(result.value());
        if (view.empty()) return absl::OkStatus();
        break;
      case ParseKind::kError:
        return uring::annotate(result.status(),
                               where(std::min(result.error_offset(), view.size())));
      case ParseKind::kSkip:
        if (result.skip() == 0) {
          return absl::InternalError(absl::StrCat(where(0), ": the parser makes no progress"));
        }
        if (result.skip() > view.size()) {
          return absl::DataLossError(
              absl::StrCat(where(view.size()), ": it ends within a message"));
        }
        pos += static_cast<size_t>(result.skip());
        break;
      case ParseKind::kMore:
        if (result.consumed() == 0) {
          if (view.empty() && !inside) return absl::OkStatus();
          return absl::DataLossError(
              absl::StrCat(where(view.size()), ": it ends within a message"));
        }
        pos += result.consumed();
        examined = std::max(result.examined(), result.consumed()) - result.consumed();
        inside = true;
        break;
    }
  }
}

}  // namespace bufio

#endif  // BUFIO_PARSE_MEMORY_H_
