// tests/simulate/fresh_address.h
//
// Addresses that nobody has used: neither this process nor those that run programs beside it.

#ifndef TESTS_SIMULATE_FRESH_ADDRESS_H_
#define TESTS_SIMULATE_FRESH_ADDRESS_H_

#include <unistd.h>

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "uring/socket_address.h"

namespace bufio::simulate {

// An abstract name. A Ring that leaked keeps its listener, so no name comes twice in a process.
inline uring::SocketAddress fresh_unix_address() {
  static uint64_t names = 0;
  return *uring::SocketAddress::unix_path(absl::StrCat("@bufio-simulate-", getpid(), "-", ++names));
}

// On the loopback network, each time another host's; the kernel chooses the port. Were it one host
// for all, a program that connects to a listener which is gone could meet another program's. Not
// 127.0.0.1, which is where those who connect come from: one that asks for a port at which nobody
// listens could be given that port, and meet itself.
inline uring::SocketAddress fresh_tcp_address() {
  constexpr uint32_t kHosts = 1024;  // for each process
  static uint32_t hosts = 0;
  const uint32_t process = static_cast<uint32_t>(getpid()) % 8192;
  const uint32_t host = (1 + process) * kHosts + ++hosts % kHosts;
  return *uring::SocketAddress::ip(
      absl::StrCat("127.", host >> 16, ".", host >> 8 & 255, ".", host & 255), 0);
}

}  // namespace bufio::simulate

#endif  // TESTS_SIMULATE_FRESH_ADDRESS_H_
