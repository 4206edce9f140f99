// tests/lint/source_text.h
//
// A C++ source taken apart into layers: code, comments and preprocessor directives.
//
// Each layer has the length and the line breaks of the whole, with blanks where another layer has
// its text, so a position or a line number means the same in all of them. String and character
// literals keep their quotes and lose their contents: no rule is about what is inside them, and
// brackets in there must not count.

#ifndef TESTS_LINT_SOURCE_TEXT_H_
#define TESTS_LINT_SOURCE_TEXT_H_

#include <string>
#include <string_view>

namespace lint {

struct SourceText {
  std::string code;
  std::string comments;
  std::string directives;
};

// Never fails: what is not finished (a literal, a comment) ends with its line or with the file.
SourceText split_source(std::string_view text);

// Keeps the contents of Markdown's C++ blocks and blanks everything else. Only blocks opened with
// exactly ```cpp count: a page that shows what not to write opens them with ```cpp bad.
std::string cpp_blocks(std::string_view markdown);

}  // namespace lint

#endif  // TESTS_LINT_SOURCE_TEXT_H_
