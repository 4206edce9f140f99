// tests/lint/tokens.h
//
// The tokens of a piece of C++ and what each of its brackets is for.
//
// Which `{` opens a block and which initialises something, and which `[` begins a lambda, cannot be
// told from the bracket alone; the rules about co_await are all about exactly that. The answer here
// looks at the tokens before it, which is right for code as clang-format leaves it and never reads
// past the text.

#ifndef TESTS_LINT_TOKENS_H_
#define TESTS_LINT_TOKENS_H_

#include <cstddef>
#include <string_view>
#include <vector>

namespace lint {

enum class Bracket {
  kNone,         // Not an opening bracket.
  kCondition,    // The parentheses of if, while, switch.
  kFor,          // The parentheses of for.
  kTestMacro,    // The arguments of EXPECT_... or ASSERT_...
  kParentheses,  // All others.
  kBlock,        // A function's or lambda's body, a statement's block, a class, a namespace.
  kStatementExpression,  // The braces in ({ ... }).
  kInitializer,          // Braces with values in them.
  kCaptures,             // A lambda's [...].
  kSubscript,            // All other square brackets, attributes too.
};

struct Token {
  std::string_view
      text;  // A name, a number, a literal's quotes, or punctuation (most of it one character).
  int line = 0;
  Bracket bracket = Bracket::kNone;
  bool lambda_body = false;   // A kBlock that belongs to a kCaptures before it.
  size_t match = 0;           // The other one of a pair of brackets; itself otherwise.
  size_t parent = kTopLevel;  // The innermost bracket that is open here.
  static constexpr size_t kTopLevel = static_cast<size_t>(-1);
};

// `code` outlives the tokens. Lines count from `first_line`. An unmatched bracket matches itself.
std::vector<Token> tokenize(std::string_view code, int first_line = 1);

}  // namespace lint

#endif  // TESTS_LINT_TOKENS_H_
