// The program //examples:resp_server among clients that are broken, slow, rude or hostile: each
// gets what is due, and the others are served.

#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/apps/crowd.h"
#include "tests/apps/redis_client.h"
#include "tests/apps/server_fixture.h"
#include "tests/apps/server_process.h"
#include "tests/apps/tcp_client.h"

namespace testing_programs {
namespace {

class RespBadInputTest : public ServerTest {
 protected:
  explicit RespBadInputTest(std::vector<std::string> arguments = {}) {
    arguments.push_back("--cores=2");
    start("resp_server", arguments);
  }
  void expect_answer(TcpClient& client) override {
    ASSERT_TRUE(client.send(request({"ECHO", "anybody there?"})));
    EXPECT_EQ(receive_reply(client), "$14\r\nanybody there?\r\n");
  }
};

class ImpatientRespTest : public RespBadInputTest {
 protected:
  ImpatientRespTest()
      : RespBadInputTest({"--idle_timeout=500ms", "--stall_timeout=500ms", "--write_timeout=1s"}) {}
};

class PoorRespTest : public RespBadInputTest {
 protected:
  PoorRespTest() : RespBadInputTest({"--request_memory=8000000", "--max_memory=4000000"}) {}
};

TEST_F(RespBadInputTest, RefusesWhatIsMalformedAndCloses) {
  struct Case {
    std::string text;
    std::string reply;
  };
  using std::string_literals::operator""s;
  for (const auto& [text, reply] : std::vector<Case>{
           {"*\r\n", "-ERR Protocol error: invalid multibulk length\r\n"},
           {"*1048577\r\n", "-ERR Protocol error: invalid multibulk length\r\n"},
           {"*" + std::string(100'000, '1'), "-ERR Protocol error: invalid multibulk length\r\n"},
           {"*1\r\n$999999999999\r\n", "-ERR Protocol error: invalid bulk length\r\n"},
           {"*1\r\n$4\r\nPING!!", "-ERR Protocol error: expected CRLF\r\n"},
           {"*2\r\n$4\r\nPING\r\n\xff\xfe", "-ERR Protocol error: expected '$', got '\xff'\r\n"},
           {std::string(70'000, 'a'), "-ERR Protocol error: too big inline request\r\n"},
           {"*9\r\n" + request({std::string(200'000, 'x')}).substr(4) + "garbage",
            "-ERR Protocol error: expected '$', got 'g'\r\n"},
           {"\0\1\2\xff\n"s,
            "-ERR unknown command '"s + "\0\1\2\xff"s + "', with args beginning with: \r\n"},
       }) {
    TcpClient client = dial();
    client.send(text);
    EXPECT_EQ(client.receive_until("\r\n"), reply) << testing::PrintToString(text.substr(0, 100));
    if (text.front() == '\0') continue;
    EXPECT_TRUE(client.sees_end()) << testing::PrintToString(text.substr(0, 100));
  }
  expect_served();
}

TEST_F(RespBadInputTest, ARequestThatIsCutShortIsDropped) {
  const std::string whole = request({"SET", "a", std::string(20, 'x')});
  for (size_t size = 0; size < whole.size(); ++size) {
    TcpClient client = dial();
    ASSERT_TRUE(client.send("PING\r\n" + whole.substr(0, size)));
    client.shut_down_writing();
    EXPECT_EQ(client.receive_all(), "+PONG\r\n") << size;
  }
  TcpClient client = dial();
  ASSERT_TRUE(client.send(request({"SET", "a", std::string(1'000'000, 'x')}).substr(0, 900'000)));
  client.shut_down_writing();
  EXPECT_EQ(client.receive_all(), "");
  TcpClient other = dial();
  ASSERT_TRUE(other.send("EXISTS a\r\n"));
  EXPECT_EQ(receive_reply(other), ":0\r\n");
}

TEST_F(RespBadInputTest, TakesRequestsOneByteAtATime) {
  TcpClient client = dial();
  for (int i = 0; i < 2; ++i) {
    for (const char c : "\r\n" + request({"ECHO", "slowly"}))
      ASSERT_TRUE(client.send(std::string(1, c)));
    EXPECT_EQ(receive_reply(client), "$6\r\nslowly\r\n");
    for (const char c : std::string("ECHO 'by word'\r\n"))
      ASSERT_TRUE(client.send(std::string(1, c)));
    EXPECT_EQ(receive_reply(client), "$7\r\nby word\r\n");
  }
}

// Announcing costs nothing: memory comes with the bytes.
TEST_F(RespBadInputTest, WhoAnnouncesMuchGetsNothing) {
  expect_served();
  const size_t resident = server().resident_bytes();
  std::vector<TcpClient> clients;
  for (int i = 0; i < 200; ++i) {
    clients.push_back(dial());
    const std::string what = i % 2 == 0
                                 ? "*2\r\n$4\r\nECHO\r\n$536870912\r\n" + std::string(100, 'x')
                                 : "*1048576\r\n$1\r\n";
    ASSERT_TRUE(clients.back().send(what));
  }
  expect_served();
  EXPECT_LT(server().resident_bytes(), resident + kSlack);
  // Nor is it taken from others.
  TcpClient client = dial();
  const std::string word(200'000, 'y');
  ASSERT_TRUE(client.send(request({"ECHO", word})));
  EXPECT_TRUE(receive_reply(client) == "$200000\r\n" + word + "\r\n");
}

TEST_F(PoorRespTest, RequestsTogetherTakeNoMoreThanTheyMay) {
  std::vector<TcpClient> clients;
  for (int i = 0; i < 7; ++i) {
    clients.push_back(dial());
    ASSERT_TRUE(
        clients.back().send("*2\r\n$4\r\nECHO\r\n$1000001\r\n" + std::string(1'000'000, 'x')));
  }
  expect_served();
  const auto answer_to = [this](const std::string& text) {
    TcpClient client = dial();
    client.send(text);
    return client.receive_until("\r\n");
  };
  const std::string refused = "-OOM requests in hand take too much memory\r\n";
  const std::string large = request({"ECHO", std::string(2'000'000, 'x')});
  // Once the server has read what they sent.
  EXPECT_TRUE(eventually([&] { return answer_to(large) == refused; }));
  expect_served();
  for (TcpClient& client : clients) client.close();
  EXPECT_TRUE(eventually([&] { return answer_to(large) == "$2000000\r\n"; }));
  // Many small words take as much as one large one, and are refused as soon.
  EXPECT_EQ(answer_to(request(std::vector<std::string>(500'000, "x"))), refused);
}

TEST_F(PoorRespTest, ValuesTogetherTakeNoMoreThanTheyMay) {
  TcpClient client = dial();
  const std::string refused = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";
  std::string reply;
  int kept = 0;
  for (; kept < 100; ++kept) {
    ASSERT_TRUE(client.send(request({"SET", std::to_string(kept), std::string(100'000, 'x')})));
    reply = receive_reply(client);
    if (reply != "+OK\r\n") break;
  }
  EXPECT_EQ(reply, refused);
  EXPECT_GT(kept, 30);
  EXPECT_LT(kept, 40);
  ASSERT_TRUE(client.send("DEL 0\r\nSET another 1\r\n"));
  EXPECT_EQ(receive_reply(client), ":1\r\n");
  EXPECT_EQ(receive_reply(client), "+OK\r\n");
}

TEST_F(ImpatientRespTest, WhoSaysNothingOrNotAllIsDropped) {
  TcpClient never = dial();
  TcpClient half = dial();
  ASSERT_TRUE(half.send("*1\r\n$4\r\nPI"));
  TcpClient large = dial();
  ASSERT_TRUE(large.send("*1\r\n$400000\r\nPI"));
  EXPECT_TRUE(never.sees_end());
  EXPECT_TRUE(half.sees_end());
  EXPECT_TRUE(large.sees_end());
  expect_served();
}

TEST_F(ImpatientRespTest, WhoNeverReadsCostsLittleAndIsDropped) {
  const size_t before = descriptors_at_rest();
  TcpClient setter = dial();
  ASSERT_TRUE(setter.send(request({"SET", "a", std::string(1'000'000, 'x')}) +
                          request({"SET", "b", std::string(1000, 'x')})));
  EXPECT_EQ(receive_reply(setter), "+OK\r\n");
  EXPECT_EQ(receive_reply(setter), "+OK\r\n");
  setter.close();
  const size_t resident = server().resident_bytes();
  std::vector<TcpClient> rude;
  for (const char* key : {"a", "a", "a", "b", "b"}) {
    std::string requests;
    for (int i = 0; i < 1000; ++i) requests += request({"GET", key});
    rude.push_back(dial());
    rude.back().stuff(requests);
  }
  EXPECT_LT(server().resident_bytes(), resident + kSlack);
  expect_served();
  expect_descriptors(before);  // though none of them has closed
}

TEST_F(RespBadInputTest, WhoNeverWritesDisturbsNobody) {
  std::vector<TcpClient> silent;
  for (int i = 0; i < 50; ++i) silent.push_back(dial());
  expect_served();
}

TEST_F(RespBadInputTest, WhoResetsLeavesNothingBehind) {
  TcpClient setter = dial();
  ASSERT_TRUE(setter.send(request({"SET", "a", std::string(10'000'000, 'x')})));
  EXPECT_EQ(receive_reply(setter), "+OK\r\n");
  setter.close();
  const size_t before = descriptors_at_rest();
  for (int i = 0; i < 100; ++i) {
    TcpClient client = dial();
    ASSERT_TRUE(client.send(i % 3 == 0 ? "*2\r\n$4\r\nECHO\r\n$100000\r\nhalf" : "GET a\r\n"));
    if (i % 3 == 1) {
      EXPECT_EQ(client.receive(1000).size(), 1000u);
    }
    client.reset();
  }
  expect_descriptors(before);
  expect_served();
}

TEST_F(RespBadInputTest, TwoThousandComeAndGoAtRandom) {
  if (!allow_crowd()) GTEST_SKIP() << "no process may have so many descriptors here";
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  const std::vector<std::string> things = {
      "",
      "PING\r\n",
      "*1\r\n$4\r\nPI",
      "*nonsense\r\n",
      request({"SET", "a", std::string(30'000, 'x')}) + "GET a\r\n",
      request({"ECHO", std::string(50'000, 'x')}).substr(0, 49'000),
      "QUIT\r\n",
  };
  const size_t before = descriptors_at_rest();
  size_t resident_after_first = 0;
  for (int round = 0; round < 2; ++round) {
    std::vector<TcpClient> clients = crowd(server().port(), things, random);
    ASSERT_EQ(clients.size(), kCrowd);
    expect_served();
    clients.clear();
    expect_descriptors(before);
    if (round == 0) resident_after_first = server().resident_bytes();
  }
  EXPECT_LT(server().resident_bytes(), resident_after_first + kSlack);
  expect_served();
}

}  // namespace
}  // namespace testing_programs
