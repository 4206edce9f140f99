// The examples that docs/ownership.md shows do what they say.

#include <string>

#include "gtest/gtest.h"
#include "tests/ownership/owned_testing.h"
#include "tests/program.h"

namespace testing_programs {
namespace {

using uring::testing::pattern;
using uring::testing::TemporaryFile;

TEST(OwnershipExamples, OwnedCopiesAFile) {
  const std::string text = pattern(200000);
  const TemporaryFile file(text);
  const Outcome outcome = Program{{built("examples/ownership_owned"), file.path()}}.run();
  EXPECT_EQ(outcome.exit_status, 0) << outcome.err;
  EXPECT_TRUE(outcome.out == text);
}

TEST(OwnershipExamples, OwnedSaysWhatIsWrong) {
  const Outcome outcome = Program{{built("examples/ownership_owned"), "/no/such/file"}}.run();
  EXPECT_EQ(outcome.exit_status, 1);
  EXPECT_NE(outcome.err.find("/no/such/file"), std::string::npos) << outcome.err;
  const Outcome none = Program{{built("examples/ownership_owned")}}.run();
  EXPECT_EQ(none.exit_status, 1);
}

TEST(OwnershipExamples, RawCountsLines) {
  std::string text;
  for (int line = 0; line < 50000; ++line) text += "a line\n";
  const TemporaryFile file(text);
  const Outcome outcome = Program{{built("examples/ownership_raw"), file.path()}}.run();
  EXPECT_EQ(outcome.exit_status, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "50000\n");
  const Outcome failed = Program{{built("examples/ownership_raw"), "/no/such/file"}}.run();
  EXPECT_EQ(failed.exit_status, 1);
}

}  // namespace
}  // namespace testing_programs
