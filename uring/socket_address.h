// uring/socket_address.h
//
// Where a socket is: an IPv4 or IPv6 address with a port, or a Unix path.
//
// A value. Host names are not resolved here (resolve.h): parsing never waits.

#ifndef URING_SOCKET_ADDRESS_H_
#define URING_SOCKET_ADDRESS_H_

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace uring {

class SocketAddress {
 public:
  // No address: family() is AF_UNSPEC.
  SocketAddress();
  // A copy of what the system filled in; `size` at most sizeof(sockaddr_storage).
  SocketAddress(const sockaddr* address, socklen_t size);

  // "127.0.0.1:80", "[::1]:80", "[fe80::1%eth0]:80", "*:80" (any IPv6 or IPv4 address) or
  // "unix:/path" ("unix:@name": Linux's abstract names). InvalidArgument for anything else.
  static absl::StatusOr<SocketAddress> parse(std::string_view text);
  // Numbers only: "127.0.0.1" or "::1", without brackets.
  static absl::StatusOr<SocketAddress> ip(std::string_view host, uint16_t port);
  static SocketAddress loopback(uint16_t port);  // 127.0.0.1
  static SocketAddress any(uint16_t port);       // [::], which takes IPv4 too
  // InvalidArgument if the path is empty, or longer than the 107 bytes that the system takes.
  static absl::StatusOr<SocketAddress> unix_path(std::string_view path);

  int family() const { return storage_.ss_family; }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t size() const { return size_; }
  // 0 unless it is IPv4 or IPv6.
  uint16_t port() const;
  // As parse takes it.
  std::string to_string() const;

  friend bool operator==(const SocketAddress& a, const SocketAddress& b) {
    return a.to_string() == b.to_string();
  }

 private:
  sockaddr_storage storage_;
  socklen_t size_;
};

// Of this end and of the other end of a socket; an error as getsockname(2) and getpeername(2) say.
absl::StatusOr<SocketAddress> local_address_of(int fd);
absl::StatusOr<SocketAddress> peer_address_of(int fd);

}  // namespace uring

#endif  // URING_SOCKET_ADDRESS_H_
