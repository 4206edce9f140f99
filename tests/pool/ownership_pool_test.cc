// The example //examples:ownership_pool reads more inputs than it has buffers, silent ones among
// them.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/program.h"

namespace testing_programs {
namespace {

TEST(OwnershipPoolTest, CountsEachInputThoughBuffersAreFewerThanInputs) {
  const std::string file = ::testing::TempDir() + "/lines";
  std::ofstream(file) << std::string(5000, 'x') << "\nsecond\nthird";
  std::vector<std::string> arguments = {built("examples/ownership_pool"), file, "/does/not/exist"};
  std::vector<std::thread> writers;
  for (int i = 0; i < 5; ++i) {
    const std::string fifo = ::testing::TempDir() + "/fifo" + std::to_string(i);
    ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
    arguments.push_back(fifo);
    writers.emplace_back([fifo] { std::ofstream(fifo) << "one\ntwo\n"; });
  }
  const Outcome outcome = Program{arguments}.run();
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(outcome.exit_status, 0);
  EXPECT_THAT(outcome.out, testing::HasSubstr(file + ": 3 lines, 5013 bytes\n"));
  EXPECT_THAT(outcome.out, testing::HasSubstr("/does/not/exist"));
  for (int i = 0; i < 5; ++i) {
    EXPECT_THAT(outcome.out,
                testing::HasSubstr(arguments[3 + static_cast<size_t>(i)] + ": 2 lines, 8 bytes\n"));
  }
  EXPECT_THAT(outcome.out, testing::HasSubstr("2 buffers, handed out "));
}

}  // namespace
}  // namespace testing_programs
