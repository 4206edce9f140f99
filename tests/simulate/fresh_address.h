// tests/simulate/fresh_address.h
//
// Unix addresses that nobody has used.

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

}  // namespace bufio::simulate

#endif  // TESTS_SIMULATE_FRESH_ADDRESS_H_
