// tests/readme_test.cc
//
// README.md keeps its word: the example that it shows is the one that is compiled, and it does what
// is said of it.

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/program.h"

namespace testing_programs {
namespace {

std::string file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in) << path;
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// What stands between the first `begin` and the next `end`.
std::string between(std::string_view text, std::string_view begin, std::string_view end) {
  const size_t from = text.find(begin);
  EXPECT_NE(from, std::string_view::npos) << begin;
  if (from == std::string_view::npos) return "";
  text.remove_prefix(from + begin.size());
  EXPECT_NE(text.find(end), std::string_view::npos) << end;
  return std::string(text.substr(0, text.find(end)));
}

TEST(ReadmeTest, ShowsTheExampleThatIsCompiled) {
  EXPECT_EQ(between(file("README.md"), "```cpp\n", "```"),
            between(file("examples/readme_example.cc"), "// README begin\n", "// README end"));
}

TEST(ReadmeTest, OpensWithTheTwoCommands) {
  const std::string readme = file("README.md");
  EXPECT_THAT(readme, testing::HasSubstr("\ntools/setup.sh && bazel run -c opt //examples:uwc -- "
                                         "\"$PWD/README.md\"\n"));
  EXPECT_THAT(readme, testing::HasSubstr("\ntools/setup.sh && bazel test //...\n"));
}

// Half a line comes, then nothing until the example's patience has ended at least once, then the
// rest.
TEST(ReadmeTest, TheExampleLosesNoByteWhenItRunsOutOfPatience) {
  std::array<int, 2> in;
  std::array<int, 2> out;
  ASSERT_EQ(pipe2(in.data(), O_CLOEXEC), 0);
  ASSERT_EQ(pipe2(out.data(), O_CLOEXEC), 0);
  const pid_t process = Program{{built("examples/readme_example")}, in[0], out[1]}.start();
  close(in[0]);
  close(out[1]);
  ASSERT_EQ(write(in[1], "half ", 5), 5);
  FILE* printed = fdopen(out[0], "r");
  char line[100];
  ASSERT_NE(fgets(line, sizeof line, printed), nullptr);
  EXPECT_STREQ(line, "(silence)\n");
  constexpr std::string_view kRest = "a line\nand the last";
  ASSERT_EQ(write(in[1], kRest.data(), kRest.size()), static_cast<ssize_t>(kRest.size()));
  close(in[1]);
  std::string rest;
  while (fgets(line, sizeof line, printed) != nullptr) {
    if (std::string_view(line) != "(silence)\n") rest += line;
  }
  EXPECT_EQ(rest, "half a line\nand the last\n");
  EXPECT_EQ(wait_for(process), 0);
  static_cast<void>(fclose(printed));
}

}  // namespace
}  // namespace testing_programs
