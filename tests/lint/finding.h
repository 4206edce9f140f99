// tests/lint/finding.h
//
// What the lint has to say about one place in one file.

#ifndef TESTS_LINT_FINDING_H_
#define TESTS_LINT_FINDING_H_

#include <compare>
#include <string>
#include <vector>

namespace lint {

struct Finding {
  int line = 0;  // From 1.
  std::string message;

  friend auto operator<=>(const Finding&, const Finding&) = default;
};

using Findings = std::vector<Finding>;

}  // namespace lint

#endif  // TESTS_LINT_FINDING_H_
