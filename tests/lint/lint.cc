#include "tests/lint/lint.h"

#include <algorithm>

#include "tests/lint/co_await_rules.h"
#include "tests/lint/file_rules.h"
#include "tests/lint/source_text.h"

namespace lint {
namespace {

void append(Findings& all, Findings more) { all.insert(all.end(), more.begin(), more.end()); }

}  // namespace

Findings check_file(std::string_view path, std::string_view text) {
  Findings findings;
  if (path.ends_with(".md")) {
    findings = check_co_await(split_source(cpp_blocks(text)));
  } else {
    const SourceText source = split_source(text);
    append(findings, check_co_await(source));
    append(findings, check_length(text));
    append(findings, check_todos(source));
    append(findings, check_layers(path, text, source));
    if (path.ends_with(".h")) append(findings, check_opening_comment(text));
  }
  std::sort(findings.begin(), findings.end());
  return findings;
}

}  // namespace lint
