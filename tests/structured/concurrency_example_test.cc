// What docs/concurrency.md shows does what it says.

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/program.h"
#include "tests/ring_testing.h"

namespace testing_programs {
namespace {

using uring::testing::TemporaryFile;

TEST(ConcurrencyExample, CountsTheLinesOfAllFiles) {
  std::vector<std::unique_ptr<TemporaryFile>> files;
  Program program = {{built("examples/concurrency")}};
  for (int i = 0; i < 40; ++i) {
    files.push_back(std::make_unique<TemporaryFile>("one\ntwo\nthree"));
    program.arguments.push_back(files.back()->path());
  }
  const Outcome outcome = program.run();
  EXPECT_EQ(outcome.exit_status, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "120\n");
}

TEST(ConcurrencyExample, SaysWhichFileIsWrong) {
  const TemporaryFile one("one\n");
  const Outcome outcome =
      Program{{built("examples/concurrency"), one.path(), "/no/such/file"}}.run();
  EXPECT_EQ(outcome.exit_status, 1);
  EXPECT_NE(outcome.err.find("/no/such/file"), std::string::npos) << outcome.err;
}

TEST(ConcurrencyExample, ASignalStopsIt) {
  const TemporaryFile one("one\n");
  const std::string path = one.path() + ".pipe";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  const int both_ends = open(path.c_str(), O_RDWR | O_CLOEXEC);
  Program program = {{built("examples/concurrency"), one.path(), path}};
  // Blocked by then, and pending: it is there from the start.
  program.before_exec = [] {
    sigset_t terminate;
    sigemptyset(&terminate);
    sigaddset(&terminate, SIGTERM);
    sigprocmask(SIG_BLOCK, &terminate, nullptr);
    kill(getpid(), SIGTERM);
  };
  const Outcome outcome = program.run();
  EXPECT_EQ(outcome.exit_status, 1);
  EXPECT_NE(outcome.err.find("CANCELLED"), std::string::npos) << outcome.err;
  close(both_ends);
  unlink(path.c_str());
}

}  // namespace
}  // namespace testing_programs
