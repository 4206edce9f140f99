#include "tests/apps/tcp_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>

#include "tests/apps/server_process.h"

namespace testing_programs {

TcpClient::TcpClient(uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  timeval limit = {kPatience.count(), 0};
  if (setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) != 0 ||
      setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) != 0 ||
      ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    close();
  }
}

bool TcpClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

size_t TcpClient::stuff(std::string_view bytes) {
  constexpr int kAWhile = 300;  // ms
  size_t total = 0;
  pollfd writable = {fd_, POLLOUT, 0};
  while (poll(&writable, 1, kAWhile) == 1) {
    ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent <= 0) break;
    total += static_cast<size_t>(sent);
  }
  return total;
}

std::string TcpClient::receive_all() {
  std::string all;
  std::array<char, 1 << 16> bytes;
  for (ssize_t got; (got = recv(fd_, bytes.data(), bytes.size(), 0)) > 0;)
    all.append(bytes.data(), static_cast<size_t>(got));
  return all;
}

std::string TcpClient::receive(size_t size) {
  std::string all(size, '\0');
  size_t have = 0;
  while (have < size) {
    ssize_t got = recv(fd_, all.data() + have, size - have, 0);
    if (got <= 0) break;
    have += static_cast<size_t>(got);
  }
  all.resize(have);
  return all;
}

std::string TcpClient::receive_until(std::string_view end) {
  std::string all;
  while (!all.ends_with(end)) {
    std::string byte = receive(1);
    if (byte.empty()) break;
    all += byte;
  }
  return all;
}

bool TcpClient::sees_end() {
  pollfd readable = {fd_, POLLIN, 0};
  if (poll(&readable, 1, static_cast<int>(kPatience.count()) * 1000) != 1) return false;
  char byte;
  return recv(fd_, &byte, 1, MSG_DONTWAIT) <= 0;
}

void TcpClient::shut_down_writing() { ::shutdown(fd_, SHUT_WR); }

void TcpClient::close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

void TcpClient::reset() {
  if (fd_ < 0) return;
  linger hard = {1, 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  close();
}

}  // namespace testing_programs
