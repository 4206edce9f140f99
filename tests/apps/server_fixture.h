// tests/apps/server_fixture.h
//
// What the tests of servers among bad clients have in common: one that runs, whether it serves, and
// what it holds.

#ifndef TESTS_APPS_SERVER_FIXTURE_H_
#define TESTS_APPS_SERVER_FIXTURE_H_

#include <gtest/gtest.h>

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/apps/server_process.h"
#include "tests/apps/tcp_client.h"
#include "uring/sanitizer.h"

namespace testing_programs {

// By how much a server's memory may have grown where nothing was to be kept. AddressSanitizer keeps
// freed memory for a while.
#ifdef URING_ADDRESS_SANITIZER
inline constexpr size_t kSlack = size_t{600} << 20;
#else
inline constexpr size_t kSlack = size_t{24} << 20;
#endif

class ServerTest : public testing::Test {
 protected:
  // For the constructor of the test, once there is what the server needs.
  void start(const std::string& program, std::vector<std::string> arguments) {
    server_.emplace(program, std::move(arguments));
  }
  void SetUp() override { ASSERT_NE(server_->port(), 0); }
  void TearDown() override { server_.reset(); }  // before what it serves

  // Sends a request and expects the answer.
  virtual void expect_answer(TcpClient& client) = 0;

  ServerProcess& server() { return *server_; }
  TcpClient dial() { return TcpClient(server_->port()); }
  void expect_served() {
    TcpClient client = dial();
    expect_answer(client);
  }
  // What it holds when it has nothing to do. Those who have left may still be with it.
  size_t descriptors_at_rest() {
    expect_served();
    EXPECT_TRUE(eventually([&] { return server_->connections() == 0; }))
        << server_->connections() << " are left";
    return server_->descriptors();
  }
  void expect_descriptors(size_t count) {
    EXPECT_TRUE(eventually([&] { return server_->descriptors() == count; }))
        << server_->descriptors() << " instead of " << count;
  }

 private:
  std::optional<ServerProcess> server_;
};

}  // namespace testing_programs

#endif  // TESTS_APPS_SERVER_FIXTURE_H_
