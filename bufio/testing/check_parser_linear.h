// bufio/testing/check_parser_linear.h
//
// Whether a parser looks at each byte about once, however the input arrives.
//
//   EXPECT_EQ(check_parser_linear(LineParser(), std::string(5000, 'x') + "\n"), absl::OkStatus());
//
// Counted is what a parser had reason to look at: the bytes behind `examined` that each call showed
// it. A parser that begins anew with every view (NeedMore() instead of NeedMore(view.size())), and
// does not say how many bytes it needs, looks at n²/2 bytes of a message of n.

#ifndef BUFIO_TESTING_CHECK_PARSER_LINEAR_H_
#define BUFIO_TESTING_CHECK_PARSER_LINEAR_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "bufio/testing/parser_run.h"
#include "bufio/testing/split.h"
#include "uring/status.h"

namespace bufio::testing {

struct LinearOptions {
  // How often it may look at each byte; a few times is fine for a head whose end is searched first.
  double factor = 5;
  bool padded = false;  // as RunOptions::padded
};

// InvalidArgument: no message of the input is long enough to tell.
absl::Status judge_linear(const ParserRun& run, std::string_view input,
                          const LinearOptions& options);

// `make` is a parser, to be copied, or a function that makes one. OK, or Internal with the count.
// The input need not be valid, but should have a message of some hundred bytes.
template <class Make>
absl::Status check_parser_linear(Make make, std::string_view input,
                                 const LinearOptions& options = {}) {
  for (const Split& split : {Split::one_byte_each(input), Split::halves(input), Split::whole(input),
                             Split::random(input, 1), Split::random(input, 2)}) {
    auto parser = fresh_parser(make);
    const auto print = [](const auto& /*value*/) { return std::string(); };
    const ParserRun run =
        run_parser(parser, split, print, {.end_with_data = false, .padded = options.padded});
    const absl::Status status = judge_linear(run, input, options);
    if (!status.ok()) return uring::annotate(status, split.name());
  }
  return absl::OkStatus();
}

}  // namespace bufio::testing

#endif  // BUFIO_TESTING_CHECK_PARSER_LINEAR_H_
