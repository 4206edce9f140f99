// tests/lint/co_await_rules_test.cc
//
// Each shape that g++ 12 miscompiles is found, and its harmless neighbours are not.

#include "tests/lint/co_await_rules.h"

#include <string>
#include <string_view>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lint {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Findings check(std::string_view text) { return check_co_await(split_source(text)); }

// As the body of a coroutine.
Findings check_body(std::string_view body) {
  return check("Task<int> f() {\n" + std::string(body) + "\n}\n");
}

struct Case {
  std::string_view body;
  std::string_view says;  // A part of the one finding's message.
};

class MiscompiledTest : public testing::TestWithParam<Case> {};

TEST_P(MiscompiledTest, IsFound) {
  EXPECT_THAT(check_body(GetParam().body),
              ElementsAre(Field(&Finding::message, HasSubstr(std::string(GetParam().says)))))
      << GetParam().body;
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, MiscompiledTest,
    testing::Values(Case{"if (co_await g()) h();", "condition"},
                    Case{"if (!(co_await g()).ok()) { h(); }", "condition"},
                    Case{"if (a && f(b,\n  co_await g())) h();", "condition"},
                    Case{"if (bool ok = co_await g()) h();", "condition"},
                    Case{"if (bool ok = true; co_await g()) h();", "condition"},
                    Case{"if constexpr (co_await g()) h();", "condition"},
                    Case{"while (co_await g()) h();", "condition"},
                    Case{"do { h(); } while (co_await g());", "condition"},
                    Case{"switch (co_await g()) { default: break; }", "condition"},
                    Case{"for (int i = 0; co_await g(); ++i) {}", "condition of a for"},
                    Case{"for (;; co_await g()) {}", "condition of a for"},
                    Case{"if (x) { if (co_await g()) h(); }", "condition"},
                    Case{"auto t = [&]() -> Task<int> { if (co_await g()) h(); co_return 1; };",
                         "condition"},
                    Case{"int x = b ? co_await g() : 5;", "ternary"},
                    Case{"int x = b ? 5 : co_await g();", "ternary"},
                    Case{"int x = co_await g() ? 1 : 2;", "ternary"},
                    Case{"co_return b ? f(1, co_await g()) : 5;", "ternary"},
                    Case{"int x = b\n ? 1\n : 1 + (co_await g());", "ternary"},
                    Case{"Pair p{co_await g(), 2};", "braces"},
                    Case{"Pair p = {1, co_await g()};", "braces"},
                    Case{"h({co_await g(), 1});", "braces"},
                    Case{"std::vector<int> v{co_await g()};", "braces"},
                    Case{"co_return Pair{.a = co_await g()};", "braces"},
                    Case{"Pair p{1, {2, co_await g()}};", "braces"},
                    Case{"int x = ({ auto y = co_await g(); y; });", "statement expression"},
                    Case{"EXPECT_EQ(co_await g(), 1);", "test macro"},
                    Case{"ASSERT_TRUE((co_await g()).ok()) << 1;", "test macro"},
                    Case{"EXPECT_THAT(co_await g(),\n  Eq(1));", "test macro"},
                    Case{"co_await [x]() -> Task<int> { co_return x; }();", "lambda"},
                    Case{"co_await [&, x] { return g(x); }();", "lambda"},
                    Case{"co_await h(1, [x] { return x; });", "lambda"},
                    Case{"int y = co_await h(i([=](int z) { return z; }));", "lambda"}));

class HarmlessTest : public testing::TestWithParam<std::string_view> {};

TEST_P(HarmlessTest, IsNotFound) { EXPECT_THAT(check_body(GetParam()), IsEmpty()) << GetParam(); }

INSTANTIATE_TEST_SUITE_P(
    Shapes, HarmlessTest,
    testing::Values(
        "co_await g();", "bool ok = co_await g(); if (ok) h();", "co_return co_await g();",
        "if (bool ok = co_await g(); ok) h();", "if (x) co_await g();", "if (x) { co_await g(); }",
        "if (x) { h(); } else { co_await g(); }", "while (true) { co_await g(); }",
        "do { co_await g(); } while (x);", "for (auto x = co_await g(); x; --x) {}",
        "for (auto& x : co_await g()) h(x);", "for (int i = 0; auto& x : co_await g()) h(x);",
        "for (auto x : y) co_await g(x);",
        "switch (x) { case 1: co_await g(); break; case 2: { co_await g(); } }",
        "try { co_await g(); } catch (...) { h(); }", "int x = b ? 1 : 2; co_await g(x);",
        "co_await g(b ? 1 : 2);", "h(b ? 1 : 2, co_await g());", "co_await g({1, 2});",
        "co_await g(Options{.depth = 4});", "auto [a, b] = co_await g();",
        "auto& [a, b] = co_await g();", "h(co_await g(), co_await i());",
        "co_await (co_await g());",
        "EXPECT_EQ(run([]() -> Task<int> { co_return co_await g(); }()), 1);",
        "EXPECT_EQ(run([&]() -> Task<std::vector<int>> { co_await g(); co_return v; }), 1);",
        "if (run([&] { co_await g(); })) h();", "Pair p{[]() -> Task<int> { co_await g(); }, 1};",
        "auto t = [x]() -> Task<int> { co_return co_await g(x); }; co_await t();",
        "co_await h([] { return 1; });", "co_await [&] { return g(); }();",
        "co_await h([&a, &b = c] { return a; });", "co_await h([this, &a](int x) { return x; });",
        "co_await h(a[1], b[i]);", "auto f = [x] { return x; }; co_await h(f);",
        "// if (co_await g()) h();\nco_await g();", "h(\"if (co_await g())\");",
        "h(R\"(if (co_await g()))\"); co_await g();", "if (x) [[likely]] { co_await g(); }",
        "int n = ({ int y = 1; y; }); co_await g(n);", "for (;;) { co_await g(); }",
        "const int a[] = {1, 2}; co_await g(a);", "co_await g().on(ring);"));

TEST(CoAwaitRulesTest, BodiesOfAllKindsAreNoBraces) {
  EXPECT_THAT(check(R"cc(
                namespace a::b {
                template <class T>
                  requires Readable<T>
                Task<T> f(T t) {
                  co_return co_await t;
                }
                template <class T>
                Task<T> g(T t)
                  requires Readable<T>
                {
                  co_return co_await t;
                }
                class X final : public Y<int> {
                 public:
                  X(int a) : a_{a}, b_(a) { co_await a; }
                  explicit X(char) : a_{1} { co_await a_; }
                  Task<int> f() const noexcept { co_await g(); }
                  Task<int> g() && { co_await g(); }
                  Task<int> g() const& { co_await g(); }
                  auto h() -> Task<std::pair<int, int>> { co_await g(); }
                  Task<int> i() override { co_await g(); }
                };
                enum class E : unsigned { kA, kB };
                extern "C" {
                void c() { co_await g(); }
                }
                }  // namespace a::b
              )cc"),
              IsEmpty());
}

TEST(CoAwaitRulesTest, NamesTheLine) {
  EXPECT_THAT(
      check("Task<int> f() {\n  int x = 1'000;\n\n  if (a &&\n      co_await g()) h();\n}\n"),
      ElementsAre(Field(&Finding::line, 5)));
}

TEST(CoAwaitRulesTest, LooksIntoMacros) {
  EXPECT_THAT(
      check("int x;\n#define TRY(e) \\\n  ({ auto r = co_await (e); r; })\n"),
      ElementsAre(Finding{3, "co_await in a statement expression: make the macro a statement"}));
  EXPECT_THAT(
      check("#define TRY(v, e) \\\n  auto r = co_await (e); \\\n  if (!r.ok()) co_return r\n"),
      IsEmpty());
}

TEST(CoAwaitRulesTest, SurvivesBranchesThatDoNotPairUp) {
  const Findings findings = check(
      "void f() {\n#if A\n  if (a) {\n#else\n  if (b) {\n#endif\n    co_await g();\n  }\n}\n"
      "Task<int> h() { if (co_await g()) i(); }\n");
  EXPECT_THAT(findings, ElementsAre(Field(&Finding::line, 10)));
}

}  // namespace
}  // namespace lint
