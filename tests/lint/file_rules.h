// tests/lint/file_rules.h
//
// Rules about a whole file: its length, its opening comment, its TODOs and which rooms of the house
// it includes.

#ifndef TESTS_LINT_FILE_RULES_H_
#define TESTS_LINT_FILE_RULES_H_

#include <string_view>

#include "tests/lint/finding.h"
#include "tests/lint/source_text.h"

namespace lint {

// A file of more than 600 lines holds more than one idea.
Findings check_length(std::string_view text);

// A header opens with a comment that says what it is for: at least one sentence besides its own
// path.
Findings check_opening_comment(std::string_view text);

// A TODO names the issue that it waits for: TODO(#12).
Findings check_todos(const SourceText& source);

// uring/ knows nothing of bufio/, and neither knows of examples/, tests/ or benchmarks/ (their own
// tests may use tests/). `path` is relative to the repository.
Findings check_layers(std::string_view path, std::string_view text, const SourceText& source);

}  // namespace lint

#endif  // TESTS_LINT_FILE_RULES_H_
