// tests/sim/descriptors.h
//
// Descriptors to attach simulated objects to: each has an inode of its own, so that a number which
// was closed and given away is told from the one before.

#ifndef TESTS_SIM_DESCRIPTORS_H_
#define TESTS_SIM_DESCRIPTORS_H_

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

}  // namespace uring::testing

#endif  // TESTS_SIM_DESCRIPTORS_H_
