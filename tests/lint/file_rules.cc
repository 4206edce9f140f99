#include "tests/lint/file_rules.h"

#include <algorithm>
#include <cctype>
#include <string>
#include <vector>

namespace lint {
namespace {

constexpr size_t kMostLines = 600;

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())) != 0)
    text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0)
    text.remove_suffix(1);
  return text;
}

// What `line` includes with quotes, or nothing.
std::string_view included(std::string_view line) {
  line = trimmed(line);
  if (!line.starts_with("#")) return {};
  line = trimmed(line.substr(1));
  if (!line.starts_with("include")) return {};
  const size_t open = line.find_first_of("\"<");
  if (open == std::string_view::npos) return {};
  const size_t close = line.find_first_of("\">", open + 1);
  return close == std::string_view::npos ? std::string_view()
                                         : line.substr(open + 1, close - open - 1);
}

bool is_test(std::string_view path) {
  return path.ends_with("_test.cc") || path.ends_with("_fuzz.cc");
}

}  // namespace

Findings check_length(std::string_view text) {
  const size_t lines = lines_of(text).size();
  if (lines <= kMostLines) return {};
  return {{static_cast<int>(lines), "file of " + std::to_string(lines) +
                                        " lines: more than one idea, split it (at most " +
                                        std::to_string(kMostLines) + ")"}};
}

Findings check_opening_comment(std::string_view text) {
  int words = 0;
  for (std::string_view line : lines_of(text)) {
    line = trimmed(line);
    if (!line.starts_with("//") && !line.starts_with("/*") && !line.starts_with("*")) break;
    line = trimmed(line.substr(std::min(line.find_first_not_of("/* "), line.size())));
    if (line.find(' ') == std::string_view::npos) continue;  // The path, an empty line.
    words += static_cast<int>(std::count(line.begin(), line.end(), ' ')) + 1;
  }
  if (words >= 4) return {};
  return {{1, "header without an opening comment: say what it is for"}};
}

Findings check_todos(const SourceText& source) {
  Findings findings;
  int number = 0;
  for (const std::string_view line : lines_of(source.comments)) {
    ++number;
    for (size_t at = line.find("TODO"); at != std::string_view::npos;
         at = line.find("TODO", at + 1)) {
      // In the middle of a sentence it is only a word.
      const std::string_view rest = line.substr(at + 4);
      const bool first = line.substr(0, at).find_first_not_of("/*! ") == std::string_view::npos;
      const bool marker = first || rest.starts_with("(") || rest.starts_with(":");
      const size_t digits_end = rest.find_first_not_of("0123456789", 2);
      const bool has_number = rest.starts_with("(#") && digits_end > 2 &&
                              digits_end != std::string_view::npos && rest[digits_end] == ')';
      if (marker && !has_number) {
        findings.push_back({number, "TODO without an issue: write TODO(#12)"});
      }
    }
  }
  return findings;
}

Findings check_layers(std::string_view path, std::string_view text, const SourceText& source) {
  std::vector<std::string_view> forbidden;
  if (path.starts_with("uring/")) forbidden = {"bufio/", "examples/", "benchmarks/", "tests/"};
  if (path.starts_with("bufio/")) forbidden = {"examples/", "benchmarks/", "tests/"};
  if (!forbidden.empty() && is_test(path)) forbidden.pop_back();

  Findings findings;
  const std::vector<std::string_view> whole = lines_of(text);
  const std::vector<std::string_view> directives = lines_of(source.directives);
  for (size_t i = 0; i < directives.size(); ++i) {
    if (trimmed(directives[i]).empty()) continue;  // Not a directive, or one that is commented out.
    const std::string_view what = included(whole[i]);
    for (const std::string_view room : forbidden) {
      if (what.starts_with(room)) {
        findings.push_back(
            {static_cast<int>(i) + 1, "include of " + std::string(what) + " points up the layers"});
      }
    }
  }
  return findings;
}

}  // namespace lint
