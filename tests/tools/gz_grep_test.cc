// The program //examples:gz_grep: the same output as grep's on the plain text, whatever the text is
// compressed with.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "tests/decompress/compress.h"
#include "tests/program.h"
#include "tests/tools/tool_fixture.h"

namespace testing_programs {
namespace {

using testing::HasSubstr;

const std::string kGzGrep = built("examples/gz_grep");

using GzGrepTest = ToolTest;

std::string text() {
  std::string lines;
  for (int i = 0; i < 5000; ++i) lines += "line " + std::to_string(i * 7919 % 10007) + " Xx\n";
  return lines + "the last one, 99, has no end";
}

TEST_F(GzGrepTest, AsGrepDoesOnThePlainText) {
  const std::string plain = file("plain", text());
  const std::vector<std::vector<std::string>> cases = {
      {"99"}, {"-n", "99$|99 "}, {"-c", "1.3"}, {"-i", "xX"}, {"-in", "LAST"}, {"nowhere"}};
  for (const std::vector<std::string>& arguments : cases) {
    std::vector<std::string> grep = {"-E"};
    grep.insert(grep.end(), arguments.begin(), arguments.end());
    grep.push_back(plain);
    const Outcome wanted = run("grep", grep);
    for (const bufio::testing::Codec& codec : bufio::testing::kCodecs) {
      if (codec.compress == bufio::testing::zlib || !codec.finds_members) continue;
      std::vector<std::string> ours = arguments;
      ours.push_back(file("packed", codec.compress(text())));
      const Outcome outcome = run(kGzGrep, ours);
      EXPECT_EQ(outcome.out, wanted.out) << codec.name;
      EXPECT_EQ(outcome.exit_status, wanted.exit_status) << outcome.err;
    }
  }
}

TEST_F(GzGrepTest, SeveralFilesAreNamedInTheirOrder) {
  std::vector<std::string> arguments = {"-n", "b"};
  std::string wanted;
  for (int i = 0; i < 70; ++i) {
    const std::string name = std::to_string(i);
    const std::string bytes = "a\nb" + name + "\n";
    arguments.push_back(file(name, i % 2 == 0 ? bytes : bufio::testing::gzip(bytes)));
    wanted += arguments.back() + ":2:b" + name + "\n";
  }
  const Outcome outcome = run(kGzGrep, arguments);
  EXPECT_EQ(outcome.out, wanted);
  EXPECT_EQ(outcome.exit_status, 0) << outcome.err;
}

TEST_F(GzGrepTest, TroubleSaysWhereAndTheOthersAreSearched) {
  const std::string packed = bufio::testing::gzip(text());
  const std::string cut = file("cut.gz", packed.substr(0, packed.size() - 9));
  const std::string good = file("good", "line 1\n");
  const Outcome outcome = run(kGzGrep, {"-c", "line", cut, directory() / "none", good});
  EXPECT_EQ(outcome.exit_status, 2);
  EXPECT_THAT(outcome.out, HasSubstr(good + ":1\n"));
  EXPECT_THAT(outcome.err, HasSubstr(cut + ":"));
  EXPECT_THAT(outcome.err, HasSubstr("compressed offset " + std::to_string(packed.size() - 9)));
  EXPECT_THAT(outcome.err, HasSubstr("none: No such file or directory"));
}

TEST_F(GzGrepTest, BadUse) {
  EXPECT_EQ(run(kGzGrep, {}).exit_status, 2);
  const Outcome outcome = run(kGzGrep, {"(", "file"});
  EXPECT_EQ(outcome.exit_status, 2);
  EXPECT_THAT(outcome.err, HasSubstr("bad PATTERN"));
  EXPECT_THAT(run(kGzGrep, {"--help"}).out, HasSubstr("Usage:"));
}

}  // namespace
}  // namespace testing_programs
