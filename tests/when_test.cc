#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "gtest/gtest.h"
#include "tests/coroutine_testing.h"
#include "uring/task.h"
#include "uring/when_all.h"
#include "uring/when_any.h"

namespace uring {
namespace {

using testing::Gate;
using testing::Hops;
using testing::Root;
using testing::StackProbe;
using testing::Tracked;

template <class T>
Task<T> give_after(Gate& gate, T value) {
  co_await gate;
  co_return value;
}

Task<void> pass(Gate& gate) { co_await gate; }

Task<int> hold(Gate& gate, Tracked argument, int value) {
  const Tracked local(argument.living());
  co_await gate;
  co_return value;
}

Task<int&> lend(int& value) { co_return value; }

static_assert(!std::is_aggregate_v<WhenAll<>>);
static_assert(!std::is_aggregate_v<WhenAny<int>>);

// --- when_all ------------------------------------------------------------------------------------

using AllResult = std::tuple<int, std::unique_ptr<int>, std::monostate, std::monostate>;

Task<AllResult> all_kinds(std::vector<Gate>& gates) {
  AllResult results =
      co_await when_all(give_after(gates[0], 1), give_after(gates[1], std::make_unique<int>(2)),
                        pass(gates[2]), gates[3]);
  co_return results;
}

TEST(WhenAll, GivesTheResultsInOrderWhicheverEndsFirst) {
  const std::vector<std::vector<size_t>> orders = {{0, 1, 2, 3}, {3, 2, 1, 0}, {2, 0, 3, 1}};
  for (const std::vector<size_t>& order : orders) {
    std::vector<Gate> gates(4);
    Root root;
    Task<AllResult> task = all_kinds(gates);
    root.start(task);
    for (const size_t index : order) {
      EXPECT_FALSE(root.ended());
      gates[index].open();
    }
    ASSERT_TRUE(root.ended());
    const AllResult result = task.result();
    EXPECT_EQ(std::get<0>(result), 1);
    EXPECT_EQ(*std::get<1>(result), 2);
  }
}

TEST(WhenAll, EndsAtOnceIfAllDo) {
  std::vector<Gate> gates(4);
  for (Gate& gate : gates) gate.open();
  Root root;
  Task<AllResult> task = all_kinds(gates);
  root.start(task);
  EXPECT_TRUE(root.ended());
}

Task<int> all_of_nothing() {
  const std::tuple<> none = co_await when_all();
  const std::vector<int> empty = co_await when_all(std::vector<Task<int>>());
  static_cast<void>(none);
  co_return static_cast<int>(empty.size());
}

TEST(WhenAll, OfNothingEndsAtOnce) {
  Root root;
  Task<int> task = all_of_nothing();
  root.start(task);
  ASSERT_TRUE(root.ended());
  EXPECT_EQ(task.result(), 0);
}

Task<std::vector<int>> all_in_vector(std::vector<Gate>& gates) {
  std::vector<Task<int>> tasks;
  std::vector<Task<void>> voids;
  for (size_t i = 0; i < gates.size(); ++i) {
    tasks.push_back(give_after(gates[i], static_cast<int>(i)));
    voids.push_back(pass(gates[i]));
  }
  std::vector<int> results = co_await when_all(std::move(tasks));
  co_await when_all(std::move(voids));
  co_return results;
}

TEST(WhenAll, TakesAVectorOfTasks) {
  std::vector<Gate> gates(3);
  Root root;
  Task<std::vector<int>> task = all_in_vector(gates);
  root.start(task);
  gates[2].open();
  gates[0].open();
  EXPECT_FALSE(root.ended());
  gates[1].open();
  ASSERT_TRUE(root.ended());
  EXPECT_EQ(task.result(), (std::vector<int>{0, 1, 2}));
}

Task<void> all_holding(std::vector<Gate>& gates, int& living) {
  const std::tuple<int, int, int> results =
      co_await when_all(hold(gates[0], Tracked(living), 0), hold(gates[1], Tracked(living), 1),
                        hold(gates[2], Tracked(living), 2));
  EXPECT_EQ(std::get<2>(results), 2);
}

TEST(WhenAll, DestroyedAtAnySuspensionPointDestroysAllTasks) {
  for (size_t opened = 0; opened <= 3; ++opened) {
    int living = 0;
    std::vector<Gate> gates(3);
    Root root;
    Task<void> task = all_holding(gates, living);
    root.start(task);
    EXPECT_EQ(living, 9);  // of each task: the temporary, the argument, the local
    for (size_t i = 0; i < opened; ++i) gates[i].open();
    EXPECT_EQ(root.ended(), opened == 3);
    task.reset();
    EXPECT_EQ(living, 0);
    for (const Gate& gate : gates) EXPECT_FALSE(gate.awaited());
  }
}

Task<int> all_of_references(int& a, int& b) {
  const auto [first, second] = co_await when_all(lend(a), lend(b));
  first.get() = 7;
  co_return second.get();
}

TEST(WhenAll, WrapsReferences) {
  int a = 1;
  int b = 2;
  Root root;
  Task<int> task = all_of_references(a, b);
  root.start(task);
  EXPECT_EQ(task.result(), 2);
  EXPECT_EQ(a, 7);
}

#if defined(__cpp_exceptions)
Task<int> fail_after(Gate& gate, std::string what) {
  co_await gate;
  throw std::runtime_error(what);
}

Task<std::string> all_failing(std::vector<Gate>& gates) {
  std::string caught;
  try {
    auto results = co_await when_all(give_after(gates[0], 1), fail_after(gates[1], "first"),
                                     fail_after(gates[2], "second"));
    static_cast<void>(results);
  } catch (const std::runtime_error& error) {
    caught = error.what();
  }
  co_return caught;
}

TEST(WhenAll, ThrowsTheFirstExceptionAfterAllHaveEnded) {
  std::vector<Gate> gates(3);
  Root root;
  Task<std::string> task = all_failing(gates);
  root.start(task);
  gates[2].open();
  gates[1].open();
  EXPECT_FALSE(root.ended());
  gates[0].open();
  ASSERT_TRUE(root.ended());
  EXPECT_EQ(task.result(), "first");
}

Task<std::string> any_failing(std::vector<Gate>& gates, int& living) {
  std::string caught;
  try {
    auto first = co_await when_any(hold(gates[0], Tracked(living), 1), fail_after(gates[1], "it"));
    static_cast<void>(first);
  } catch (const std::runtime_error& error) {
    caught = error.what();
    caught += std::to_string(living);
  }
  co_return caught;
}

TEST(WhenAny, ThrowsTheExceptionOfTheFirstAfterTheOthersAreDestroyed) {
  std::vector<Gate> gates(2);
  int living = 0;
  Root root;
  Task<std::string> task = any_failing(gates, living);
  root.start(task);
  gates[1].open();
  ASSERT_TRUE(root.ended());
  EXPECT_EQ(task.result(), "it0");
}
#endif

// --- when_any ------------------------------------------------------------------------------------

struct AnyOutcome {
  AnyOutcome(size_t index_value, int living_value) : index(index_value), living(living_value) {}
  size_t index;
  int living;  // when the parent goes on, within the expression that awaits
};

AnyOutcome look(const std::variant<int, int, int>& first, const int& living) {
  const int value = std::visit([](int held) { return held; }, first);
  EXPECT_EQ(static_cast<size_t>(value), first.index());
  return AnyOutcome(first.index(), living);
}

Task<AnyOutcome> first_of_three(std::vector<Gate>& gates, int& living) {
  const AnyOutcome outcome =
      look(co_await when_any(hold(gates[0], Tracked(living), 0), hold(gates[1], Tracked(living), 1),
                             hold(gates[2], Tracked(living), 2)),
           living);
  co_return outcome;
}

TEST(WhenAny, LosersAreDestroyedBeforeTheParentGoesOn) {
  for (size_t winner = 0; winner < 3; ++winner) {
    SCOPED_TRACE(winner);
    int living = 0;
    std::vector<Gate> gates(3);
    Root root;
    Task<AnyOutcome> task = first_of_three(gates, living);
    root.start(task);
    EXPECT_EQ(living, 9);  // of each task: the temporary, the argument, the local
    gates[winner].open();
    ASSERT_TRUE(root.ended());
    const AnyOutcome outcome = task.result();
    EXPECT_EQ(outcome.index, winner);
    EXPECT_EQ(outcome.living, 4);  // three temporaries and the argument of the winner
    for (const Gate& gate : gates) EXPECT_FALSE(gate.awaited());
    EXPECT_EQ(living, 0);
  }
}

Task<int> mark(bool& ran) {
  ran = true;
  co_return 1;
}

Task<size_t> first_of_ready(Gate& gate, bool& ran_second, bool& ran_third) {
  const std::variant<std::monostate, int, int> first =
      co_await when_any(pass(gate), mark(ran_second), mark(ran_third));
  co_return first.index();
}

TEST(WhenAny, TaskThatEndsAtOnceWinsAndLaterOnesNeverStart) {
  Gate gate;
  bool ran_second = false;
  bool ran_third = false;
  Root root;
  Task<size_t> task = first_of_ready(gate, ran_second, ran_third);
  root.start(task);
  ASSERT_TRUE(root.ended());
  EXPECT_EQ(task.result(), 1u);
  EXPECT_TRUE(ran_second);
  EXPECT_FALSE(ran_third);
  EXPECT_FALSE(gate.awaited());
}

TEST(WhenAny, DestroyedWhileItWaitsDestroysAllTasks) {
  int living = 0;
  std::vector<Gate> gates(3);
  Root root;
  Task<AnyOutcome> task = first_of_three(gates, living);
  root.start(task);
  task.reset();
  EXPECT_EQ(living, 0);
  for (const Gate& gate : gates) EXPECT_FALSE(gate.awaited());
}

Task<int> nested(std::vector<Gate>& gates, int& living) {
  const auto outer = co_await when_any(
      when_all(hold(gates[0], Tracked(living), 0), hold(gates[1], Tracked(living), 1)),
      when_any(hold(gates[2], Tracked(living), 2), hold(gates[3], Tracked(living), 3)));
  co_return static_cast<int>(outer.index());
}

TEST(WhenAny, CombinatorsNest) {
  for (const bool all_first : {true, false}) {
    int living = 0;
    std::vector<Gate> gates(4);
    Root root;
    Task<int> task = nested(gates, living);
    root.start(task);
    gates[1].open();
    EXPECT_FALSE(root.ended());
    gates[all_first ? 0 : 3].open();
    ASSERT_TRUE(root.ended());
    EXPECT_EQ(task.result(), all_first ? 0 : 1);
    EXPECT_EQ(living, 0);
  }
}

// Not what anybody should do: a coroutine that resumes its sibling from its own body.
Task<int> open_other(Gate& other, Gate& own) {
  other.open();
  co_await own;
  co_return 2;
}

Task<size_t> first_of_entangled(Gate& a, Gate& b, int& living) {
  const std::variant<int, int> first =
      co_await when_any(hold(a, Tracked(living), 1), open_other(a, b));
  co_return first.index();
}

TEST(WhenAny, TaskThatEndsWhileItsSiblingStartsWins) {
  Gate a;
  Gate b;
  int living = 0;
  Root root;
  Task<size_t> task = first_of_entangled(a, b, living);
  root.start(task);
  ASSERT_TRUE(root.ended());
  EXPECT_EQ(task.result(), 0u);
  EXPECT_FALSE(b.awaited());
  EXPECT_EQ(living, 0);
}

// --- stack ---------------------------------------------------------------------------------------

constexpr int kMany = 300'000;

Task<int> probe(StackProbe& stack, int value) {
  stack.note();
  co_return value;
}

Task<void> combine_ready(StackProbe& stack, int depth) {
  if (depth > 0) {
    co_await combine_ready(stack, depth - 1);
    co_return;
  }
  for (int i = 0; i < kMany; ++i) {
    const std::tuple<int, int> all = co_await when_all(probe(stack, i), probe(stack, i));
    const std::variant<int, int> any = co_await when_any(probe(stack, i), probe(stack, i));
    if (std::get<0>(all) != i || any.index() != 0) ADD_FAILURE() << i;
  }
}

TEST(When, ReadyCombinationsAtDepthDoNotGrowTheStack) {
  StackProbe stack;
  Root root;
  Task<void> task = combine_ready(stack, 20);
  root.start(task);
  ASSERT_TRUE(root.ended());
  EXPECT_LT(stack.spread(), 4096u);
}

Task<int> hop(Hops& hops, StackProbe& stack, int value) {
  if (value % 3 != 0) co_await hops;
  stack.note();
  co_return value;
}

Task<void> combine_waiting(Hops& hops, StackProbe& stack) {
  for (int i = 0; i < kMany; ++i) {
    const std::tuple<int, int> all =
        co_await when_all(hop(hops, stack, i), hop(hops, stack, i + 1));
    const std::variant<int, int> any =
        co_await when_any(hop(hops, stack, i), hop(hops, stack, i + 1));
    if (std::get<1>(all) != i + 1 || any.index() > 1) ADD_FAILURE() << i;
    stack.note();
  }
}

TEST(When, CombinationsOfWhichSomeWaitDoNotGrowTheStack) {
  StackProbe stack;
  Hops hops;
  Root root;
  Task<void> task = combine_waiting(hops, stack);
  root.start(task);
  hops.run();
  ASSERT_TRUE(root.ended());
  EXPECT_LT(stack.spread(), 16u * 1024);
}

}  // namespace
}  // namespace uring
