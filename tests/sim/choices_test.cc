#include "uring/testing/choices.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace uring::testing {
namespace {

TEST(SeededChoices, TheSameSeedGivesTheSameAnswers) {
  SeededChoices one(42);
  SeededChoices same(42);
  SeededChoices other(43);
  std::vector<uint32_t> answers;
  std::vector<uint32_t> other_answers;
  for (int i = 0; i < 100; ++i) {
    answers.push_back(one.below(1000));
    EXPECT_EQ(answers.back(), same.below(1000));
    other_answers.push_back(other.below(1000));
  }
  EXPECT_NE(answers, other_answers);
}

TEST(SeededChoices, AreWhatSplitMix64Gives) {
  // The reference implementation's first values for this seed.
  SeededChoices choices(1234567);
  EXPECT_EQ(choices.next(), 6457827717110365317u);
  EXPECT_EQ(choices.next(), 3203168211198807973u);
}

TEST(SeededChoices, ReachEveryAnswerAboutEquallyOften) {
  SeededChoices choices(1);
  std::vector<int> counts(7);
  for (int i = 0; i < 7000; ++i) ++counts[choices.below(7)];
  EXPECT_GT(*std::min_element(counts.begin(), counts.end()), 850);
  EXPECT_LT(*std::max_element(counts.begin(), counts.end()), 1150);
}

TEST(Choices, OneInIsNeverForZeroAndAlwaysForOne) {
  SeededChoices choices(1);
  int half = 0;
  for (int i = 0; i < 1000; ++i) {
    EXPECT_FALSE(choices.one_in(0));
    EXPECT_TRUE(choices.one_in(1));
    half += choices.one_in(2) ? 1 : 0;
    uint32_t number = choices.between(3, 5);
    EXPECT_GE(number, 3u);
    EXPECT_LE(number, 5u);
  }
  EXPECT_GT(half, 400);
  EXPECT_LT(half, 600);
}

TEST(ByteChoices, AnswerFromTheBytesAndThenWithZero) {
  const uint8_t bytes[] = {7, 1, 2, 255};
  ByteChoices choices(bytes);
  EXPECT_EQ(choices.below(1), 0u);  // needs no byte
  EXPECT_EQ(choices.below(5), 2u);
  EXPECT_EQ(choices.below(65536), 0x0102u);
  EXPECT_FALSE(choices.exhausted());
  EXPECT_EQ(choices.below(256), 255u);
  EXPECT_TRUE(choices.exhausted());
  EXPECT_EQ(choices.below(256), 0u);
  EXPECT_FALSE(choices.one_in(2));
}

TEST(AllChoices, WalkEveryPermutationOnce) {
  AllChoices choices;
  std::set<std::string> found;
  int runs = 0;
  do {
    std::string letters = "abcde";
    std::string chosen;
    while (!letters.empty()) {
      uint32_t which = choices.below(static_cast<uint32_t>(letters.size()));
      chosen += letters[which];
      letters.erase(which, 1);
    }
    found.insert(chosen);
    ++runs;
  } while (choices.next_run());
  EXPECT_EQ(runs, 120);
  EXPECT_EQ(found.size(), 120u);
}

TEST(AllChoices, WalkTreesWhoseBranchesDiffer) {
  AllChoices choices;
  std::vector<std::vector<uint32_t>> runs;
  do {
    if (choices.below(2) == 1) choices.below(3);
    runs.push_back(choices.answers());
  } while (choices.next_run());
  EXPECT_EQ(runs, (std::vector<std::vector<uint32_t>>{{0}, {1, 0}, {1, 1}, {1, 2}}));
}

TEST(AllChoices, ARunWithoutQuestionsIsTheOnlyOne) {
  AllChoices choices;
  EXPECT_FALSE(choices.next_run());
}

}  // namespace
}  // namespace uring::testing
