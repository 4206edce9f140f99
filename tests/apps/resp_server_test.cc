// The program //examples:resp_server: what well-behaved clients get from it, redis-cli and
// redis-benchmark among them, and that it is what the real redis-server answers.

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/apps/redis_client.h"
#include "tests/apps/server_process.h"
#include "tests/apps/tcp_client.h"
#include "tests/program.h"

namespace testing_programs {
namespace {

using std::string_literals::operator""s;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using Words = std::vector<std::string>;

std::string bulk(const std::string& bytes) {
  return "$" + std::to_string(bytes.size()) + "\r\n" + bytes + "\r\n";
}

class RespServerTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override { ASSERT_NE(server_.port(), 0); }

  ServerProcess& server() { return server_; }
  TcpClient dial() { return TcpClient(server_.port()); }
  std::string ask(TcpClient& client, const Words& words) {
    EXPECT_TRUE(client.send(request(words)));
    return receive_reply(client);
  }
  std::string ask(const Words& words) {
    TcpClient client = dial();
    return ask(client, words);
  }
  Outcome redis_cli(const Words& words, int in = kDefault) {
    Program program{{"redis-cli", "-p", std::to_string(server_.port())}};
    program.arguments.insert(program.arguments.end(), words.begin(), words.end());
    program.in = in;
    return program.run();
  }

 private:
  // A stop that needs its grace never ends.
  ServerProcess server_{"resp_server", {GetParam(), "--grace=1h"}};
};
INSTANTIATE_TEST_SUITE_P(Cores, RespServerTest, testing::Values("--cores=1", "--cores=2"),
                         [](const auto& one) { return std::string(one.param + 8) + "Core"; });

TEST_P(RespServerTest, KeepsWhatItIsGivenForAllConnections) {
  EXPECT_EQ(ask({"SET", "a", "1"}), "+OK\r\n");
  for (int i = 2; i < 20; ++i) EXPECT_EQ(ask({"INCR", "a"}), ":" + std::to_string(i) + "\r\n");
  EXPECT_EQ(ask({"GET", "a"}), bulk("19"));
  EXPECT_EQ(ask({"DEL", "a", "b"}), ":1\r\n");
  EXPECT_EQ(ask({"GET", "a"}), "$-1\r\n");
}

TEST_P(RespServerTest, AnswersPipelinedRequestsInOrder) {
  std::string requests;
  std::string replies;
  for (int i = 1; i <= 20'000; ++i) {
    requests += i % 2 == 0 ? "INCR n\r\n" : request({"ECHO", std::to_string(i)});
    replies += i % 2 == 0 ? ":" + std::to_string(i / 2) + "\r\n" : bulk(std::to_string(i));
  }
  TcpClient client = dial();
  ASSERT_TRUE(client.send(requests));
  client.shut_down_writing();
  EXPECT_TRUE(client.receive_all() == replies);
}

TEST_P(RespServerTest, ExpiresKeysThatSomebodyAsksForAndOthers) {
  EXPECT_EQ(ask({"SET", "a", "1", "PX", "1"}), "+OK\r\n");
  EXPECT_TRUE(eventually([this] { return ask({"EXISTS", "a"}) == ":0\r\n"; }));
  EXPECT_EQ(ask({"SET", "stays", "1", "EX", "1000"}), "+OK\r\n");
  for (int i = 0; i < 1000; ++i) ask({"SET", "key" + std::to_string(i), "1", "PX", "1"});
  EXPECT_TRUE(eventually([this] {
    return ask({"INFO", "keyspace"}).find("keys=1,") != std::string::npos;
  }));
  EXPECT_EQ(ask({"GET", "stays"}), bulk("1"));
}

TEST_P(RespServerTest, KeepsLargeValues) {
  std::string large(size_t{10} << 20, '\0');
  std::mt19937 random(17);
  for (char& c : large) c = static_cast<char>(random());
  TcpClient client = dial();
  EXPECT_EQ(ask(client, {"SET", "large", large}), "+OK\r\n");
  EXPECT_TRUE(ask(client, {"GET", "large"}) == bulk(large));
  EXPECT_TRUE(ask(client, {"ECHO", large}) == bulk(large));
  // An answer is not changed by what happens to the key meanwhile.
  ASSERT_TRUE(client.send(request({"GET", "large"}) + request({"SET", "large", "small"}) +
                          request({"GET", "large"})));
  EXPECT_TRUE(receive_reply(client) == bulk(large));
  EXPECT_EQ(receive_reply(client), "+OK\r\n");
  EXPECT_EQ(receive_reply(client), bulk("small"));
}

TEST_P(RespServerTest, SpeaksVersionThree) {
  TcpClient client = dial();
  EXPECT_THAT(ask(client, {"HELLO", "2"}), StartsWith("*14\r\n$6\r\nserver\r\n$5\r\nredis\r\n"));
  EXPECT_THAT(ask(client, {"HELLO", "3"}), StartsWith("%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n"));
  EXPECT_EQ(ask(client, {"GET", "nothing"}), "_\r\n");
  EXPECT_EQ(ask(client, {"COMMAND", "DOCS"}), "%0\r\n");
  EXPECT_THAT(ask(client, {"INFO"}), HasSubstr("txt:# Server\r\n"));
  EXPECT_EQ(ask(client, {"CONFIG", "GET", "save"}), "%1\r\n$4\r\nsave\r\n$0\r\n\r\n");
  EXPECT_EQ(ask({"GET", "nothing"}), "$-1\r\n");  // somebody else
}

TEST_P(RespServerTest, SaysWhatItIs) {
  EXPECT_EQ(ask({"COMMAND", "DOCS"}), "*0\r\n");
  EXPECT_EQ(ask({"COMMAND", "COUNT"}), ":13\r\n");
  EXPECT_THAT(ask({"COMMAND"}), HasSubstr("*6\r\n$3\r\nset\r\n:-3\r\n*1\r\n+write\r\n:1\r\n"));
  EXPECT_THAT(ask({"INFO"}), HasSubstr("redis_version:"));
  EXPECT_THAT(ask({"INFO", "memory"}), Not(HasSubstr("redis_version:")));
  EXPECT_EQ(ask({"CONFIG", "GET", "proto-max-bulk-len"}),
            "*2\r\n" + bulk("proto-max-bulk-len") + bulk("536870912"));
}

TEST_P(RespServerTest, WhoQuitsIsAnsweredAndNotHeardAnyMore) {
  TcpClient client = dial();
  ASSERT_TRUE(client.send("PING\r\nQUIT\r\nSET a 1\r\n"));
  EXPECT_EQ(client.receive_all(), "+PONG\r\n+OK\r\n");
  EXPECT_EQ(ask({"EXISTS", "a"}), ":0\r\n");
}

TEST_P(RespServerTest, FinishesWhatIsInHandBeforeItStops) {
  const std::string large(size_t{10} << 20, 'x');
  ASSERT_EQ(ask({"SET", "large", large}), "+OK\r\n");
  TcpClient resting = dial();
  EXPECT_EQ(ask(resting, {"PING"}), "+PONG\r\n");
  TcpClient reading = dial();
  ASSERT_TRUE(reading.send(request({"GET", "large"})));
  EXPECT_EQ(reading.receive(1), "$");
  TcpClient asking = dial();
  EXPECT_EQ(ask(asking, {"PING"}), "+PONG\r\n");
  ASSERT_TRUE(asking.send("*2\r\n$4\r\nECHO\r\n$200000\r\n" + std::string(100'000, 'y')));
  // So that the server has got it: it answers in order on each core, but knows of no other.
  for (int i = 0; i < 20; ++i) EXPECT_EQ(ask({"PING"}), "+PONG\r\n");

  server().signal(SIGTERM);
  EXPECT_TRUE(resting.sees_end());
  ASSERT_TRUE(asking.send(std::string(100'000, 'y') + "\r\n"));
  EXPECT_TRUE(receive_reply(asking) == bulk(std::string(200'000, 'y')));
  EXPECT_TRUE(asking.sees_end());
  EXPECT_TRUE("$" + receive_reply(reading) == bulk(large).substr(0, bulk(large).find('\n') + 1));
  EXPECT_TRUE(reading.receive(large.size() + 2) == large + "\r\n");
  reading.close();
  asking.close();
  resting.close();
  EXPECT_EQ(server().wait(), 0);
}

// Of the requests that were sent together, those that are answered are the first ones, and each
// answer is whole.
TEST_P(RespServerTest, AStopUnderLoadCutsNoAnswerShort) {
  constexpr int kDeep = 32;
  const std::string value(3000, 'x');
  ASSERT_EQ(ask({"SET", "a", value}), "+OK\r\n");
  std::string requests;
  for (int i = 0; i < kDeep; ++i) requests += "GET a\r\n";
  std::atomic<int> answered = 0;
  std::vector<std::thread> clients;
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([&] {
      TcpClient client = dial();
      for (bool more = true; more && client.send(requests);) {
        for (int k = 0; k < kDeep && more; ++k) {
          const std::string reply = receive_reply(client);
          more = !reply.empty();
          if (more) {
            EXPECT_EQ(reply, bulk(value));
            ++answered;
          }
        }
      }
      EXPECT_TRUE(client.sees_end());
    });
  }
  EXPECT_TRUE(eventually([&] { return answered > 5000; }));
  EXPECT_EQ(server().stop(SIGTERM), 0);
  for (std::thread& client : clients) client.join();
}

// --- the real clients ----------------------------------------------------------------------------

TEST_P(RespServerTest, RedisCliGetsWhatItAsksFor) {
  if (!installed("redis-cli")) GTEST_SKIP() << "redis-cli is not installed";
  struct Case {
    Words words;
    std::string out;
  };
  for (const auto& [words, out] : std::vector<Case>{
           {{"PING"}, "PONG\n"},
           {{"SET", "key", "a value", "EX", "100"}, "OK\n"},
           {{"GET", "key"}, "a value\n"},
           {{"SET", "key", "another", "NX"}, "\n"},
           {{"EXISTS", "key", "key"}, "2\n"},
           {{"-r", "3", "INCR", "n"}, "1\n2\n3\n"},
           {{"DEL", "key"}, "1\n"},
           {{"GET", "key"}, "\n"},
           {{"SELECT", "0"}, "OK\n"},
           {{"-n", "0", "ECHO", "hello"}, "hello\n"},
           {{"-3", "GET", "nothing"}, "\n"},
           {{"COMMAND", "DOCS"}, "\n"},
           {{"FLY"}, "ERR unknown command 'FLY', with args beginning with: \n\n"},
       }) {
    const Outcome outcome = redis_cli(words);
    EXPECT_EQ(outcome.exit_status, 0) << words[0];
    EXPECT_EQ(outcome.out, out) << words[0];
    EXPECT_EQ(outcome.err, "");
  }
}

TEST_P(RespServerTest, RedisCliPipesManyRequests) {
  if (!installed("redis-cli")) GTEST_SKIP() << "redis-cli is not installed";
  std::string requests;
  for (int i = 0; i < 10'000; ++i) requests += request({"SET", "k" + std::to_string(i), "v"});
  const int fd = memfd_create("requests", MFD_CLOEXEC);
  ASSERT_EQ(pwrite(fd, requests.data(), requests.size(), 0), static_cast<ssize_t>(requests.size()));
  const Outcome outcome = redis_cli({"--pipe"}, fd);
  close(fd);
  EXPECT_EQ(outcome.exit_status, 0);
  EXPECT_THAT(outcome.out, HasSubstr("errors: 0, replies: 10000"));
}

TEST_P(RespServerTest, RedisBenchmarkFindsNothingWrong) {
  if (!installed("redis-benchmark")) GTEST_SKIP() << "redis-benchmark is not installed";
  for (const Words& how : std::vector<Words>{
           {"-P", "1", "-n", "2000"},
           {"-P", "32", "-n", "20000"},
           {"-P", "4", "-n", "2000", "-d", "100000", "-r", "10"},
           {"--threads", "2", "-3", "-P", "2", "-n", "2000"},
       }) {
    Program program{{"redis-benchmark", "-p", std::to_string(server().port()), "-c", "50", "--csv",
                     "-t", "ping,set,get,incr"}};
    program.arguments.insert(program.arguments.end(), how.begin(), how.end());
    const Outcome outcome = program.run();
    EXPECT_EQ(outcome.exit_status, 0) << outcome.out;
    EXPECT_EQ(outcome.err, "");
    EXPECT_THAT(outcome.out, Not(HasSubstr("rror")));
    for (const char* name : {"PING_INLINE", "PING_MBULK", "SET", "GET", "INCR"})
      EXPECT_THAT(outcome.out, HasSubstr("\""s + name + "\",\""));
  }
  EXPECT_EQ(server().stop(SIGINT), 0);
}

// --- the real server -----------------------------------------------------------------------------

TEST_P(RespServerTest, AnswersAsTheRealServerDoes) {
  if (!installed("redis-server")) GTEST_SKIP() << "redis-server is not installed";
  const RedisServer real;
  ASSERT_NE(real.port(), 0);
  TcpClient ours = dial();
  TcpClient theirs(real.port());
  for (const std::string& text : std::vector<std::string>{
           "PING\r\n",
           "ping hello\r\n",
           "PING a b\r\n",
           "ECHO\r\n",
           "EcHo \"a\\x00b\\n\"\r\n",
           "ECHO a\vb\r\n",
           "ECHO \v\fb\v\r\n",
           "ECHO a\rb\r\n",
           "ECHO \"a\"\vb\r\n",
           "ECHO \"a\"\f\r\n",
           "SET a\r\n",
           "SET a 1\r\n",
           "SET a 2 NX\r\n",
           "SET b 2 XX\r\n",
           "SET b 2 nx ex 1000\r\n",
           "SET b 3 XX PX 100000\r\n",
           "SET b 3 NX XX\r\n",
           "SET b 3 EX\r\n",
           "SET b 3 EX x\r\n",
           "SET b 3 EX 1 PX 1\r\n",
           "SET b 3 EX 0\r\n",
           "SET b 3 PX -1\r\n",
           "SET b 3 EX 9223372036854775807\r\n",
           "SET b 3 PX 9223372036854775807\r\n",
           "SET b 3 EX 01\r\n",
           "SET b 3 WHATEVER\r\n",
           "GET a\r\n",
           "GET b\r\n",
           "GET\r\n",
           "GET a b\r\n",
           "GET nothing\r\n",
           "INCR a\r\n",
           "INCR new\r\n",
           "SET text hello\r\n",
           "INCR text\r\n",
           "SET most 9223372036854775807\r\n",
           "INCR most\r\n",
           "SET most -9223372036854775808\r\n",
           "INCR most\r\n",
           "EXISTS a b a nothing\r\n",
           "EXISTS\r\n",
           "DEL a a b nothing\r\n",
           "DEL\r\n",
           "SELECT 0\r\n",
           "SELECT x\r\n",
           "SELECT 100\r\n",
           "SELECT\r\n",
           "CONFIG\r\n",
           "CONFIG GET\r\n",
           "CONFIG GET save\r\n",
           "CONFIG GET appendonly\r\n",
           "CONFIG fly\r\n",
           "COMMAND fly\r\n",
           "HELLO x\r\n",
           "HELLO 4\r\n",
           "HELLO 3 FLY\r\n",
           "FLY\r\n",
           "FLY me to 'the moon'\r\n",
           "\"with\\r\\nlines\" \"a\\nb\"\r\n",
           "FLY " + std::string(100, 'a') + " " + std::string(100, 'b') + " c\r\n",
           std::string(200, 'f') + "\r\n",
           "\r\n*0\r\n*-1\r\nPING\r\n",
           "*1\r\n$4\r\nPING\r\n",
           "*3\r\n$3\r\nSET\r\n$0\r\n\r\n$5\r\na\r\n\0b\r\n"s,
           "*2\r\n$3\r\nGET\r\n$0\r\n\r\n",
           request({"SET", "large", std::string(100'000, 'x')}),
           request({"GET", "large"}),
           request({"ECHO", std::string(50'000, 'x')}),
       }) {
    ASSERT_TRUE(ours.send(text) && theirs.send(text));
    EXPECT_EQ(receive_reply(ours), receive_reply(theirs)) << testing::PrintToString(text);
  }
}

TEST_P(RespServerTest, ClosesAsTheRealServerDoes) {
  if (!installed("redis-server")) GTEST_SKIP() << "redis-server is not installed";
  const RedisServer real;
  ASSERT_NE(real.port(), 0);
  for (const std::string text : {
           "PING\r\n*x\r\n",
           "*01\r\n",
           "*1\r\n:4\r\n",
           "*1\r\n\r\n",
           "*1\r\n$-1\r\n",
           "*1\r\n$x\r\n",
           "*1\r\n$536870913\r\n",
           "SET \"open\r\n",
           "SET 'a'b\r\n",
           "QUIT\r\n",
           "PING\r\nquit now\r\n",
           "POST / HTTP/1.1\r\n",
           "Host: a\r\n",
       }) {
    TcpClient ours = dial();
    TcpClient theirs(real.port());
    ASSERT_TRUE(ours.send(text) && theirs.send(text));
    EXPECT_EQ(ours.receive_all(), theirs.receive_all()) << text;
  }
}

TEST_P(RespServerTest, RandomRequestsAreAnsweredAsTheRealServerDoes) {
  if (!installed("redis-server")) GTEST_SKIP() << "redis-server is not installed";
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  const RedisServer real;
  ASSERT_NE(real.port(), 0);
  const auto one_of = [&random](const Words& words) { return words[random() % words.size()]; };
  TcpClient ours = dial();
  TcpClient theirs(real.port());
  for (int batch = 0; batch < 100; ++batch) {
    std::vector<Words> requests(1 + random() % 40);
    std::string text;
    for (Words& words : requests) {
      words = {one_of({"SET", "SET", "get", "GET", "INCR", "DEL", "EXISTS", "ECHO"}),
               one_of({"a", "b", "c", "", "a key with spaces"})};
      if (words[0] == "SET") {
        words.push_back(one_of({"1", "-5", "text", "", std::string(20'000, 'x')}));
        if (random() % 2 == 0) words.push_back(one_of({"NX", "XX", "xx", "EX"}));
        if (words.back() == "EX") words.emplace_back("1000");
      }
      if (random() % 20 == 0) words.push_back(one_of({"b", "c", "NX"}));
      text += request(words);
    }
    ASSERT_TRUE(ours.send(text) && theirs.send(text));
    for (const Words& words : requests) {
      ASSERT_EQ(receive_reply(ours), receive_reply(theirs))
          << testing::PrintToString(words).substr(0, 200);
    }
  }
}

}  // namespace
}  // namespace testing_programs
