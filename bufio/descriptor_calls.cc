#include "bufio/descriptor_calls.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "uring/status.h"

namespace bufio {

using uring::Descriptor;

absl::StatusOr<uint64_t> size_of(const Descriptor& descriptor) {
  struct stat status;
  if (fstat(descriptor.fd(), &status) != 0) {
    return uring::errno_status(errno, "fstat", descriptor.name());
  }
  if (S_ISREG(status.st_mode)) return static_cast<uint64_t>(status.st_size);
  // Reads name their offsets, so nobody misses the old one.
  off_t end = lseek(descriptor.fd(), 0, SEEK_END);
  if (end < 0) return uring::errno_status(errno, "lseek", descriptor.name());
  return static_cast<uint64_t>(end);
}

uring::Ref<Descriptor> give_away(uring::Ref<Descriptor>& descriptor) {
  auto name_plate =
      uring::make_ref<Descriptor>(-1, Descriptor::Ownership::kBorrowed, descriptor->name());
  return std::exchange(descriptor, std::move(name_plate));
}

}  // namespace bufio
