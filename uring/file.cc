#include "uring/file.h"

#include <sys/stat.h>

#include <utility>

#include "uring/check.h"

namespace uring {
namespace {

bool is_socket(int fd) {
  struct stat status;
  return fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode);
}

}  // namespace

File::File(Ref<RingCore> ring, Ref<Descriptor> descriptor)
    : ring_(std::move(ring)), descriptor_(std::move(descriptor)) {
  URING_CHECK(descriptor_, "a File was made of no descriptor");
  socket_ = uring::is_socket(descriptor_->fd());
}

FileOpening File::open(Ring& ring, std::string_view path, int flags, mode_t mode) {
  return FileOpening(ring, std::string(path), flags, mode);
}

File File::adopt(Ring& ring, OwnedFd fd) { return File(ring, fd.take()); }

File File::borrow(Ring& ring, int fd, std::string name) {
  return File(ring, make_ref<Descriptor>(fd, Descriptor::Ownership::kBorrowed, std::move(name)));
}

absl::StatusOr<File> FileOpening::await_resume() {
  absl::StatusOr<Ref<Descriptor>> descriptor = opening_.await_resume();
  if (!descriptor.ok()) return descriptor.status();
  return File(std::move(ring_), *std::move(descriptor));
}

}  // namespace uring
