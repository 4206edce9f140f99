// tests/lint/repository_test.cc
//
// The lint over every source of the repository. What it looks at is what the target's data hands
// it.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/lint/lint.h"

namespace lint {
namespace {

std::vector<std::string> sources() {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(".")) {
    const std::string extension = entry.path().extension().string();
    if (entry.is_regular_file() &&
        (extension == ".h" || extension == ".cc" || extension == ".md")) {
      paths.push_back(entry.path().lexically_normal().string());
    }
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

TEST(RepositoryTest, SeesItsOwnSources) {
  const std::vector<std::string> paths = sources();
  EXPECT_NE(std::find(paths.begin(), paths.end(), "tests/lint/lint.cc"), paths.end())
      << paths.size() << " files below " << std::filesystem::current_path();
}

TEST(RepositoryTest, EverySourceKeepsTheRules) {
  for (const std::string& path : sources()) {
    std::ifstream file(path, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    for (const Finding& finding : check_file(path, text)) {
      ADD_FAILURE_AT(path.c_str(), finding.line) << finding.message;
    }
  }
}

}  // namespace
}  // namespace lint
