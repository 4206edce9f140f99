// tests/lint/lint.h
//
// All rules over one file.

#ifndef TESTS_LINT_LINT_H_
#define TESTS_LINT_LINT_H_

#include <string_view>

#include "tests/lint/finding.h"

namespace lint {

// Chooses the rules by the name: headers (.h), sources (.cc), Markdown (.md: the C++ in it, see
// cpp_blocks). `path` is relative to the repository. In order of lines.
Findings check_file(std::string_view path, std::string_view text);

}  // namespace lint

#endif  // TESTS_LINT_LINT_H_
