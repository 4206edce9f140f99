// The program //examples:http_server: what well-behaved clients get from it, curl and wrk among
// them.

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/apps/http_client.h"
#include "tests/apps/server_process.h"
#include "tests/apps/tcp_client.h"
#include "tests/directory.h"
#include "tests/program.h"

namespace testing_programs {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

bool installed(const std::string& program) {
  return Program{{program, "--version"}}.run().exit_status != 127;
}

class HttpServerTest : public testing::Test {
 protected:
  HttpServerTest() : big_(bytes(5'000'000)) {
    root_.write("hello.txt", "hello\n");
    root_.write("empty", "");
    root_.write("page/index.html", "<p>index\n");
    root_.write("big.bin", big_);
    root_.write("with space.txt", "space\n");
  }
  void SetUp() override { ASSERT_NE(server_.port(), 0); }

  const Directory& root() const { return root_; }
  const std::string& big() const { return big_; }
  ServerProcess& server() { return server_; }
  TcpClient dial() { return TcpClient(server_.port()); }
  // The answer to one request on a connection of its own.
  Answer ask(const std::string& request) {
    TcpClient client = dial();
    EXPECT_TRUE(client.send(request));
    return receive_answer(client, request.starts_with("HEAD"));
  }
  Outcome curl(std::vector<std::string> arguments, const std::string& path) {
    Program program{{"curl", "--silent", "--show-error", "--max-time", "30", "--path-as-is"}};
    program.arguments.insert(program.arguments.end(), arguments.begin(), arguments.end());
    program.arguments.push_back(server_.url(path));
    return program.run();
  }

 private:
  Directory root_;
  std::string big_;
  // A stop that needs its grace never ends.
  ServerProcess server_{"http_server", {"--root=" + root_.path(), "--cores=2", "--grace=1h"}};
};

TEST_F(HttpServerTest, ServesAFileAndSaysWhatItIs) {
  const Answer answer = ask(get("/hello.txt"));
  EXPECT_EQ(answer.code, 200);
  EXPECT_EQ(answer.body, "hello\n");
  EXPECT_EQ(answer.field("Content-Type"), "text/plain; charset=utf-8");
  EXPECT_EQ(answer.field("Content-Length"), "6");
  EXPECT_EQ(answer.field("Accept-Ranges"), "bytes");
  EXPECT_THAT(answer.field("ETag"), StartsWith("\""));
  EXPECT_THAT(answer.field("Last-Modified"), HasSubstr(" GMT"));
  EXPECT_THAT(answer.field("Date"), HasSubstr(" GMT"));
  EXPECT_EQ(answer.field("Connection"), "");
}

TEST_F(HttpServerTest, ServesWhatIsThereAndNothingElse) {
  struct Case {
    std::string target;
    int code;
    std::string body;
  };
  ASSERT_EQ(symlink("hello.txt", (root() / "inside").c_str()), 0);
  ASSERT_EQ(symlink("/etc/passwd", (root() / "outside").c_str()), 0);
  ASSERT_EQ(symlink("../../../../../../etc", (root() / "up").c_str()), 0);
  ASSERT_EQ(symlink("loop", (root() / "loop").c_str()), 0);
  ASSERT_EQ(mkfifo((root() / "fifo").c_str(), 0600), 0);
  for (const auto& [target, code, body] : std::vector<Case>{
           {"/hello.txt?a=b", 200, "hello\n"},
           {"/with%20space.txt", 200, "space\n"},
           {"http://anything/hello.txt", 200, "hello\n"},
           {"/empty", 200, ""},
           {"/page/", 200, "<p>index\n"},
           {"/page/../hello.txt", 200, "hello\n"},
           {"/inside", 200, "hello\n"},
           {"/page", 301, "Moved Permanently\n"},
           {"/", 404, "Not Found\n"},
           {"/nothing", 404, "Not Found\n"},
           {"/hello.txt/", 404, "Not Found\n"},
           {"/hello.txt/more", 404, "Not Found\n"},
           {"/outside", 404, "Not Found\n"},
           {"/up/passwd", 404, "Not Found\n"},
           {"/loop", 404, "Not Found\n"},
           {"/fifo", 404, "Not Found\n"},
           {"/" + std::string(3000, 'x'), 404, "Not Found\n"},
           {"/../hello.txt", 400, "Bad Request\n"},
           {"/%2e%2e/%2e%2e/etc/passwd", 400, "Bad Request\n"},
           {"/hello.txt%00", 400, "Bad Request\n"},
           {"*", 400, "Bad Request\n"},
       }) {
    const Answer answer = ask(get(target));
    EXPECT_EQ(answer.code, code) << target;
    EXPECT_EQ(answer.body, body) << target;
  }
  EXPECT_EQ(ask(get("/page?q")).field("Location"), "/page/");
  EXPECT_EQ(ask(get("///page")).field("Location"), "/page/");
}

TEST_F(HttpServerTest, HeadGivesTheHeadAlone) {
  TcpClient client = dial();
  ASSERT_TRUE(client.send("HEAD /big.bin HTTP/1.1\r\nHost: a\r\n\r\n" +
                          std::string("HEAD /nothing HTTP/1.1\r\nHost: a\r\n\r\n") +
                          get("/hello.txt", "Connection: close\r\n")));
  const Answer big_head = receive_answer(client, /*to_head=*/true);
  EXPECT_EQ(big_head.code, 200);
  EXPECT_EQ(big_head.field("Content-Length"), "5000000");
  EXPECT_EQ(receive_answer(client, /*to_head=*/true).code, 404);
  EXPECT_EQ(receive_answer(client).body, "hello\n");
  EXPECT_TRUE(client.sees_end());
}

TEST_F(HttpServerTest, AnswersPipelinedRequestsInOrder) {
  std::string requests;
  for (size_t i = 0; i < 200; ++i) {
    const std::string first = std::to_string(i * 1000);
    const std::string last = std::to_string(i * 1000 + i * 100);  // some of them large
    requests += i % 3 == 0 ? get("/hello.txt")
                           : get("/big.bin", "Range: bytes=" + first + "-" + last + "\r\n");
  }
  TcpClient client = dial();
  ASSERT_TRUE(client.send(requests));
  client.shut_down_writing();
  for (size_t i = 0; i < 200; ++i) {
    const Answer answer = receive_answer(client);
    ASSERT_EQ(answer.code, i % 3 == 0 ? 200 : 206) << i;
    ASSERT_TRUE(answer.body == (i % 3 == 0 ? "hello\n" : big().substr(i * 1000, i * 100 + 1))) << i;
  }
  EXPECT_TRUE(client.sees_end());
}

TEST_F(HttpServerTest, OldClientsGetOneAnswerUnlessTheyAskForMore) {
  TcpClient one = dial();
  ASSERT_TRUE(one.send("GET /hello.txt HTTP/1.0\r\n\r\n"));
  EXPECT_EQ(receive_answer(one).field("Connection"), "close");
  EXPECT_TRUE(one.sees_end());
  TcpClient more = dial();
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(more.send("GET /hello.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
    EXPECT_EQ(receive_answer(more).field("Connection"), "keep-alive");
  }
}

TEST_F(HttpServerTest, PassesOverBodies) {
  TcpClient client = dial();
  ASSERT_TRUE(client.send("POST /hello.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 40000\r\n\r\n" +
                          std::string(40000, 'x') + get("/hello.txt")));
  const Answer refused = receive_answer(client);
  EXPECT_EQ(refused.code, 405);
  EXPECT_EQ(refused.field("Allow"), "GET, HEAD");
  EXPECT_EQ(receive_answer(client).body, "hello\n");
}

TEST_F(HttpServerTest, APeerThatHasSaidAllIsAnswered) {
  TcpClient client = dial();
  ASSERT_TRUE(client.send(get("/big.bin")));
  client.shut_down_writing();
  EXPECT_TRUE(receive_answer(client).body == big());
  EXPECT_TRUE(client.sees_end());
}

TEST_F(HttpServerTest, WhatAClientHasIsNotSentAgain) {
  const Answer first = ask(get("/hello.txt"));
  const Answer same = ask(get("/hello.txt", "If-None-Match: " + first.field("ETag") + "\r\n"));
  EXPECT_EQ(same.code, 304);
  EXPECT_EQ(same.field("Content-Length"), "");
  EXPECT_EQ(same.field("ETag"), first.field("ETag"));
  const std::string since = "If-Modified-Since: " + first.field("Last-Modified") + "\r\n";
  EXPECT_EQ(ask(get("/hello.txt", since)).code, 304);
  root().write("hello.txt", "hello again\n");
  const Answer changed = ask(get("/hello.txt", "If-None-Match: " + first.field("ETag") + "\r\n"));
  EXPECT_EQ(changed.code, 200);
  EXPECT_EQ(changed.body, "hello again\n");
}

TEST_F(HttpServerTest, AFileThatShrinksEndsTheAnswerNotTheServer) {
  root().write("shrinking", bytes(30'000'000));
  TcpClient client = dial();
  ASSERT_TRUE(client.send(get("/shrinking")));
  const std::string beginning = client.receive(1000);
  std::filesystem::resize_file(root() / "shrinking", 1000);
  EXPECT_LT(beginning.size() + client.receive_all().size(), size_t{30'000'000});
  EXPECT_EQ(ask(get("/hello.txt")).code, 200);
}

TEST_F(HttpServerTest, FinishesWhatIsInHandBeforeItStops) {
  root().write("huge", bytes(30'000'000));  // more than the system buffers
  TcpClient resting = dial();
  ASSERT_TRUE(resting.send(get("/hello.txt")));
  ASSERT_EQ(receive_answer(resting).code, 200);
  TcpClient reading = dial();
  ASSERT_TRUE(reading.send(get("/huge")));
  const std::string head = reading.receive_until("\r\n\r\n");
  TcpClient asking = dial();
  ASSERT_TRUE(asking.send("GET /hello.txt HT"));
  // So that the server has got it: it answers in order on each core, but knows of no other.
  for (int i = 0; i < 20; ++i) EXPECT_EQ(ask(get("/hello.txt")).code, 200);

  server().signal(SIGTERM);
  EXPECT_TRUE(resting.sees_end());
  EXPECT_TRUE(eventually([&] { return !dial().ok(); }));
  ASSERT_TRUE(asking.send("TP/1.1\r\nHost: a\r\n\r\n"));
  const Answer last = receive_answer(asking);
  EXPECT_EQ(last.body, "hello\n");
  EXPECT_EQ(last.field("Connection"), "close");
  EXPECT_TRUE(asking.sees_end());
  EXPECT_TRUE(reading.receive(30'000'000) == bytes(30'000'000));
  reading.close();
  EXPECT_EQ(server().wait(), 0);
}

// Who is served when the stop comes gets the whole answer; who is not yet sees the end of the
// stream, and nothing else.
TEST_F(HttpServerTest, AStopUnderLoadCutsNoAnswerShort) {
  std::atomic<int> answered = 0;
  std::vector<std::thread> clients;
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([this, i, &answered] {
      TcpClient client = dial();
      for (bool more = true; more && client.send(get(i == 0 ? "/big.bin" : "/hello.txt"));) {
        const Answer answer = receive_answer(client);
        if (answer.code == 0) {
          EXPECT_EQ(answer.head, "");
          break;
        }
        EXPECT_EQ(answer.code, 200);
        EXPECT_TRUE(answer.body == (i == 0 ? big() : "hello\n"));
        ++answered;
        more = answer.field("Connection") != "close";
      }
      EXPECT_TRUE(client.sees_end());
    });
  }
  EXPECT_TRUE(eventually([&] { return answered > 500; }));
  EXPECT_EQ(server().stop(SIGTERM), 0);
  for (std::thread& client : clients) client.join();
}

TEST_F(HttpServerTest, CurlGetsWhatItAsksFor) {
  if (!installed("curl")) GTEST_SKIP() << "curl is not installed";
  EXPECT_EQ(curl({}, "/hello.txt").out, "hello\n");
  EXPECT_TRUE(curl({}, "/big.bin").out == big());
  EXPECT_TRUE(curl({"--http1.0"}, "/big.bin").out == big());
  EXPECT_TRUE(curl({"--range", "1000-2999"}, "/big.bin").out == big().substr(1000, 2000));
  EXPECT_TRUE(curl({"--range", "-1000"}, "/big.bin").out == big().substr(4'999'000));
  EXPECT_EQ(curl({"--location"}, "/page").out, "<p>index\n");
  EXPECT_THAT(curl({"--head"}, "/big.bin").out, HasSubstr("Content-Length: 5000000\r\n"));
  const std::vector<std::string> code_alone = {"--output", "/dev/null", "--write-out",
                                               "%{http_code}"};
  auto code = [&](std::vector<std::string> arguments, const std::string& path) {
    arguments.insert(arguments.end(), code_alone.begin(), code_alone.end());
    return curl(arguments, path).out;
  };
  EXPECT_EQ(code({}, "/../hello.txt"), "400");
  EXPECT_EQ(code({}, "/nothing"), "404");
  EXPECT_EQ(code({"--range", "5000000-"}, "/big.bin"), "416");
  EXPECT_EQ(code({"--data", "x=y"}, "/hello.txt"), "405");
  EXPECT_EQ(code({"--time-cond", "Fri, 01 Jan 2038 00:00:00 GMT"}, "/hello.txt"), "304");
  EXPECT_EQ(code({"--upload-file", root() / "big.bin"}, "/hello.txt"), "405");
}

TEST_F(HttpServerTest, CurlGoesOnWhereItStopped) {
  if (!installed("curl")) GTEST_SKIP() << "curl is not installed";
  const Directory mine;
  mine.write("big.bin", big().substr(0, 1'234'567));
  const Outcome outcome = curl({"--continue-at", "-", "--output", mine / "big.bin"}, "/big.bin");
  EXPECT_EQ(outcome.exit_status, 0) << outcome.err;
  EXPECT_EQ(Program({{"cmp", mine / "big.bin", root() / "big.bin"}}).run().exit_status, 0);
}

TEST_F(HttpServerTest, CurlNeedsOneConnectionForManyFiles) {
  if (!installed("curl")) GTEST_SKIP() << "curl is not installed";
  const Outcome outcome =
      curl({"--output", "/dev/null", "--write-out", "%{num_connects}\n", "--output", "/dev/null",
            server().url("/hello.txt"), "--output", "/dev/null", server().url("/nothing")},
           "/big.bin");
  EXPECT_EQ(outcome.out, "1\n0\n0\n");
}

TEST_F(HttpServerTest, WrkFindsNothingWrong) {
  if (!installed("wrk")) GTEST_SKIP() << "wrk is not installed";
  for (const std::string path : {"/hello.txt", "/big.bin"}) {
    // A reply that takes long is the machine's affair: one that never comes is a "read" error, or
    // keeps the server from stopping.
    const Outcome outcome =
        Program{{"wrk", "-t1", "-c50", "-d2s", "--timeout=30s", server().url(path)}}.run();
    EXPECT_EQ(outcome.exit_status, 0) << outcome.err;
    EXPECT_THAT(outcome.out, HasSubstr("requests in"));
    EXPECT_THAT(outcome.out, Not(HasSubstr("\n  0 requests in")));
    EXPECT_THAT(outcome.out, Not(HasSubstr("Socket errors")));
    EXPECT_THAT(outcome.out, Not(HasSubstr("Non-2xx")));
  }
  EXPECT_EQ(server().stop(SIGINT), 0);
}

TEST(HttpServerCommandLine, SaysThatThereIsNoRoot) {
  const Outcome outcome = Program{{built("examples/http_server"), "--root=/nowhere/at/all"}}.run();
  EXPECT_EQ(outcome.exit_status, 1);
  EXPECT_THAT(outcome.err, HasSubstr("/nowhere/at/all"));
}

}  // namespace
}  // namespace testing_programs
