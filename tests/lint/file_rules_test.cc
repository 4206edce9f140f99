// tests/lint/file_rules_test.cc
//
// Each rule about whole files, kept and broken.

#include "tests/lint/file_rules.h"

#include <string>
#include <string_view>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/lint/lint.h"

namespace lint {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Findings layers(std::string_view path, std::string_view text) {
  return check_layers(path, text, split_source(text));
}

TEST(LengthTest, SixHundredLinesAreTheMost) {
  std::string text;
  for (int i = 0; i < 600; ++i) text += "x\n";
  EXPECT_THAT(check_length(text), IsEmpty());
  EXPECT_THAT(check_length(text + "x\n"), SizeIs(1));
}

TEST(OpeningCommentTest, SaysWhatTheHeaderIsFor) {
  EXPECT_THAT(check_opening_comment("// a/b.h\n//\n// Counts the bytes of files.\n\n#ifndef X\n"),
              IsEmpty());
  EXPECT_THAT(check_opening_comment("/* Counts the bytes of files. */\n"), IsEmpty());
}

TEST(OpeningCommentTest, IsMissed) {
  EXPECT_THAT(check_opening_comment("#ifndef X\n// Counts the bytes of files.\n"), SizeIs(1));
  EXPECT_THAT(check_opening_comment("// a/b.h\n\n#ifndef X\n"), SizeIs(1));
  EXPECT_THAT(check_opening_comment(""), SizeIs(1));
}

TEST(TodoTest, NamesItsIssue) {
  EXPECT_THAT(check_todos(split_source("// TODO(#12): later\nint x;  // TODO(#3)\n")), IsEmpty());
  EXPECT_THAT(check_todos(split_source("f(\"TODO\");\n// what a TODO is\n")), IsEmpty());
}

TEST(TodoTest, WithoutIssueIsFound) {
  EXPECT_THAT(check_todos(split_source(
                  "int x;\n// TODO: later\n/* TODO(me) */\n// TODO(#)\n// TODO(#1x)\n")),
              ElementsAre(Field(&Finding::line, 2), Field(&Finding::line, 3),
                          Field(&Finding::line, 4), Field(&Finding::line, 5)));
}

TEST(LayersTest, PointDownwards) {
  EXPECT_THAT(layers("uring/ring.h", "#include \"uring/task.h\"\n#include <liburing.h>\n"),
              IsEmpty());
  EXPECT_THAT(layers("bufio/reader.h", "#include \"uring/task.h\"\n"), IsEmpty());
  EXPECT_THAT(layers("examples/a.cc", "#include \"bufio/reader.h\"\n"), IsEmpty());
  EXPECT_THAT(layers("uring/ring.h", "// #include \"bufio/reader.h\"\n"), IsEmpty());
  EXPECT_THAT(layers("uring/ring_test.cc", "#include \"tests/helper.h\"\n"), IsEmpty());
}

TEST(LayersTest, NeverUpwards) {
  EXPECT_THAT(layers("uring/ring.h", "int x;\n#include \"bufio/reader.h\"\n"),
              ElementsAre(Field(&Finding::line, 2)));
  EXPECT_THAT(layers("uring/ring.h", "#  include <bufio/reader.h>\n"), SizeIs(1));
  EXPECT_THAT(layers("uring/ring_test.cc", "#include \"bufio/reader.h\"\n"), SizeIs(1));
  EXPECT_THAT(layers("uring/ring.cc", "#include \"tests/helper.h\"\n"), SizeIs(1));
  EXPECT_THAT(layers("bufio/reader.cc", "#include \"examples/a.h\"\n#include \"benchmarks/b.h\"\n"),
              SizeIs(2));
}

TEST(CheckFileTest, ChoosesTheRulesByTheName) {
  const std::string_view bad =
      "#include \"bufio/x.h\"\nTask<int> f() { if (co_await g()) h(); }\n// TODO\n";
  EXPECT_THAT(check_file("uring/a.h", bad), SizeIs(4));
  EXPECT_THAT(check_file("uring/a.cc", bad), SizeIs(3));
  EXPECT_THAT(check_file("README.md", bad), IsEmpty());
  EXPECT_THAT(check_file("README.md", "text\n```cpp\nif (co_await g()) h();\n```\n"),
              ElementsAre(Field(&Finding::line, 3)));
}

}  // namespace
}  // namespace lint
