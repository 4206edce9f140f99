// tests/docs_test.cc
//
// docs/ keeps its word: the examples that its pages show are those that are compiled, and
// docs/safety.md names the mutants that there are.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"

namespace {

std::string file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in) << path;
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// All that stands between a `begin` and the next `end`.
std::vector<std::string> all_between(std::string_view text, std::string_view begin,
                                     std::string_view end) {
  std::vector<std::string> found;
  for (;;) {
    const size_t from = text.find(begin);
    if (from == std::string_view::npos) return found;
    text.remove_prefix(from + begin.size());
    found.emplace_back(text.substr(0, text.find(end)));
    text.remove_prefix(std::min(text.find(end), text.size()));
  }
}

TEST(Docs, OwnershipShowsTheExamplesThatAreCompiled) {
  std::vector<std::string> shown = all_between(file("docs/ownership.md"), "```cpp\n", "```");
  std::vector<std::string> compiled =
      all_between(file("examples/readme_example.cc"), "// README begin\n", "// README end");
  for (std::string name : {"owned", "pool", "raw", "scope", "shield"}) {
    for (std::string& example : all_between(file("examples/ownership_" + name + ".cc"),
                                            "// Example begin\n", "// Example end")) {
      compiled.push_back(std::move(example));
    }
  }
  std::sort(shown.begin(), shown.end());
  std::sort(compiled.begin(), compiled.end());
  EXPECT_EQ(shown, compiled);
}

TEST(Docs, WritingAParserShowsTheStepsThatAreCompiled) {
  EXPECT_EQ(
      all_between(file("docs/writing-a-parser.md"), "```cpp\n", "```"),
      all_between(file("tests/parse/writing_a_parser_test.cc"), "// Step begin\n", "// Step end"));
}

TEST(Docs, AdaptorsShowsTheExamplesThatAreCompiled) {
  EXPECT_EQ(
      all_between(file("docs/adaptors.md"), "```cpp\n", "```"),
      all_between(file("tests/adaptor_examples_test.cc"), "// Example begin\n", "// Example end"));
}

TEST(Docs, ConcurrencyShowsTheExampleThatIsCompiled) {
  EXPECT_EQ(all_between(file("docs/concurrency.md"), "```cpp\n", "```"),
            all_between(file("examples/concurrency.cc"), "// Example begin\n", "// Example end"));
}

TEST(Docs, SafetyNamesTheMutantsThatThereAre) {
  std::set<std::string> named;
  const std::string page = file("docs/safety.md");
  for (const std::string& list : all_between(page, "\nMutants: ", "\n\n")) {
    std::istringstream parts(list);
    std::string name;
    // Names stand between each two backquotes.
    while (std::getline(parts, name, '`') && std::getline(parts, name, '`')) named.insert(name);
  }
  std::set<std::string> planted;
  for (const auto& entry : std::filesystem::directory_iterator("tests/mutants")) {
    if (entry.path().extension() == ".patch") planted.insert(entry.path().stem().string());
  }
  EXPECT_EQ(named, planted);
}

}  // namespace
