#include "tests/apps/redis_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <string_view>

#include "tests/apps/server_process.h"
#include "tests/program.h"

namespace testing_programs {
namespace {

// One that nobody has now; somebody else may take it before we do.
uint16_t free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  const bool bound = ::bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                     ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  ::close(fd);
  return bound ? ntohs(address.sin_port) : uint16_t{0};
}

}  // namespace

std::string request(const std::vector<std::string>& words) {
  std::string text = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string& word : words)
    text += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
  return text;
}

std::string receive_reply(TcpClient& client) {
  std::string reply = client.receive_until("\r\n");
  if (!reply.ends_with("\r\n")) return reply;
  const char kind = reply[0];
  if (std::string_view("$=*%~").find(kind) == std::string_view::npos) return reply;
  const long long count = std::strtoll(reply.c_str() + 1, nullptr, 10);
  if (kind == '$' || kind == '=') {
    if (count >= 0) reply += client.receive(static_cast<size_t>(count) + 2);
  } else {
    for (long long i = 0; i < (kind == '%' ? 2 * count : count); ++i)
      reply += receive_reply(client);
  }
  return reply;
}

bool installed(const std::string& program) {
  return Program{{program, "--version"}}.run().exit_status != 127;
}

RedisServer::RedisServer() {
  const uint16_t port = free_port();
  const Program server{{"redis-server", "--port", std::to_string(port), "--bind", "127.0.0.1",
                        "--save", "", "--appendonly", "no"}};
  process_ = server.start();
  const bool answers = eventually([port] {
    TcpClient client(port);
    return client.ok() && client.send("PING\r\n") && receive_reply(client) == "+PONG\r\n";
  });
  if (answers) port_ = port;
}

RedisServer::~RedisServer() {
  ::kill(process_, SIGKILL);
  wait_for(process_);
}

}  // namespace testing_programs
