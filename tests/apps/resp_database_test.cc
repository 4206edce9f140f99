#include "examples/resp_database.h"

#include <atomic>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "examples/resp_budget.h"
#include "examples/resp_value.h"
#include "gtest/gtest.h"

namespace resp {
namespace {

using Set = Database::SetOutcome;
using Increment = Database::IncrementOutcome;

class RespDatabaseTest : public testing::TestWithParam<size_t> {
 protected:
  Set set(const std::string& key, std::string value, Time expires = kNever,
          Condition condition = Condition::kNone) {
    return database_.set(key, std::move(value), expires, condition, now_);
  }
  std::optional<std::string> get(const std::string& key) {
    std::optional<std::string> bytes;
    database_.get(key, now_, [&bytes](const Value& value) { bytes = value.bytes(); });
    return bytes;
  }
  Database& database() { return database_; }
  Time now() const { return now_; }
  void pass(Time ms) { now_ += ms; }

 private:
  Database database_{{.shards = GetParam(), .max_memory = size_t{1} << 20}};
  Time now_ = 1000;
};
INSTANTIATE_TEST_SUITE_P(Shards, RespDatabaseTest, testing::Values(1, 7));

TEST_P(RespDatabaseTest, KeepsWhatItIsGiven) {
  EXPECT_EQ(get("a"), std::nullopt);
  EXPECT_EQ(set("a", "1"), Set::kSet);
  EXPECT_EQ(set("b", ""), Set::kSet);
  EXPECT_EQ(set("a", "2"), Set::kSet);
  EXPECT_EQ(get("a"), "2");
  EXPECT_EQ(get("b"), "");
  EXPECT_TRUE(database().contains("a", now()));
  EXPECT_TRUE(database().erase("a", now()));
  EXPECT_FALSE(database().erase("a", now()));
  EXPECT_FALSE(database().contains("a", now()));
  EXPECT_EQ(database().counts().keys, 1u);
}

TEST_P(RespDatabaseTest, SetsOnlyIfTheConditionHolds) {
  EXPECT_EQ(set("a", "1", kNever, Condition::kPresent), Set::kNot);
  EXPECT_EQ(get("a"), std::nullopt);
  EXPECT_EQ(set("a", "1", kNever, Condition::kAbsent), Set::kSet);
  EXPECT_EQ(set("a", "2", kNever, Condition::kAbsent), Set::kNot);
  EXPECT_EQ(get("a"), "1");
  EXPECT_EQ(set("a", "3", kNever, Condition::kPresent), Set::kSet);
  EXPECT_EQ(get("a"), "3");
}

TEST_P(RespDatabaseTest, AKeyIsThereUntilItsTimeComesAndNoLonger) {
  set("a", "1", now() + 10);
  pass(9);
  EXPECT_EQ(get("a"), "1");
  EXPECT_EQ(set("a", "2", kNever, Condition::kAbsent), Set::kNot);
  pass(1);
  EXPECT_EQ(database().counts().keys, 1u);  // nobody has looked
  EXPECT_EQ(get("a"), std::nullopt);
  EXPECT_EQ(database().counts().keys, 0u);
  EXPECT_EQ(database().counts().expiring, 0u);

  set("b", "1", now() + 10);
  pass(10);
  EXPECT_FALSE(database().contains("b", now()));
  set("c", "1", now() + 10);
  pass(10);
  EXPECT_FALSE(database().erase("c", now()));
  set("d", "5", now() + 10);
  pass(10);
  EXPECT_EQ(database().increment("d", now()).value, 1);
  pass(1000);
  EXPECT_EQ(get("d"), "1");  // a key of its own, without an end
}

TEST_P(RespDatabaseTest, ANewValueForgetsTheTimeOfTheOldOneAndAnIncrementKeepsIt) {
  set("a", "1", now() + 10);
  set("a", "2");
  EXPECT_EQ(database().counts().expiring, 0u);
  set("b", "1", now() + 10);
  set("b", "1", now() + 20);
  EXPECT_EQ(database().counts().expiring, 1u);
  EXPECT_EQ(database().increment("b", now()).value, 2);
  pass(19);
  EXPECT_EQ(get("a"), "2");
  EXPECT_EQ(get("b"), "2");
  pass(1);
  EXPECT_EQ(get("b"), std::nullopt);
}

TEST_P(RespDatabaseTest, SweepsWhatNobodyAsksForAFewAtATime) {
  for (int i = 0; i < 100; ++i) set(std::to_string(i), "x", now() + 1 + i % 50);
  for (int i = 0; i < 10; ++i) set("stays" + std::to_string(i), "x");
  set("a", "x", now() + 1);
  set("a", "x");  // no longer due
  const size_t memory = database().memory();
  EXPECT_FALSE(database().sweep(now(), 1000));
  EXPECT_EQ(database().counts().keys, 111u);
  pass(25);
  EXPECT_TRUE(database().sweep(now(), 1));
  EXPECT_GE(database().counts().keys, 111 - GetParam());
  while (database().sweep(now(), 3)) {
  }
  EXPECT_EQ(database().counts().keys, 61u);
  EXPECT_EQ(database().counts().expiring, 50u);
  EXPECT_LT(database().memory(), memory);
  pass(25);
  EXPECT_FALSE(database().sweep(now(), 1000));
  EXPECT_EQ(database().counts().keys, 11u);
  EXPECT_EQ(get("a"), "x");
}

TEST_P(RespDatabaseTest, IncrementsNumbersAndNothingElse) {
  EXPECT_EQ(database().increment("n", now()).value, 1);
  EXPECT_EQ(database().increment("n", now()).value, 2);
  set("n", "-1");
  EXPECT_EQ(database().increment("n", now()).value, 0);
  set("n", "9223372036854775806");
  EXPECT_EQ(database().increment("n", now()).outcome, Increment::kDone);
  EXPECT_EQ(database().increment("n", now()).outcome, Increment::kOverflow);
  EXPECT_EQ(get("n"), "9223372036854775807");
  for (const char* none : {"", " 1", "1 ", "+1", "01", "-", "-0", "1.0", "9223372036854775808"}) {
    set("n", none);
    EXPECT_EQ(database().increment("n", now()).outcome, Increment::kNotInteger) << none;
    EXPECT_EQ(get("n"), none);
  }
}

TEST_P(RespDatabaseTest, TakesNoMoreMemoryThanItMay) {
  int kept = 0;
  while (set("key" + std::to_string(kept), std::string(1000, 'x')) == Set::kSet) ++kept;
  EXPECT_GT(kept, 700);
  EXPECT_LT(kept, 1000);
  EXPECT_LE(database().memory(), database().max_memory());
  EXPECT_EQ(get("key0"), std::string(1000, 'x'));
  EXPECT_EQ(set("another", std::string(1000, 'x')), Set::kOutOfMemory);
  EXPECT_EQ(set("key0", std::string(100'000, 'x')), Set::kOutOfMemory);
  EXPECT_EQ(get("key0"), std::string(1000, 'x'));
  EXPECT_TRUE(database().erase("key0", now()));
  EXPECT_EQ(set("another", std::string(1000, 'x')), Set::kSet);
  for (int i = 1; i < kept; ++i) database().erase("key" + std::to_string(i), now());
  database().erase("another", now());
  EXPECT_EQ(database().memory(), 0u);
}

TEST_P(RespDatabaseTest, ALargeValueIsSharedAndCountsUntilTheLastShareGoes) {
  const std::string large(kShareFrom, 'x');
  set("a", large);
  SharedBytes share;
  database().get("a", now(), [&share](const Value& value) { share = value.shared(); });
  ASSERT_TRUE(share);
  set("a", "small");
  EXPECT_EQ(std::string_view(share.data(), share.size()), large);
  EXPECT_GT(database().memory(), large.size());
  share = SharedBytes();
  EXPECT_LT(database().memory(), large.size());
  EXPECT_EQ(get("a"), "small");
}

TEST_P(RespDatabaseTest, ManyThreadsIncrementOneNumber) {
  constexpr int kTimes = 2000;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const std::string own = "own" + std::to_string(t);
      for (int i = 0; i < kTimes; ++i) {
        database().increment("shared", now());
        database().set(own, std::string(kShareFrom, 'x'), now() + 1, Condition::kNone, now());
        database().get(own, now(), [](const Value& value) { SharedBytes share = value.shared(); });
        database().sweep(now() + 1, 10);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(get("shared"), std::to_string(4 * kTimes));
  database().erase("shared", now());
  database().sweep(now() + 1, 10);
  EXPECT_EQ(database().memory(), 0u);
}

TEST(RespBudget, NoMoreIsTakenThanThereIs) {
  Budget budget(100);
  EXPECT_FALSE(budget.take(101));
  Charge a(budget);
  EXPECT_TRUE(a.set(60));
  {
    Charge b(budget);
    EXPECT_FALSE(b.set(41));
    EXPECT_TRUE(b.set(40));
    EXPECT_FALSE(a.set(61));
    EXPECT_EQ(budget.used(), 100u);
    EXPECT_FALSE(budget.take(SIZE_MAX));
  }
  EXPECT_EQ(budget.used(), 60u);
  EXPECT_TRUE(a.set(10));
  Charge c(budget);
  EXPECT_TRUE(c.set(5));
  c = std::move(a);
  EXPECT_EQ(c.size(), 10u);
  EXPECT_EQ(budget.used(), 15u);
}

}  // namespace
}  // namespace resp
