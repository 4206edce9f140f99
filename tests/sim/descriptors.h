// tests/sim/descriptors.h
//
// Descriptors to attach simulated objects to: each has an inode of its own, so that a number which
// was closed and given away is told from the one before.

#ifndef TESTS_SIM_DESCRIPTORS_H_
#define TESTS_SIM_DESCRIPTORS_H_

#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "uring/descriptor.h"
#include "uring/owned_fd.h"
#include "uring/ref.h"

namespace uring::testing {

inline OwnedFd own(int fd) { return OwnedFd(make_ref<Descriptor>(fd)); }

// What is attached to it, or written into it, is read at offsets.
inline OwnedFd empty_file() {
  int fd = memfd_create("simulated", MFD_CLOEXEC);
  if (fd < 0) std::abort();
  return own(fd);
}

// The reading and the writing end.
inline std::pair<OwnedFd, OwnedFd> make_pipe() {
  int ends[2];
  if (pipe(ends) != 0) std::abort();
  return {own(ends[0]), own(ends[1])};
}

inline std::pair<OwnedFd, OwnedFd> make_sockets() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) std::abort();
  return {own(ends[0]), own(ends[1])};
}

inline std::pair<OwnedFd, OwnedFd> make_tcp_sockets() {
  OwnedFd listening = own(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  OwnedFd other = own(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  bool worked = bind(listening.get(), generic, size) == 0 && listen(listening.get(), 1) == 0 &&
                getsockname(listening.get(), generic, &size) == 0 &&
                connect(other.get(), generic, size) == 0;
  int ours = worked ? accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC) : -1;
  if (ours < 0) std::abort();
  return {own(ours), std::move(other)};
}

}  // namespace uring::testing

#endif  // TESTS_SIM_DESCRIPTORS_H_
