// tests/lint/co_await_rules.h
//
// Finds the shapes around co_await that g++ 12 compiles into wrong code.
//
// It resumes at the wrong place, or destroys temporaries twice, when co_await stands in the
// condition of if, while, for or switch; in a ternary; in braces that initialise something; in a
// GNU statement expression; in the arguments of an EXPECT_ or ASSERT_ macro; or when the awaited
// expression makes a lambda that captures copies on the way. "Assign it to a local first" mends
// each. What is allowed, tests/canary shows to work.
//
// This reads tokens and brackets, it does not parse C++: it knows the shapes that this repository
// writes.

#ifndef TESTS_LINT_CO_AWAIT_RULES_H_
#define TESTS_LINT_CO_AWAIT_RULES_H_

#include "tests/lint/finding.h"
#include "tests/lint/source_text.h"

namespace lint {

// Macro definitions are looked at too, each by itself.
Findings check_co_await(const SourceText& source);

}  // namespace lint

#endif  // TESTS_LINT_CO_AWAIT_RULES_H_
