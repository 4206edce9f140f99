#include "uring/task.h"

#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/coroutine_testing.h"
#include "uring/frame_allocator.h"

namespace uring {
namespace {

using testing::Gate;
using testing::Hops;
using testing::Root;
using testing::StackProbe;
using testing::Tracked;

static_assert(!std::is_copy_constructible_v<Task<int>>);
static_assert(std::is_nothrow_move_constructible_v<Task<int>>);
static_assert(!std::is_aggregate_v<Task<int>::Awaiter>);
static_assert(!std::is_aggregate_v<internal::TaskPromiseBase::FinalAwaiter>);

// --- values --------------------------------------------------------------------------------------

template <class T>
Task<T> give(T value) {
  co_return value;
}

Task<int> add(int a, int b) {
  const int left = co_await give(a);
  const int right = co_await give(b);
  co_return left + right;
}

TEST(Task, GivesTheValueOfItsCoroutine) {
  Root root;
  Task<int> task = add(3, 4);
  root.start(task);
  ASSERT_TRUE(root.ended());
  EXPECT_EQ(task.result(), 7);
}

Task<bool> note(bool& ran) {
  ran = true;
  co_return ran;
}

TEST(Task, RunsNothingUntilItIsAwaited) {
  bool ran = false;
  {
    Task<bool> never = note(ran);
  }
  EXPECT_FALSE(ran);
}

Task<std::unique_ptr<int>> give_unique(Gate& gate) {
  std::unique_ptr<int> value = std::make_unique<int>(5);
  co_await gate;
  co_return value;
}

Task<int> unwrap_unique(Gate& gate) {
  const std::unique_ptr<int> value = co_await give_unique(gate);
  co_return *value;
}

TEST(Task, PassesMoveOnlyValues) {
  Gate gate;
  Root root;
  Task<int> task = unwrap_unique(gate);
  root.start(task);
  gate.open();
  ASSERT_TRUE(root.ended());
  EXPECT_EQ(task.result(), 5);
}

Task<std::string&> lend(std::string& value) { co_return value; }

Task<void> append(std::string& value) {
  std::string& lent = co_await lend(value);
  lent += "!";
}

TEST(Task, PassesReferences) {
  Root root;
  std::string value = "here";
  Task<void> task = append(value);
  root.start(task);
  EXPECT_EQ(value, "here!");
  Task<std::string&> lent = lend(value);
  root.start(lent);
  EXPECT_EQ(&lent.result(), &value);
}

struct NoDefault {
  NoDefault(int first_value, int second_value) : first(first_value), second(second_value) {}
  int first;
  int second;
};

Task<NoDefault> give_in_braces() { co_return {1, 2}; }

TEST(Task, NeedsNoDefaultConstructor) {
  Root root;
  Task<NoDefault> task = give_in_braces();
  root.start(task);
  EXPECT_EQ(task.result().second, 2);
}

Task<int> await_named(Gate& gate) {
  Task<std::string> named = give<std::string>(std::string(100, 'x'));
  co_await gate;
  const std::string value = co_await std::move(named);
  EXPECT_FALSE(named);  // NOLINT(bugprone-use-after-move): moved-from is empty
  co_return static_cast<int>(value.size());
}

TEST(Task, MayBeStoredBeforeItIsAwaited) {
  Gate gate;
  Root root;
  Task<int> task = await_named(gate);
  root.start(task);
  gate.open();
  ASSERT_TRUE(root.ended());
  EXPECT_EQ(task.result(), 100);
}

// --- exceptions ----------------------------------------------------------------------------------

#if defined(__cpp_exceptions)
Task<int> fail(Gate& gate) {
  co_await gate;
  throw std::runtime_error("failed");
}

Task<std::string> catch_failure(Gate& gate) {
  std::string caught;
  try {
    const int value = co_await fail(gate);
    caught = std::to_string(value);
  } catch (const std::runtime_error& error) {
    caught = error.what();
  }
  co_return caught;
}

TEST(Task, ExceptionsPassThroughToTheParent) {
  for (const bool at_once : {true, false}) {
    Gate gate;
    Root root;
    if (at_once) gate.open();
    Task<std::string> task = catch_failure(gate);
    root.start(task);
    EXPECT_EQ(root.ended(), at_once);
    gate.open();
    ASSERT_TRUE(root.ended());
    EXPECT_EQ(task.result(), "failed");
  }
}

TEST(Task, ResultThrowsWhatTheCoroutineThrew) {
  Gate gate;
  gate.open();
  Root root;
  Task<int> task = fail(gate);
  root.start(task);
  EXPECT_THROW(static_cast<void>(task.result()), std::runtime_error);
}
#endif

// --- destruction ---------------------------------------------------------------------------------

Task<int> leaf(Gate& first, Gate& second, Tracked argument) {
  const Tracked local(argument.living());
  co_await first;
  const Tracked later(argument.living());
  co_await second;
  co_return 1;
}

Task<int> middle(std::vector<Gate>& gates, Tracked argument) {
  const Tracked local(argument.living());
  int sum = co_await leaf(gates[0], gates[1], argument);
  {
    const Tracked inner(argument.living());
    const int more = co_await leaf(gates[2], gates[3], Tracked(argument));
    sum += more;
  }
  co_await gates[4];
  co_return sum;
}

Task<int> outer(std::vector<Gate>& gates, int& living) {
  const Tracked local(living);
  const int sum = co_await middle(gates, local);
  co_await gates[5];
  co_return sum;
}

TEST(Task, DestroyedAtAnySuspensionPointDestroysAllItHolds) {
  constexpr size_t kGates = 6;
  for (size_t opened = 0; opened <= kGates; ++opened) {
    SCOPED_TRACE(opened);
    int living = 0;
    std::vector<Gate> gates(kGates);
    Root root;
    Task<int> task = outer(gates, living);
    root.start(task);
    for (size_t i = 0; i < opened; ++i) {
      EXPECT_TRUE(gates[i].awaited());
      EXPECT_GT(living, 0);
      gates[i].open();
    }
    EXPECT_EQ(root.ended(), opened == kGates);
    if (root.ended()) {
      EXPECT_EQ(task.result(), 2);
    }
    task.reset();
    EXPECT_EQ(living, 0);
    for (const Gate& gate : gates) EXPECT_FALSE(gate.awaited());
  }
}

TEST(Task, DestroyedParentDestroysItsSuspendedChild) {
  int living = 0;
  std::vector<Gate> gates(6);
  Root root;
  Task<int> task = outer(gates, living);
  root.start(task);
  EXPECT_TRUE(gates[0].awaited());
  task = Task<int>();
  EXPECT_FALSE(gates[0].awaited());
  EXPECT_EQ(living, 0);
}

TEST(Task, DestroyedBeforeItStartedDestroysItsArguments) {
  int living = 0;
  Gate gate;
  {
    const Task<int> task = leaf(gate, gate, Tracked(living));
    EXPECT_EQ(living, 1);
  }
  EXPECT_EQ(living, 0);
}

Task<void> hold_child_until_opened(Gate& gate, int& living, int& living_after_await) {
  Gate open;
  open.open();
  const int one = co_await leaf(open, open, Tracked(living));
  living_after_await = living;
  co_await gate;
  EXPECT_EQ(one, 1);
}

TEST(Task, ChildIsDestroyedWithTheExpressionThatAwaitedIt) {
  Gate gate;
  Root root;
  int living = 0;
  int living_after_await = -1;
  Task<void> task = hold_child_until_opened(gate, living, living_after_await);
  root.start(task);
  EXPECT_EQ(living_after_await, 0);
}

// --- stack and memory ----------------------------------------------------------------------------

constexpr int kMany = 1'000'000;

Task<int> probe(StackProbe& stack, int value) {
  stack.note();
  co_return value;
}

Task<int> probe_deeper(StackProbe& stack, int value, int depth) {
  if (depth == 0) {
    const int result = co_await probe(stack, value);
    co_return result;
  }
  const int result = co_await probe_deeper(stack, value, depth - 1);
  co_return result;
}

Task<int64_t> await_many_ready(StackProbe& stack) {
  int64_t sum = 0;
  for (int i = 0; i < kMany; ++i) {
    const int value = co_await probe(stack, i);
    sum += value;
  }
  co_return sum;
}

TEST(Task, MillionReadyAwaitsInALoopDoNotGrowTheStack) {
  StackProbe stack;
  Root root;
  Task<int64_t> task = await_many_ready(stack);
  root.start(task);
  ASSERT_TRUE(root.ended());
  EXPECT_EQ(task.result(), int64_t{kMany} * (kMany - 1) / 2);
  EXPECT_LT(stack.spread(), 1024u);
}

Task<void> await_many_ready_after(Gate& gate, StackProbe& stack) {
  co_await gate;
  for (int i = 0; i < kMany / 10; ++i) {
    const int value = co_await probe_deeper(stack, i, 10);
    if (value != i) ADD_FAILURE() << value;
  }
}

Task<void> await_from_below(Gate& gate, StackProbe& stack) {
  co_await await_many_ready_after(gate, stack);
  for (int i = 0; i < kMany; ++i) {
    const int value = co_await probe(stack, i);
    if (value != i) ADD_FAILURE() << value;
  }
}

TEST(Task, ReadyAwaitsOfACoroutineThatWasResumedDoNotGrowTheStack) {
  StackProbe stack;
  Gate gate;
  Root root;
  Task<void> task = await_from_below(gate, stack);
  root.start(task);
  EXPECT_FALSE(root.ended());
  gate.open();
  EXPECT_TRUE(root.ended());
  EXPECT_LT(stack.spread(), 64u * 1024);  // ten calls deep, unoptimised and instrumented
}

Task<int> hop(Hops& hops, StackProbe& stack, int value) {
  co_await hops;
  stack.note();
  co_return value;
}

Task<int> hop_sometimes(Hops& hops, StackProbe& stack, int value) {
  if (value % 3 != 0) {
    const int ready = co_await probe(stack, value);
    co_return ready;
  }
  const int waited = co_await hop(hops, stack, value);
  co_return waited;
}

Task<void> await_many_mixed(Hops& hops, StackProbe& stack) {
  for (int i = 0; i < kMany; ++i) {
    const int value = co_await hop_sometimes(hops, stack, i);
    if (value != i) ADD_FAILURE() << value;
    stack.note();
  }
}

TEST(Task, MillionAwaitsSomeReadySomeNotDoNotGrowTheStack) {
  StackProbe stack;
  Hops hops;
  Root root;
  Task<void> task = await_many_mixed(hops, stack);
  root.start(task);
  hops.run();
  ASSERT_TRUE(root.ended());
  EXPECT_LT(stack.spread(), 16u * 1024);
}

TEST(Task, FramesAreRecycled) {
  if (!frames_are_recycled()) GTEST_SKIP() << "this build recycles nothing";
  StackProbe stack;
  Root root;
  Task<int64_t> warm = await_many_ready(stack);
  root.start(warm);
  warm.reset();
  const uint64_t before = frame_allocator_stats().fresh;
  Task<int64_t> task = await_many_ready(stack);
  root.start(task);
  EXPECT_EQ(frame_allocator_stats().fresh, before);
}

// --- misuse --------------------------------------------------------------------------------------

Task<void> await_empty() { co_await Task<void>(); }

Task<void> await_twice() {
  Task<int> task = give(1);
  const int first = co_await std::move(task);
  const int second = co_await std::move(task);  // NOLINT(bugprone-use-after-move): the point
  EXPECT_EQ(first, second);
}

TEST(TaskDeathTest, MisuseIsAFailedCheck) {
  Root root;
  Task<void> empty = await_empty();
  EXPECT_DEATH(root.start(empty), "the task is empty");
  Task<void> twice = await_twice();
  EXPECT_DEATH(root.start(twice), "the task is empty");
  Gate gate;
  Task<int> waiting = await_named(gate);
  root.start(waiting);
  EXPECT_DEATH(root.start(waiting), "only once");
  EXPECT_DEATH(static_cast<void>(waiting.result()), "no result yet");
}

Task<void> destroy(Task<void>& task) {
  task.reset();
  co_return;
}

TEST(TaskDeathTest, TaskThatDestroysItselfIsAFailedCheck) {
  Root root;
  Task<void> task;
  task = destroy(task);
  EXPECT_DEATH(root.start(task), "from its own body");
}

}  // namespace
}  // namespace uring
