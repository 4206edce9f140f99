// uring/descriptor_kind.h
//
// What a descriptor is, and hence how it is read.

#ifndef URING_DESCRIPTOR_KIND_H_
#define URING_DESCRIPTOR_KIND_H_

#include <cstdint>

#include "uring/read_operation.h"

namespace uring {

struct DescriptorKind {
  ReadKind read = ReadKind::kStream;
  bool pipe = false;
  bool direct = false;  // opened with O_DIRECT: addresses, lengths and offsets must be aligned
  uint64_t offset = 0;  // positional: where the descriptor stands
  uint64_t size = 0;    // positional: bytes, as a hint (0: unknown)
  int error = 0;        // errno when the descriptor cannot be looked at
};

// Regular files and block devices that can seek are positional, except on file systems whose files
// are made up while they are read (proc, sysfs, tracefs, debugfs), which like to be read in order;
// sockets are sockets; the rest is a stream. Up to six system calls.
DescriptorKind describe_descriptor(int fd);

}  // namespace uring

#endif  // URING_DESCRIPTOR_KIND_H_
