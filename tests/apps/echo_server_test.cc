// The program //examples:echo_server, spoken to by clients of every kind of manners.

#include <signal.h>

#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/apps/crowd.h"
#include "tests/apps/server_fixture.h"
#include "tests/apps/server_process.h"
#include "tests/apps/tcp_client.h"
#include "tests/program.h"

namespace testing_programs {
namespace {

using testing::HasSubstr;

class EchoServerTest : public ServerTest, public testing::WithParamInterface<const char*> {
 protected:
  // A stop that needs its grace never ends.
  EchoServerTest() { start("echo_server", {GetParam(), "--write_timeout=2s", "--grace=1h"}); }
  void expect_answer(TcpClient& client) override {
    ASSERT_TRUE(client.send("anybody there?"));
    EXPECT_EQ(client.receive(14), "anybody there?");
  }
};

INSTANTIATE_TEST_SUITE_P(Cores, EchoServerTest, testing::Values("--cores=1", "--cores=2"),
                         [](const auto& one) { return std::string(one.param + 8) + "Core"; });

TEST_P(EchoServerTest, EchoesAndEndsWhenThePeerHasSaidAll) {
  TcpClient client = dial();
  ASSERT_TRUE(client.send("hello, "));
  EXPECT_EQ(client.receive(7), "hello, ");
  ASSERT_TRUE(client.send("world"));
  client.shut_down_writing();
  EXPECT_EQ(client.receive_all(), "world");
}

TEST_P(EchoServerTest, EchoesOneByteAtATime) {
  TcpClient client = dial();
  for (char c = 'a'; c <= 'z'; ++c) {
    ASSERT_TRUE(client.send(std::string(1, c)));
    ASSERT_EQ(client.receive(1), std::string(1, c));
  }
}

TEST_P(EchoServerTest, EchoesMoreThanAnyBufferHolds) {
  std::string much(size_t{20} << 20, '\0');
  std::mt19937 random(17);
  for (char& c : much) c = static_cast<char>(random());
  TcpClient client = dial();
  std::thread sender([&] {
    EXPECT_TRUE(client.send(much));
    client.shut_down_writing();
  });
  EXPECT_TRUE(client.receive_all() == much);
  sender.join();
}

TEST_P(EchoServerTest, WhoNeverReadsIsNotReadFromAndDropped) {
  expect_served();
  const size_t resident = server().resident_bytes();
  TcpClient rude = dial();
  rude.stuff(std::string(1 << 16, 'x'));
  EXPECT_LT(server().resident_bytes(), resident + kSlack);
  expect_served();
  // After --write_timeout; what it had sent is unread, so the system resets the connection.
  EXPECT_TRUE(eventually([&] { return !rude.send(std::string(1 << 16, 'x')); }));
  expect_served();
}

TEST_P(EchoServerTest, WhoNeverWritesDisturbsNobody) {
  std::vector<TcpClient> silent;
  for (int i = 0; i < 50; ++i) silent.push_back(dial());
  expect_served();
}

TEST_P(EchoServerTest, WhoResetsLeavesNothingBehind) {
  const size_t before = descriptors_at_rest();
  for (int i = 0; i < 100; ++i) {
    TcpClient client = dial();
    ASSERT_TRUE(client.send("to be thrown away"));
    if (i % 2 == 0) {
      EXPECT_EQ(client.receive(5), "to be");
    }
    client.reset();
  }
  expect_descriptors(before);
  expect_served();
}

TEST_P(EchoServerTest, TwoThousandComeAndGoAtRandom) {
  if (!allow_crowd()) GTEST_SKIP() << "no process may have so many descriptors here";
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  const size_t before = descriptors_at_rest();
  size_t resident_after_first = 0;
  for (int round = 0; round < 2; ++round) {
    std::vector<TcpClient> clients = crowd(server().port(), {"", "something"}, random);
    ASSERT_EQ(clients.size(), kCrowd);
    expect_served();
    clients.clear();
    expect_descriptors(before);
    if (round == 0) resident_after_first = server().resident_bytes();
  }
  EXPECT_LT(server().resident_bytes(), resident_after_first + kSlack);
  expect_served();
}

TEST_P(EchoServerTest, StopsInGoodOrder) {
  TcpClient resting = dial();
  TcpClient spoken = dial();
  ASSERT_TRUE(spoken.send("x"));
  ASSERT_EQ(spoken.receive(1), "x");
  EXPECT_EQ(server().stop(SIGTERM), 0);
  EXPECT_TRUE(spoken.sees_end());
  EXPECT_TRUE(resting.sees_end());
  EXPECT_FALSE(dial().ok());
}

TEST_P(EchoServerTest, StopsByTheKeyboardToo) { EXPECT_EQ(server().stop(SIGINT), 0); }

TEST(EchoServerCommandLine, SaysWhatIsWrong) {
  ServerProcess first("echo_server");
  ASSERT_NE(first.port(), 0);
  const std::string taken = "--port=" + std::to_string(first.port());
  for (const auto& [argument, complaint] : std::vector<std::pair<std::string, std::string>>{
           {taken, "Address already in use"},
           {"--port=70000", "--port"},
           {"--cores=-1", "--cores"},
           {"--host=nowhere", "nowhere"},
           {"rest", "rest"},
       }) {
    const Outcome outcome = Program{{built("examples/echo_server"), argument}}.run();
    EXPECT_EQ(outcome.exit_status, 1);
    EXPECT_THAT(outcome.err, HasSubstr(complaint));
  }
}

}  // namespace
}  // namespace testing_programs
