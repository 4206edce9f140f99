// bufio/testing/fuzz_parser.h
//
// The body of a fuzzer of a parser.
//
//   extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
//     const bufio::testing::FuzzInput input(data, size);
//     bufio::testing::fuzz_parser(RespParser(), input, print);
//     return 0;
//   }
//
// The input is parsed at once, in pieces by a seed, by parse_memory and by Messages; all must make
// the same of it (check_split_invariance.h), in linear time (check_parser_linear.h), and read
// nothing beside what they are shown, which AddressSanitizer sees. What differs ends the process.

#ifndef BUFIO_TESTING_FUZZ_PARSER_H_
#define BUFIO_TESTING_FUZZ_PARSER_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "bufio/testing/check_parser_linear.h"
#include "bufio/testing/check_split_invariance.h"
#include "bufio/testing/messages_run.h"
#include "bufio/testing/parser_run.h"
#include "bufio/testing/split.h"

namespace bufio::testing {

// A fuzzer's bytes: one that the fuzzer may choose options by, one that seeds the split, and the
// parser's input. Refers to them.
struct FuzzInput {
  FuzzInput(const uint8_t* data, size_t size);

  uint8_t options = 0;
  uint64_t seed = 0;
  std::string_view bytes;
};

namespace internal {

// Ends the process with the input unless OK.
void require_same(const absl::Status& status, const FuzzInput& input);

}  // namespace internal

// `make`, `print` and `options` as for check_split_invariance; options.splits is not used.
template <class Make, class Print = PrintValue>
void fuzz_parser(Make make, const FuzzInput& input, Print print = {},
                 const InvarianceOptions& options = {}, const LinearOptions& linear = {}) {
  auto parser = fresh_parser(make);
  const Split whole = Split::whole(input.bytes);
  const ParserRun expected = run_parser(parser, whole, print, {.padded = options.padded});
  if (expected.broken) internal::require_same(expected.status, input);
  const Split split = Split::random(input.bytes, input.seed);
  internal::require_same(internal::check_one_split(make, split, expected, print, options), input);
  internal::require_same(
      compare_runs(expected, run_memory(fresh_parser(make), input.bytes, print, options.padded),
                   options.concatenated, false),
      input);
  const bool in_bulk = (input.seed & 1) != 0;
  internal::require_same(
      compare_runs(expected, run_messages(fresh_parser(make), split, print, in_bulk),
                   options.concatenated, false),
      input);
  auto counted = fresh_parser(make);
  const ParserRun run =
      run_parser(counted, split, print, {.end_with_data = false, .padded = options.padded});
  const absl::Status status = judge_linear(run, input.bytes, linear);
  if (!absl::IsInvalidArgument(status)) internal::require_same(status, input);
}

}  // namespace bufio::testing

#endif  // BUFIO_TESTING_FUZZ_PARSER_H_
