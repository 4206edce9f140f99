// What docs/ownership.md shows of scopes does what it says.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "gtest/gtest.h"
#include "tests/program.h"
#include "tests/ring_testing.h"

namespace testing_programs {
namespace {

using uring::testing::TemporaryFile;

TEST(OwnershipExamples, ScopeShowsHowBothFilesBegin) {
  const TemporaryFile one("one");
  const TemporaryFile other(std::string(39, '-') + "|more");
  const Outcome outcome =
      Program{{built("examples/ownership_scope"), one.path(), other.path()}}.run();
  EXPECT_EQ(outcome.exit_status, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "one\n" + std::string(39, '-') + "|\n");
}

TEST(OwnershipExamples, ScopeSaysWhichFileIsWrong) {
  const TemporaryFile one("one");
  const Outcome outcome =
      Program{{built("examples/ownership_scope"), one.path(), "/no/such/file"}}.run();
  EXPECT_EQ(outcome.exit_status, 1);
  EXPECT_EQ(outcome.out, "");
  EXPECT_NE(outcome.err.find("/no/such/file"), std::string::npos) << outcome.err;
}

TEST(OwnershipExamples, ScopeGivesUpOnASilentPipe) {
  const TemporaryFile one("one");
  const std::string path = one.path() + ".pipe";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  const int both_ends = open(path.c_str(), O_RDWR | O_CLOEXEC);
  const Outcome outcome = Program{{built("examples/ownership_scope"), one.path(), path}}.run();
  EXPECT_EQ(outcome.exit_status, 1);
  EXPECT_NE(outcome.err.find("CANCELLED"), std::string::npos) << outcome.err;
  close(both_ends);
  unlink(path.c_str());
}

}  // namespace
}  // namespace testing_programs
