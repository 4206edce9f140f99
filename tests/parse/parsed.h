// tests/parse/parsed.h
//
// What a parser makes of an input, once it is sure that it is the same however the input arrives.

#ifndef TESTS_PARSE_PARSED_H_
#define TESTS_PARSE_PARSED_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "bufio/testing/check_split_invariance.h"
#include "bufio/testing/parser_run.h"
#include "bufio/testing/split.h"
#include "gtest/gtest.h"

namespace bufio::testing {

struct Parsed {
  std::vector<std::string> values;
  absl::Status status;
  uint64_t offset = 0;  // of the error

  absl::StatusCode code() const { return status.code(); }
};

// `make` is a parser or a function that makes one. Fails the test if the split matters.
template <class Make, class Print = PrintValue>
Parsed parsed(Make make, std::string_view input, Print print = {},
              const InvarianceOptions& options = {}) {
  EXPECT_EQ(check_split_invariance(make, {std::string(input)}, print, options), absl::OkStatus());
  auto parser = fresh_parser(make);
  ParserRun run = run_parser(parser, Split::whole(input), print);
  Parsed result = {{}, run.status, run.offset};
  for (ParserRun::Message& message : run.messages)
    result.values.push_back(std::move(message.value));
  return result;
}

using Values = std::vector<std::string>;
inline constexpr absl::StatusCode kOk = absl::StatusCode::kOk;
inline constexpr absl::StatusCode kCutOff = absl::StatusCode::kDataLoss;
inline constexpr absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument;
inline constexpr absl::StatusCode kTooLong = absl::StatusCode::kResourceExhausted;

}  // namespace bufio::testing

#endif  // TESTS_PARSE_PARSED_H_
