#include "bufio/testing/check_parser_linear.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace bufio::testing {

absl::Status judge_linear(const ParserRun& run, std::string_view input,
                          const LinearOptions& options) {
  const uint64_t end = run.status.ok() ? input.size() : run.offset;
  // An error may be in front of what had to be looked at to find it.
  const auto size = static_cast<double>(input.size());
  // What a parser would look at that begins anew with every byte.
  double worst = 0;
  uint64_t start = 0;
  const auto add = [&worst, &start](uint64_t message_end) {
    const auto length = static_cast<double>(message_end - start);
    worst += length * length / 2;
    start = message_end;
  };
  for (const ParserRun::Message& message : run.messages) add(message.end);
  add(std::max(start, end));
  if (worst <= 2 * options.factor * size) {
    return absl::InvalidArgumentError(
        "the messages are too short to tell whether the parser is linear");
  }
  if (static_cast<double>(run.looked_at) > options.factor * size) {
    return absl::InternalError(absl::StrCat("the parser looks at ", run.looked_at, " bytes of ",
                                            input.size(), ", in ", run.calls, " calls"));
  }
  return absl::OkStatus();
}

}  // namespace bufio::testing
