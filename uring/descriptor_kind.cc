#include "uring/descriptor_kind.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace uring {
namespace {

bool made_up_while_read(int fd) {
  struct statfs file_system;
  if (fstatfs(fd, &file_system) != 0) return false;
  switch (static_cast<unsigned long>(file_system.f_type)) {
    case PROC_SUPER_MAGIC:
    case SYSFS_MAGIC:
    case TRACEFS_MAGIC:
    case DEBUGFS_MAGIC:
      return true;
    default:
      return false;
  }
}

}  // namespace

DescriptorKind describe_descriptor(int fd) {
  DescriptorKind kind;
  struct stat status;
  if (fstat(fd, &status) != 0) {
    kind.error = errno;
    return kind;
  }
  if (S_ISSOCK(status.st_mode)) kind.read = ReadKind::kSocket;
  kind.pipe = S_ISFIFO(status.st_mode);
  if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode)) return kind;
  off_t offset = lseek(fd, 0, SEEK_CUR);
  if (offset < 0 || made_up_while_read(fd)) return kind;
  kind.read = ReadKind::kPositional;
  kind.offset = static_cast<uint64_t>(offset);
  off_t size = S_ISREG(status.st_mode) ? status.st_size : lseek(fd, 0, SEEK_END);
  if (S_ISBLK(status.st_mode)) lseek(fd, offset, SEEK_SET);
  kind.size = static_cast<uint64_t>(std::max<off_t>(size, 0));
  kind.direct = (fcntl(fd, F_GETFL) & O_DIRECT) != 0;
  return kind;
}

}  // namespace uring
