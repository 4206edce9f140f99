// tests/canary/canary_test.cc
//
// The shapes around co_await that this project relies on, tried with the compiler at hand.
//
// Each shape runs with ready and with suspending awaiters, and is destroyed at each of its
// suspension points. It must give the right value, and everything it made must be destroyed once.
// tests/lint keeps the other shapes out.

#include <array>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "tests/canary/task.h"
#include "tests/canary/tracked.h"

namespace canary {
namespace {

// What the shapes await.

After<Tracked> after(Mode mode, int value) { return After<Tracked>(mode, Tracked(value)); }

Task<Tracked> by_value(Mode mode, Tracked value) {
  Tracked got = co_await after(mode, value.get());
  co_return got;
}

Task<int> by_reference(Mode mode, const Tracked& value) {
  const Tracked one = co_await after(mode, 1);
  co_return value.get() + one.get() - 1;
}

Task<std::pair<Tracked, Tracked>> pair_of(Mode mode, int first, int second) {
  Tracked a = co_await after(mode, first);
  Tracked b = co_await after(mode, second);
  std::pair<Tracked, Tracked> both(std::move(a), std::move(b));
  co_return both;
}

Task<std::vector<Tracked>> three(Mode mode) {
  std::vector<Tracked> values;
  for (int i = 1; i <= 3; ++i) values.push_back(co_await after(mode, i));
  co_return values;
}

Task<absl::StatusOr<Tracked>> checked(Mode mode, int value) {
  Tracked got = co_await after(mode, value);
  if (value < 0) co_return absl::OutOfRangeError("negative");
  co_return got;
}

int sum_of(const Tracked& a, int b, const Tracked& c) { return a.get() + b + c.get(); }

// The shapes.

Task<int> assign_then_test(Mode mode) {
  bool ok = (co_await after(mode, 1)).get() == 1;
  if (!ok) co_return 0;
  co_return 7;
}

// The condition of an if with an initialiser tests the local that it declares.
Task<int> if_with_initializer(Mode mode) {
  if (Tracked got = co_await after(mode, 7); got.get() == 7) co_return got.get();
  co_return 0;
}

Task<int> assign_then_loop(Mode mode) {
  int count = 0;
  for (;;) {
    const Tracked got = co_await after(mode, count);
    if (got.get() == 7) break;
    ++count;
  }
  co_return count;
}

Task<int> assign_then_switch(Mode mode) {
  const int got = (co_await after(mode, 2)).get();
  switch (got) {
    case 2: {
      const Tracked inner = co_await after(mode, 7);
      co_return inner.get();
    }
    default:
      co_return 0;
  }
}

Task<int> awaiter_constructed_in_place(Mode mode) {
  const Tracked got = co_await After<Tracked>(mode, Tracked(7));
  co_return got.get();
}

Task<int> awaiter_returned_by_function(Mode mode) {
  const Tracked got = co_await after(mode, 7);
  co_return got.get();
}

Task<int> awaiter_in_a_local(Mode mode) {
  After<Tracked> awaiter = after(mode, 7);
  const Tracked got = co_await awaiter;
  co_return got.get();
}

Task<Tracked> returns_what_it_awaits(Mode mode) { co_return co_await by_value(mode, 7); }

Task<int> return_of_an_await(Mode mode) {
  const Tracked got = co_await returns_what_it_awaits(mode);
  co_return got.get();
}

Task<int> return_of_an_expression(Mode mode) {
  co_return (co_await after(mode, 3)).get() + (co_await after(mode, 4)).get();
}

Task<int> awaits_in_separate_statements(Mode mode) {
  const Tracked a = co_await by_value(mode, 1);
  const Tracked b = co_await by_value(mode, a.get() + 1);
  const Tracked c = co_await by_value(mode, b.get() + 5);
  co_return c.get() - 0 * a.get();
}

Task<int> awaits_nested_in_arguments(Mode mode) {
  const Tracked got = co_await by_value(mode, co_await by_value(mode, 7));
  co_return got.get();
}

Task<int> temporary_as_argument(Mode mode) {
  const Tracked got = co_await by_value(mode, Tracked(7));
  co_return got.get();
}

Task<int> temporary_by_reference(Mode mode) { co_return co_await by_reference(mode, Tracked(7)); }

Task<int> argument_by_a_local(Mode mode) {
  const Tracked middle = co_await after(mode, 2);
  co_return sum_of(Tracked(1), middle.get(), Tracked(4));
}

Task<int> await_among_temporaries(Mode mode) {
  co_return sum_of(Tracked(1), (co_await after(mode, 2)).get(), Tracked(4));
}

Task<int> aggregate_by_locals(Mode mode) {
  struct Both {
    Tracked a;
    Tracked b;
  };
  Tracked a = co_await after(mode, 3);
  Tracked b = co_await after(mode, 4);
  const Both both{std::move(a), std::move(b)};
  co_return both.a.get() + both.b.get();
}

Task<int> status_or_in_a_local(Mode mode) {
  absl::StatusOr<Tracked> good = co_await checked(mode, 7);
  absl::StatusOr<Tracked> bad = co_await checked(mode, -1);
  if (!good.ok() || bad.ok()) co_return 0;
  co_return good->get();
}

Task<int> status_or_in_a_loop(Mode mode) {
  int sum = 1;
  for (int value = 3;; --value) {
    absl::StatusOr<Tracked> got = co_await checked(mode, value);
    if (!got.ok()) break;
    sum += got->get();
  }
  co_return sum;
}

Task<int> awaits_in_a_range_for(Mode mode) {
  const std::array<int, 3> values{1, 2, 4};
  int sum = 0;
  for (const int value : values) {
    const Tracked got = co_await after(mode, value);
    sum += got.get();
  }
  co_return sum;
}

Task<int> range_for_over_an_await(Mode mode) {
  int sum = 1;
  for (const Tracked& value : co_await three(mode)) {
    const Tracked got = co_await after(mode, value.get());
    sum += got.get();
  }
  co_return sum;
}

Task<int> structured_bindings(Mode mode) {
  auto [a, b] = co_await pair_of(mode, 3, 4);
  co_return a.get() + b.get();
}

Task<int> structured_bindings_across_an_await(Mode mode) {
  int sum = 0;
  for (int i = 0; i < 2; ++i) {
    auto&& [a, b] = co_await pair_of(mode, 1, i + 1);
    const Tracked got = co_await after(mode, a.get() + b.get());
    sum += got.get();
  }
  co_return sum + 2;
}

Task<int> named_lambda_with_captures(Mode mode) {
  const Tracked captured(7);
  const auto lambda = [captured, mode]() -> Task<int> {
    const Tracked got = co_await after(mode, captured.get());
    co_return got.get();
  };
  co_return co_await lambda();
}

Task<int> lambda_with_references(Mode mode) {
  const Tracked outside(7);
  co_return co_await [&]() -> Task<int> {
    const Tracked got = co_await after(mode, outside.get());
    co_return got.get();
  }();
}

Task<int> lambda_without_captures(Mode mode) {
  co_return co_await [](Mode m) -> Task<int> {
    const Tracked got = co_await after(m, 7);
    co_return got.get();
  }(mode);
}

Task<int> string_temporaries(Mode mode) {
  const std::string text = std::string("a string too long for its small buffer, ") +
                           std::to_string((co_await after(mode, 7)).get());
  co_return text.back() - '0';
}

Task<int> moved_only_value(Mode mode) {
  const std::unique_ptr<Tracked> got =
      co_await After<std::unique_ptr<Tracked>>(mode, std::make_unique<Tracked>(7));
  co_return got->get();
}

Task<int> assignment_to_what_is_there(Mode mode) {
  Tracked value(0);
  value = co_await after(mode, 7);
  co_return value.get();
}

Task<int> task_in_a_local(Mode mode) {
  Task<Tracked> task = by_value(mode, Tracked(7));
  const Tracked got = co_await std::move(task);
  co_return got.get();
}

#if defined(__cpp_exceptions)
Task<int> throws(Mode mode) {
  const Tracked got = co_await after(mode, 1);
  throw std::string("thrown");
  co_return got.get();
}

Task<int> exception_from_an_await(Mode mode) {
  const Tracked outside(7);
  std::string caught;
  try {
    const Tracked inside(1);
    co_await throws(mode);
  } catch (const std::string& what) {
    caught = what;
  }
  const Tracked after_it = co_await after(mode, outside.get());
  co_return caught == "thrown" ? after_it.get() : 0;
}
#endif

struct Shape {
  std::string_view name;
  Task<int> (*body)(Mode);

  friend void PrintTo(const Shape& shape, std::ostream* out) { *out << shape.name; }
};

#define SHAPE(name) \
  Shape { #name, &name }

// All of them make a 7.
const Shape kShapes[] = {
    SHAPE(assign_then_test),
    SHAPE(if_with_initializer),
    SHAPE(assign_then_loop),
    SHAPE(assign_then_switch),
    SHAPE(awaiter_constructed_in_place),
    SHAPE(awaiter_returned_by_function),
    SHAPE(awaiter_in_a_local),
    SHAPE(return_of_an_await),
    SHAPE(return_of_an_expression),
    SHAPE(awaits_in_separate_statements),
    SHAPE(awaits_nested_in_arguments),
    SHAPE(temporary_as_argument),
    SHAPE(temporary_by_reference),
    SHAPE(argument_by_a_local),
    SHAPE(await_among_temporaries),
    SHAPE(aggregate_by_locals),
    SHAPE(status_or_in_a_local),
    SHAPE(status_or_in_a_loop),
    SHAPE(awaits_in_a_range_for),
    SHAPE(range_for_over_an_await),
    SHAPE(structured_bindings),
    SHAPE(structured_bindings_across_an_await),
    SHAPE(named_lambda_with_captures),
    SHAPE(lambda_with_references),
    SHAPE(lambda_without_captures),
    SHAPE(string_temporaries),
    SHAPE(moved_only_value),
    SHAPE(assignment_to_what_is_there),
    SHAPE(task_in_a_local),
#if defined(__cpp_exceptions)
    SHAPE(exception_from_an_await),
#endif
};

class ShapeTest : public testing::TestWithParam<Shape> {
 protected:
  void SetUp() override { Tracked::forget_all(); }
  void TearDown() override {
    EXPECT_EQ(Tracked::living(), 0) << "not destroyed";
    EXPECT_EQ(Tracked::faults(), 0) << "destroyed twice, or used when not alive";
    EXPECT_TRUE(waiting().empty());
    waiting().clear();
  }

  // Resumes what waits, at most `most` times, and returns how often it did.
  static int resume(int most) {
    int resumed = 0;
    while (!waiting().empty() && resumed < most) {
      const std::coroutine_handle<> next = waiting().front();
      waiting().pop_front();
      next.resume();
      ++resumed;
    }
    return resumed;
  }
};

constexpr int kAll = 1000;

TEST_P(ShapeTest, IsRightWhenReady) {
  Task<int> task = GetParam().body(Mode::kReady);
  task.start();
  ASSERT_TRUE(task.done());
  EXPECT_EQ(task.take(), 7);
}

TEST_P(ShapeTest, IsRightWhenSuspending) {
  Task<int> task = GetParam().body(Mode::kSuspending);
  task.start();
  EXPECT_GT(resume(kAll), 0);
  ASSERT_TRUE(task.done());
  EXPECT_EQ(task.take(), 7);
}

TEST_P(ShapeTest, CleansUpWhereverItIsDestroyed) {
  GetParam().body(Mode::kSuspending);  // Never started.
  EXPECT_EQ(Tracked::living(), 0);
  for (int resumptions = 0;; ++resumptions) {
    Task<int> task = GetParam().body(Mode::kSuspending);
    task.start();
    resume(resumptions);
    if (task.done()) break;
    waiting().clear();
  }
}

INSTANTIATE_TEST_SUITE_P(Canary, ShapeTest, testing::ValuesIn(kShapes),
                         [](const testing::TestParamInfo<Shape>& shape) {
                           return std::string(shape.param.name);
                         });

// An aggregate awaiter made in a co_await expression is copied bit by bit by g++ 12.
static_assert(!std::is_aggregate_v<After<Tracked>>);

}  // namespace
}  // namespace canary
