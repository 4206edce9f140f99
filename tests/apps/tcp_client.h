// tests/apps/tcp_client.h
//
// A client that does not know of rings, and behaves as badly as it is told to.

#ifndef TESTS_APPS_TCP_CLIENT_H_
#define TESTS_APPS_TCP_CLIENT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace testing_programs {

class TcpClient {
 public:
  // Connects to 127.0.0.1; ok() says whether it has.
  explicit TcpClient(uint16_t port);
  TcpClient(TcpClient&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  TcpClient& operator=(TcpClient&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~TcpClient() { close(); }

  bool ok() const { return fd_ >= 0; }

  // Sends all of it; false: the peer does not want it, or does not take it in time.
  bool send(std::string_view bytes);
  // Sends again and again as much as goes without waiting; how much went in all, once nothing has
  // gone for a while.
  size_t stuff(std::string_view bytes);
  // What comes until the end of the stream or a reset.
  std::string receive_all();
  // Exactly so many bytes; fewer if the stream ends or the time is up.
  std::string receive(size_t size);
  // Up to and including `end`.
  std::string receive_until(std::string_view end);
  // The peer has closed or reset the connection, and there was nothing left to read.
  bool sees_end();

  void shut_down_writing();
  void close();
  // Closes in such a way that the peer gets a reset.
  void reset();

 private:
  int fd_ = -1;
};

}  // namespace testing_programs

#endif  // TESTS_APPS_TCP_CLIENT_H_
