// What the kit's checks of parsers catch, and what they let pass.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "bufio/testing/check_parser_linear.h"
#include "bufio/testing/check_split_invariance.h"
#include "bufio/testing/parser_run.h"
#include "bufio/testing/split.h"
#include "gtest/gtest.h"
#include "tests/kit/test_parsers.h"
#include "uring/sanitizer.h"

namespace bufio::testing {
namespace {

const std::vector<std::string> kWords = {"",    "one.two.", "one.two",  "a.#3xyzb.", "#",
                                         "#9a", "#x.",      "a..b.!c.", ".#0.#1..a", "!"};

// Whether it is Internal, and names this.
::testing::AssertionResult caught(const absl::Status& status, std::string_view what) {
  if (absl::IsInternal(status) && std::string(status.message()).find(what) != std::string::npos) {
    return ::testing::AssertionSuccess();
  }
  return ::testing::AssertionFailure() << status;
}

TEST(SplitInvarianceTest, GoodParsersPass) {
  EXPECT_EQ(check_split_invariance(WordParser(), kWords), absl::OkStatus());
  const std::vector<std::string> prefixed = {"",  "3abc0", "3abc01d", "3ab",
                                             "3", "0",     "00",      "3abcx"};
  EXPECT_EQ(check_split_invariance(PrefixParser(), prefixed), absl::OkStatus());
  EXPECT_EQ(check_split_invariance([] { return PrefixParser(); }, prefixed), absl::OkStatus());
}

TEST(SplitInvarianceTest, LongInputsAreSplitBySeed) {
  std::string words;
  for (size_t i = 0; i < 300; ++i) words += std::to_string(i * i) + "." + "#2xy";
  EXPECT_EQ(check_split_invariance(WordParser(), {words}), absl::OkStatus());
  EXPECT_TRUE(caught(check_split_invariance(HastyParser(), {words}), "value"));
}

TEST(SplitInvarianceTest, AParserThatDependsOnTheSplitIsCaught) {
  EXPECT_TRUE(caught(check_split_invariance(HastyParser(), {"one.two."}), "\"o\" instead of"));
  EXPECT_TRUE(caught(check_split_invariance(ForgetfulParser(), {"one..two.."}), "one at a time"));
}

TEST(SplitInvarianceTest, PiecesMayBeComparedTogether) {
  EXPECT_EQ(check_split_invariance(HastyParser(), {"one"}, PrintValue(), {.concatenated = true}),
            absl::OkStatus());
}

TEST(SplitInvarianceDeathTest, APointerIntoAnEarlierViewIsCaught) {
  if constexpr (uring::kAddressSanitizer) {
    EXPECT_DEATH(static_cast<void>(check_split_invariance(DanglingParser(), {"one.two."})),
                 "heap-use-after-free");
    return;
  }
  EXPECT_TRUE(caught(check_split_invariance(DanglingParser(), {"one.two."}), "value 0 is"));
}

TEST(SplitInvarianceTest, AnAnswerThatIsNotRepeatedIsCaught) {
  EXPECT_TRUE(caught(check_split_invariance(UnrepeatableParser(), {"3abc1d"}), "asked again"));
}

TEST(SplitInvarianceTest, TheMomentOfTheEndMattersNot) {
  EXPECT_TRUE(caught(check_split_invariance(EarlyEndParser(), {"one.two"}), "the end"));
}

TEST(SplitInvarianceTest, AnotherPlaceOfAnErrorIsCaught) {
  EXPECT_TRUE(
      caught(check_split_invariance(LateErrorParser(), {"o!ne"}), "the offset of the error"));
}

TEST(SplitInvarianceTest, AnswersThatAreNoneAreCaught) {
  EXPECT_TRUE(caught(check_split_invariance(StuckParser(), {"one."}), "makes no progress"));
  EXPECT_TRUE(
      caught(check_split_invariance(SkippingNothingParser(), {"one."}), "makes no progress"));
  EXPECT_TRUE(caught(check_split_invariance(GreedyParser(), {"one."}), "more than it was shown"));
}

TEST(ParserLinearTest, GoodParsersPass) {
  EXPECT_EQ(check_parser_linear(WordParser(), std::string(2000, 'x') + "." + std::string(200, 'y')),
            absl::OkStatus());
}

TEST(ParserLinearTest, ARescanIsCaught) {
  const std::string words = std::string(300, 'x') + ".";
  EXPECT_TRUE(caught(check_parser_linear(RescanningParser(), words), "one at a time"));
  // Though nothing else is wrong with it.
  EXPECT_EQ(check_split_invariance(RescanningParser(), {words}), absl::OkStatus());
}

TEST(ParserLinearTest, ShortMessagesTellNothing) {
  EXPECT_EQ(check_parser_linear(WordParser(), "one.two.three.").code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(check_parser_linear(WordParser(), "!" + std::string(1000, 'x')).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(RunParserTest, SaysWhereEachMessageEnds) {
  WordParser parser;
  const ParserRun run = run_parser(parser, Split::halves("a.#3xyzbc.d"));
  ASSERT_EQ(run.messages.size(), 2U);
  EXPECT_EQ(run.messages[0].end, 2U);
  EXPECT_EQ(run.messages[1].value, "bc");
  EXPECT_EQ(run.messages[1].end, 10U);
  EXPECT_EQ(run.status.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(run.offset, 11U);
}

}  // namespace
}  // namespace bufio::testing
