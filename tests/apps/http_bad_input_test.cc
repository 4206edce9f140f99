// The program //examples:http_server among clients that are broken, slow, rude or hostile: each
// gets what is due, and the others are served.

#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"
#include "tests/apps/crowd.h"
#include "tests/apps/http_client.h"
#include "tests/apps/server_fixture.h"
#include "tests/apps/server_process.h"
#include "tests/apps/tcp_client.h"
#include "tests/directory.h"

namespace testing_programs {
namespace {

constexpr size_t kBigFile = size_t{30} << 20;  // more than the system buffers

class HttpBadInputTest : public ServerTest {
 protected:
  explicit HttpBadInputTest(std::vector<std::string> patience = {}) {
    root_.write("hello.txt", "hello\n");
    root_.write("big.bin", bytes(kBigFile));
    std::vector<std::string> arguments = {"--root=" + root_.path(), "--cores=2"};
    arguments.insert(arguments.end(), patience.begin(), patience.end());
    start("http_server", arguments);
  }
  void expect_answer(TcpClient& client) override {
    ASSERT_TRUE(client.send(get("/hello.txt")));
    EXPECT_EQ(receive_answer(client).body, "hello\n");
  }

 private:
  Directory root_;
};

class ImpatientTest : public HttpBadInputTest {
 protected:
  ImpatientTest()
      : HttpBadInputTest({"--head_timeout=500ms", "--idle_timeout=500ms", "--write_timeout=1s"}) {}
};

class LingeringTest : public HttpBadInputTest {
 protected:
  LingeringTest() : HttpBadInputTest({"--linger_timeout=30s"}) {}
};

class HastyTest : public HttpBadInputTest {
 protected:
  HastyTest() : HttpBadInputTest({"--grace=500ms"}) {}
};

TEST_F(HttpBadInputTest, RefusesWhatIsMalformedAndCloses) {
  struct Case {
    int code;
    std::string request;
  };
  using std::string_literals::operator""s;
  for (const auto& [code, request] : std::vector<Case>{
           {400, "\0\1\2\xff garbage\r\n\r\n"s},
           {400, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n"s},  // as TLS begins
           {400, "GET /hello.txt HTTP/1.1\n\n"},
           {400, "GET /hello.txt\r\n\r\n"},
           {400, "GET /hello.txt HTTP/1.1\r\n\r\n"},
           {400, get("/hello.txt", "Host: another\r\n")},
           {400, get("/hello.txt", "Name : value\r\n")},
           {400, get("/hello.txt", "Name: value\r\n folded\r\n")},
           {400, get("/hello.txt", "Content-Length: 1\r\nContent-Length: 1\r\n") + "x"},
           {400,
            get("/hello.txt", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n"},
           {414, get("/" + std::string(9000, 'a'))},
           {414, "GET /" + std::string(20'000, 'a')},
           {414, std::string(20'000, 'a')},
           {417, get("/hello.txt", "Expect: a miracle\r\n")},
           {431, get("/hello.txt", "X: " + std::string(20'000, 'a') + "\r\n")},
           {431, get("/hello.txt", "X: ") + std::string(20'000, 'a')},
           {400, get("/hello.txt", "Transfer-Encoding: gzip\r\n")},
           {505, "GET /hello.txt HTTP/2.0\r\nHost: a\r\n\r\n"},
           {405, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
           {405, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n"},
           {501, "BREW / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"},
       }) {
    TcpClient client = dial();
    // What stands behind a refused request is not another one.
    client.send(request + (code == 414 || code == 431 ? "" : get("/hello.txt")));
    const Answer answer = receive_answer(client);
    EXPECT_EQ(answer.code, code) << testing::PrintToString(request.substr(0, 100));
    EXPECT_EQ(answer.field("Connection"), "close");
    EXPECT_TRUE(client.sees_end()) << testing::PrintToString(request.substr(0, 100));
  }
  expect_served();
}

// Were the connection closed at once, the system would answer these bytes with a reset, which may
// overtake the answer.
TEST_F(LingeringTest, BytesThatNobodyWantsAreWaitedFor) {
  TcpClient client = dial();
  ASSERT_TRUE(client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 150000\r\n\r\n"));
  EXPECT_EQ(receive_answer(client).code, 405);
  EXPECT_TRUE(client.sees_end());
  EXPECT_TRUE(client.send("x"));
  EXPECT_TRUE(client.send(std::string(149'999, 'x')));
}

TEST_F(HttpBadInputTest, RefusesEachRequestThatIsCutShort) {
  const std::string whole = get("/hello.txt", "Range: bytes=0-1\r\n");
  for (size_t size = 0; size < whole.size(); ++size) {
    TcpClient client = dial();
    ASSERT_TRUE(client.send(whole.substr(0, size)));
    client.shut_down_writing();
    EXPECT_EQ(receive_answer(client).code, size == 0 ? 0 : 400) << size;
    EXPECT_TRUE(client.sees_end());
  }
}

TEST_F(HttpBadInputTest, TakesRequestsOneByteAtATime) {
  TcpClient client = dial();
  for (int i = 0; i < 2; ++i) {
    for (const char c : "\r\n" + get("/hello.txt")) ASSERT_TRUE(client.send(std::string(1, c)));
    EXPECT_EQ(receive_answer(client).body, "hello\n");
  }
}

TEST_F(ImpatientTest, AHeadThatTakesTooLongIsRefused) {
  TcpClient client = dial();
  ASSERT_TRUE(client.send("GET /hello.txt HTTP/1.1\r\nHo"));
  const Answer answer = receive_answer(client);
  EXPECT_EQ(answer.code, 408);
  EXPECT_TRUE(client.sees_end());
  expect_served();
}

TEST_F(ImpatientTest, BytesThatTrickleDoNotBuyTime) {
  TcpClient client = dial();
  ASSERT_TRUE(client.send("GET /hello.txt HTTP/1.1\r\nX: "));
  // A byte for each request that somebody else has answered: for ever, if it helped.
  EXPECT_TRUE(eventually([&] {
    expect_served();
    return !client.send("x");
  }));
}

TEST_F(ImpatientTest, WhoSaysNothingIsDropped) {
  TcpClient never = dial();
  TcpClient no_more = dial();
  ASSERT_TRUE(no_more.send(get("/hello.txt")));
  EXPECT_EQ(receive_answer(no_more).code, 200);
  EXPECT_TRUE(never.sees_end());
  EXPECT_TRUE(no_more.sees_end());
  expect_served();
}

TEST_F(ImpatientTest, WhoNeverReadsCostsLittleAndIsDropped) {
  const size_t before = descriptors_at_rest();
  const size_t resident = server().resident_bytes();
  std::vector<TcpClient> rude;
  for (int i = 0; i < 10; ++i) {
    rude.push_back(dial());
    ASSERT_TRUE(rude.back().send(get("/big.bin") + get("/big.bin")));
  }
  std::string endless;
  for (int i = 0; i < 1000; ++i) endless += get("/hello.txt");
  TcpClient asks_on = dial();
  asks_on.stuff(endless);
  EXPECT_LT(server().resident_bytes(), resident + kSlack);
  expect_served();
  expect_descriptors(before);  // though none of them has closed
}

TEST_F(HastyTest, WhoNeverReadsDoesNotHoldUpTheStopForEver) {
  TcpClient rude = dial();
  ASSERT_TRUE(rude.send(get("/big.bin")));
  EXPECT_EQ(rude.receive(1000).size(), 1000u);
  EXPECT_EQ(server().stop(), 0);
}

TEST_F(HttpBadInputTest, WhoResetsLeavesNothingBehind) {
  const size_t before = descriptors_at_rest();
  for (int i = 0; i < 50; ++i) {
    TcpClient client = dial();
    ASSERT_TRUE(client.send(get("/big.bin")));
    if (i % 2 == 0) {
      EXPECT_EQ(client.receive(1000).size(), 1000u);
    }
    client.reset();
  }
  expect_descriptors(before);
  expect_served();
}

TEST_F(HttpBadInputTest, TwoThousandComeAndGoAtRandom) {
  if (!allow_crowd()) GTEST_SKIP() << "no process may have so many descriptors here";
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  std::vector<std::string> things = {get("/big.bin")};  // few, for the system keeps much of each
  for (int i = 0; i < 10; ++i) {
    things.insert(things.end(), {"", get("/hello.txt"), "GET /hel", "nonsense\n",
                                 get("/nothing", "Connection: close\r\n")});
  }
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
