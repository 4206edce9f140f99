// bufio/testing/check_split_invariance.h
//
// Whether a parser makes the same of the same bytes, however they arrive.
//
//   EXPECT_EQ(check_split_invariance(RespParser(), {"*1\r\n$4\r\nPING\r\n", "*1\r\n$-", "?"},
//                                    [](const RespCommand& command) { return command.text(); }),
//             absl::OkStatus());
//
// Each input is parsed at once, and then for every split (for_all_splits.h): with the end said
// together with the last bytes and behind them, and with every answer asked for twice
// (parser.h: the caller who waited may have been destroyed). All of them must give the same
// messages, which end at the same places, and then the same end or the same error code at the same
// place. So must parse_memory, and Messages over a Reader.

#ifndef BUFIO_TESTING_CHECK_SPLIT_INVARIANCE_H_
#define BUFIO_TESTING_CHECK_SPLIT_INVARIANCE_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "bufio/testing/for_all_splits.h"
#include "bufio/testing/messages_run.h"
#include "bufio/testing/parser_run.h"
#include "bufio/testing/split.h"
#include "uring/status.h"

namespace bufio::testing {

struct InvarianceOptions {
  // Values are pieces of something, cut where the input happened to be: only what they are together
  // is compared.
  bool concatenated = false;
  // 64 bytes behind each view are readable: for parsers that need a Reader with padded().
  bool padded = false;
  SplitOptions splits;
};

// OK, or Internal with the first difference. Of places only those are compared that both know.
absl::Status compare_runs(const ParserRun& expected, const ParserRun& actual, bool concatenated,
                          bool compare_places);

namespace internal {

template <class Make, class Print>
absl::Status check_one_split(Make& make, const Split& split, const ParserRun& expected,
                             Print& print, const InvarianceOptions& options) {
  for (const RunOptions how : {RunOptions{.end_with_data = true},
                               {.end_with_data = false},
                               {.end_with_data = true, .ask_twice = true},
                               {.end_with_data = false, .ask_twice = true}}) {
    auto parser = fresh_parser(make);
    const RunOptions run_options = {how.end_with_data, how.ask_twice, options.padded};
    const ParserRun run = run_parser(parser, split, print, run_options);
    absl::Status status = compare_runs(expected, run, options.concatenated, true);
    if (status.ok()) continue;
    if (how.ask_twice) status = uring::annotate(status, "asked twice");
    return uring::annotate(
        status, how.end_with_data ? "the end said with data" : "the end said behind the data");
  }
  return absl::OkStatus();
}

template <class Make, class Print>
absl::Status check_drivers(Make& make, std::string_view input, const ParserRun& expected,
                           Print& print, const InvarianceOptions& options) {
  absl::Status status =
      compare_runs(expected, run_memory(fresh_parser(make), input, print, options.padded),
                   options.concatenated, false);
  if (!status.ok()) return uring::annotate(status, "parse_memory");
  for (const Split& split : {Split::whole(input), Split::one_byte_each(input), Split::halves(input),
                             Split::random(input, 1)}) {
    for (const bool in_bulk : {false, true}) {
      status = compare_runs(expected, run_messages(fresh_parser(make), split, print, in_bulk),
                            options.concatenated, false);
      if (!status.ok()) {
        status = uring::annotate(status, in_bulk ? "Messages in bulk" : "Messages");
        return uring::annotate(status, split.name());
      }
    }
  }
  return absl::OkStatus();
}

// `input` as a test's output may show it.
std::string quoted(std::string_view input);

}  // namespace internal

// `make` is a parser, to be copied, or a function that makes one. `print(value)` makes a string of
// a value: all of it that matters. OK, or Internal with the first difference, the split and the
// input. Inputs that are no valid messages are as good as others.
template <class Make, class Print = PrintValue>
absl::Status check_split_invariance(Make make, const std::vector<std::string>& corpus,
                                    Print print = {}, const InvarianceOptions& options = {}) {
  for (const std::string& input : corpus) {
    auto parser = fresh_parser(make);
    const ParserRun expected =
        run_parser(parser, Split::whole(input), print, {.padded = options.padded});
    absl::Status status;
    if (expected.broken) {
      status = expected.status;
    } else {
      const auto test = [&](const Split& split) {
        return internal::check_one_split(make, split, expected, print, options);
      };
      status = for_all_splits(input, test, options.splits);
    }
    if (status.ok()) status = internal::check_drivers(make, input, expected, print, options);
    if (!status.ok()) return uring::annotate(status, internal::quoted(input));
  }
  return absl::OkStatus();
}

}  // namespace bufio::testing

#endif  // BUFIO_TESTING_CHECK_SPLIT_INVARIANCE_H_
