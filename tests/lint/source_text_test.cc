// tests/lint/source_text_test.cc
//
// Code, comments and directives come apart without moving.

#include "tests/lint/source_text.h"

#include "gtest/gtest.h"

namespace lint {
namespace {

TEST(SplitSourceTest, CommentsLeaveTheCode) {
  const SourceText source = split_source("a; // b\nc /* d\ne */ f;");
  EXPECT_EQ(source.code, "a;     \nc     \n     f;");
  EXPECT_EQ(source.comments, "   // b\n  /* d\ne */   ");
}

TEST(SplitSourceTest, LiteralsKeepOnlyTheirQuotes) {
  EXPECT_EQ(split_source(R"(f("a\"(b", '{', '\'');)").code, R"(f("     ", ' ', '  ');)");
}

TEST(SplitSourceTest, CommentMarksInLiteralsAreNoComments) {
  EXPECT_EQ(split_source("f(\"//\"); g();").code, "f(\"  \"); g();");
}

TEST(SplitSourceTest, RawStringsEndAtTheirOwnDelimiter) {
  EXPECT_EQ(split_source("f(R\"x(a)\" \n )x\", b);").code, "f(R\"      \n   \", b);");
}

TEST(SplitSourceTest, DigitSeparatorsAreNoLiterals) {
  EXPECT_EQ(split_source("x = 1'000'000; y = '{';").code, "x = 1'000'000; y = ' ';");
}

TEST(SplitSourceTest, DirectivesTakeTheirContinuationLines) {
  const SourceText source = split_source("#define A \\\n  {\n}");
  EXPECT_EQ(source.directives, "#define A \\\n  {\n ");
  EXPECT_EQ(source.code, "           \n   \n}");
}

TEST(SplitSourceTest, UnfinishedTextEndsQuietly) {
  for (const char* text : {"\"", "'", "/*", "R\"(", "\"\\", "", "#", "R\""}) {
    EXPECT_EQ(split_source(text).code.size(), std::string_view(text).size()) << text;
  }
}

TEST(CppBlocksTest, KeepsOnlyBlocksMarkedCpp) {
  EXPECT_EQ(cpp_blocks("a\n```cpp\nb;\n```\nc\n```sh\nd\n```\n```cpp bad\ne\n```\n"),
            " \n      \nb;\n   \n \n     \n \n   \n          \n \n   \n");
}

}  // namespace
}  // namespace lint
