// tests/tools/tool_fixture.h
//
// What the tests of tools have in common: files to give to one, and its run to the end.

#ifndef TESTS_TOOLS_TOOL_FIXTURE_H_
#define TESTS_TOOLS_TOOL_FIXTURE_H_

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/directory.h"
#include "tests/program.h"

namespace testing_programs {

class ToolTest : public testing::Test {
 protected:
  const Directory& directory() const { return directory_; }
  // Writes a file into the directory; its path.
  std::string file(std::string_view name, std::string_view bytes) const {
    directory_.write(name, bytes);
    return directory_ / name;
  }
  static Outcome run(const std::string& program, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), program);
    return Program{.arguments = std::move(arguments)}.run();
  }

 private:
  Directory directory_;
};

}  // namespace testing_programs

#endif  // TESTS_TOOLS_TOOL_FIXTURE_H_
