// tests/apps/redis_client.h
//
// Just enough of a Redis client to see what a server answers, byte for byte, and a redis-server to
// compare with.

#ifndef TESTS_APPS_REDIS_CLIENT_H_
#define TESTS_APPS_REDIS_CLIENT_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "tests/apps/tcp_client.h"

namespace testing_programs {

// The request as an array of bulk strings.
std::string request(const std::vector<std::string>& words);

// The next answer on a connection, as it was sent; what came of it if not all does.
std::string receive_reply(TcpClient& client);

// Whether the system has such a program.
bool installed(const std::string& program);

// Debian's redis-server, without a disk, on a port that was free; 0: it could not be started.
class RedisServer {
 public:
  RedisServer();
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;
  ~RedisServer();

  uint16_t port() const { return port_; }

 private:
  pid_t process_;
  uint16_t port_ = 0;
};

}  // namespace testing_programs

#endif  // TESTS_APPS_REDIS_CLIENT_H_
