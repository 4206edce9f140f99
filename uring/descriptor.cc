#include "uring/descriptor.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace uring {

Descriptor::Descriptor(int fd, Ownership ownership, std::string name)
    : fd_(fd),
      owned_(ownership == Ownership::kOwned),
      name_(name.empty() ? "fd " + std::to_string(fd) : std::move(name)) {}

Descriptor::~Descriptor() { close(); }

int Descriptor::release() {
  if (ref_count() > 1) return fcntl(fd_, F_DUPFD_CLOEXEC, 0);
  owned_ = false;
  return std::exchange(fd_, -1);
}

int Descriptor::close() {
  int fd = std::exchange(fd_, -1);
  if (fd < 0 || !std::exchange(owned_, false)) return 0;
  // Linux frees the number even when close is interrupted (close(2)), so it is never tried twice.
  if (::close(fd) == 0 || errno == EINTR) return 0;
  return errno;
}

}  // namespace uring
