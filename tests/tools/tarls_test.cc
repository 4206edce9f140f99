// The program //examples:tarls beside the real tar: the same list, the same bytes, and nothing
// outside of the folder.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "tests/program.h"
#include "tests/tools/tool_fixture.h"

namespace testing_programs {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const std::string kTarls = built("examples/tarls");

class TarlsTest : public ToolTest {
 protected:
  TarlsTest() {
    fs::create_directory(directory() / "out");
    file("src/a.txt", "hello\n");
    file("src/deep/b", std::string(700'000, 'b') + "end");
    file("src/" + std::string(180, 'n'), "a long name");
    file("src/new\nline\\", "");
    fs::create_symlink("a.txt", directory() / "src/link");
  }

  static std::string read(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }
  Outcome tar(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"-C", directory().path()});
    return run("tar", std::move(arguments));
  }
  static Outcome tarls(std::vector<std::string> arguments) {
    return run(kTarls, std::move(arguments));
  }
  // An archive of src.
  std::string archive(const std::string& format,
                      const std::string& compression = "--no-auto-compress") {
    const std::string path = directory() / "archive.tar";
    const Outcome made = tar({"--format=" + format, compression, "-cf", path, "src"});
    EXPECT_EQ(made.exit_status, 0) << made.err;
    return path;
  }
};

TEST_F(TarlsTest, ListsWhatTarLists) {
  for (const char* format : {"gnu", "pax"}) {
    for (const char* compression : {"--no-auto-compress", "--gzip", "--xz", "--zstd"}) {
      const std::string path = archive(format, compression);
      const Outcome ours = tarls({path});
      EXPECT_EQ(ours.out, tar({"-tf", path}).out) << format << compression << ours.err;
      EXPECT_EQ(ours.exit_status, 0);
    }
  }
  EXPECT_THAT(tarls({"-v", archive("gnu")}).out, HasSubstr(" src/link -> a.txt\n"));
}

TEST_F(TarlsTest, TakesAMemberOut) {
  for (const char* compression : {"--no-auto-compress", "--gzip"}) {
    const std::string path = archive("pax", compression);
    fs::remove_all(directory() / "out/src");
    const Outcome outcome = tarls({"-x", "src/deep/b", "-C", directory() / "out", path});
    EXPECT_EQ(outcome.exit_status, 0) << outcome.err;
    EXPECT_EQ(read(directory() / "out/src/deep/b"), read(directory() / "src/deep/b"));
    EXPECT_EQ(tarls({"-O", "-x", "src/a.txt", path}).out, "hello\n");
  }
}

TEST_F(TarlsTest, OverwritesNothing) {
  file("out/src", "kept");
  const Outcome outcome = tarls({"-x", "src/a.txt", "-C", directory() / "out", archive("gnu")});
  EXPECT_EQ(outcome.exit_status, 1);
  EXPECT_EQ(read(directory() / "out/src"), "kept");
}

TEST_F(TarlsTest, StaysBelowItsFolder) {
  const std::string evil = directory() / "evil.tar";
  const auto make = [&](const std::string& as) {
    const Outcome made =
        tar({"-Pcf", evil, "--transform", "s,^src/a.txt," + as + ",", "src/a.txt"});
    ASSERT_EQ(made.exit_status, 0) << made.err;
  };
  const std::string outside = directory() / "outside";
  fs::create_directories(outside);
  fs::create_symlink(outside, directory() / "out/away");
  for (const std::string& name : {std::string("../outside/a"), outside + "/a",
                                  std::string("away/a"), std::string("x/../../outside/a")}) {
    make(name);
    const Outcome outcome = tarls({"-x", name, "-C", directory() / "out", evil});
    EXPECT_EQ(outcome.exit_status, 1) << name;
    EXPECT_TRUE(fs::is_empty(outside)) << name;
  }
}

TEST_F(TarlsTest, TroubleIsSaid) {
  const std::string path = archive("gnu");
  EXPECT_THAT(tarls({"-x", "none", path}).err, HasSubstr("none: not in the archive"));
  EXPECT_THAT(tarls({"-x", "src/link", path}).err, HasSubstr("not a regular file"));
  fs::resize_file(path, fs::file_size(path) - 20'000);
  const Outcome cut = tarls({path});
  EXPECT_EQ(cut.exit_status, 1);
  EXPECT_THAT(cut.err, HasSubstr("archive.tar at offset "));
  EXPECT_EQ(tarls({file("text", std::string(2000, 'x'))}).exit_status, 1);
  EXPECT_EQ(tarls({"a", "b"}).exit_status, 1);
}

}  // namespace
}  // namespace testing_programs
