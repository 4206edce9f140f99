#include "uring/socket_address.h"

#include <arpa/inet.h>
#include <net/if.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "uring/status.h"

namespace uring {
namespace {

constexpr std::string_view kUnix = "unix:";

absl::Status not_an_address(std::string_view text) {
  return absl::InvalidArgumentError(
      absl::StrCat("\"", as_absl(text),
                   "\" is no address; it should look like 127.0.0.1:80, [::1]:80, *:80 or "
                   "unix:/path"));
}

bool parse_port(std::string_view text, uint16_t& port) {
  uint32_t number = 0;
  bool digits = !text.empty() &&
                std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!digits || !absl::SimpleAtoi(as_absl(text), &number) || number > UINT16_MAX) return false;
  port = static_cast<uint16_t>(number);
  return true;
}

template <class T>
SocketAddress made_of(const T& address) {
  return SocketAddress(reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

}  // namespace

SocketAddress::SocketAddress() : size_(sizeof storage_.ss_family) {
  std::memset(&storage_, 0, sizeof storage_);
  storage_.ss_family = AF_UNSPEC;
}

SocketAddress::SocketAddress(const sockaddr* address, socklen_t size) : SocketAddress() {
  size_ = std::min<socklen_t>(size, sizeof storage_);
  std::memcpy(&storage_, address, size_);
}

absl::StatusOr<SocketAddress> SocketAddress::parse(std::string_view text) {
  if (text.starts_with(kUnix)) return unix_path(text.substr(kUnix.size()));
  size_t colon = text.rfind(':');
  uint16_t port = 0;
  if (colon == std::string_view::npos || !parse_port(text.substr(colon + 1), port))
    return not_an_address(text);
  std::string_view host = text.substr(0, colon);
  if (host == "*") return any(port);
  bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  // Without brackets nobody could tell the port from the last part of the address.
  if (!bracketed && host.find(':') != std::string_view::npos) return not_an_address(text);
  absl::StatusOr<SocketAddress> address = ip(host, port);
  if (!address.ok() || bracketed != (address->family() == AF_INET6)) return not_an_address(text);
  return address;
}

absl::StatusOr<SocketAddress> SocketAddress::ip(std::string_view host, uint16_t port) {
  std::string text(host);
  sockaddr_in four = {};
  if (inet_pton(AF_INET, text.c_str(), &four.sin_addr) == 1) {
    four.sin_family = AF_INET;
    four.sin_port = htons(port);
    return made_of(four);
  }
  sockaddr_in6 six = {};
  size_t percent = text.find('%');
  if (percent != std::string::npos) {
    six.sin6_scope_id = if_nametoindex(text.c_str() + percent + 1);
    if (six.sin6_scope_id == 0) return errno_status(errno, "network interface of", host);
    text.resize(percent);
  }
  if (inet_pton(AF_INET6, text.c_str(), &six.sin6_addr) == 1) {
    six.sin6_family = AF_INET6;
    six.sin6_port = htons(port);
    return made_of(six);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("\"", as_absl(host), "\" is neither an IPv4 nor an IPv6 address"));
}

SocketAddress SocketAddress::loopback(uint16_t port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return made_of(address);
}

SocketAddress SocketAddress::any(uint16_t port) {
  sockaddr_in6 address = {};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(port);
  address.sin6_addr = in6addr_any;
  return made_of(address);
}

absl::StatusOr<SocketAddress> SocketAddress::unix_path(std::string_view path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  // One byte less than there is room for, so that a path ends with a zero everywhere.
  if (path.empty() || path == "@" || path.size() >= sizeof address.sun_path) {
    return absl::InvalidArgumentError(absl::StrCat("a Unix socket's path must have 1 to ",
                                                   sizeof address.sun_path - 1,
                                                   " bytes, and this one has ", path.size()));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  bool abstract = path.front() == '@';
  if (abstract) address.sun_path[0] = '\0';
  size_t size = offsetof(sockaddr_un, sun_path) + path.size() + (abstract ? 0 : 1);
  return SocketAddress(reinterpret_cast<const sockaddr*>(&address), static_cast<socklen_t>(size));
}

uint16_t SocketAddress::port() const {
  if (family() == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in&>(storage_).sin_port);
  if (family() == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6&>(storage_).sin6_port);
  return 0;
}

std::string SocketAddress::to_string() const {
  if (family() == AF_INET) {
    char host[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(storage_).sin_addr, host, sizeof host);
    return absl::StrCat(host, ":", port());
  }
  if (family() == AF_INET6) {
    const auto& address = reinterpret_cast<const sockaddr_in6&>(storage_);
    char host[INET6_ADDRSTRLEN];
    char interface[IF_NAMESIZE];
    inet_ntop(AF_INET6, &address.sin6_addr, host, sizeof host);
    bool scoped =
        address.sin6_scope_id != 0 && if_indextoname(address.sin6_scope_id, interface) != nullptr;
    return absl::StrCat("[", host, scoped ? absl::StrCat("%", interface) : "", "]:", port());
  }
  if (family() == AF_UNIX) {
    const auto& address = reinterpret_cast<const sockaddr_un&>(storage_);
    size_t length = size_ - std::min<size_t>(size_, offsetof(sockaddr_un, sun_path));
    std::string path(address.sun_path, length);
    if (!path.empty() && path.front() == '\0') {
      path.front() = '@';
    } else {
      path.resize(std::strlen(path.c_str()));
    }
    return absl::StrCat(as_absl(kUnix), path);
  }
  return "no address";
}

namespace {

template <class Ask>
absl::StatusOr<SocketAddress> address_of(int fd, Ask ask, std::string_view call) {
  sockaddr_storage storage;
  socklen_t size = sizeof storage;
  if (ask(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0)
    return errno_status(errno, call, absl::StrCat("fd ", fd));
  return SocketAddress(reinterpret_cast<const sockaddr*>(&storage), size);
}

}  // namespace

absl::StatusOr<SocketAddress> local_address_of(int fd) {
  return address_of(fd, ::getsockname, "getsockname");
}

absl::StatusOr<SocketAddress> peer_address_of(int fd) {
  return address_of(fd, ::getpeername, "getpeername");
}

}  // namespace uring
