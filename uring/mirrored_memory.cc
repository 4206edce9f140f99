#include "uring/mirrored_memory.h"

#include <sys/mman.h>
#include <unistd.h>

namespace uring {

char* map_mirrored(size_t size) {
  int fd = memfd_create("uring-bufio-mirror", MFD_CLOEXEC);
  if (fd < 0) return nullptr;
  void* base = MAP_FAILED;
  if (ftruncate(fd, static_cast<off_t>(size)) == 0) {
    base = mmap(nullptr, 2 * size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  }
  if (base != MAP_FAILED) {
    constexpr int kReadWrite = PROT_READ | PROT_WRITE;
    char* first = static_cast<char*>(base);
    bool mapped = mmap(first, size, kReadWrite, MAP_SHARED | MAP_FIXED, fd, 0) != MAP_FAILED &&
                  mmap(first + size, size, kReadWrite, MAP_SHARED | MAP_FIXED, fd, 0) != MAP_FAILED;
    if (!mapped) {
      munmap(base, 2 * size);
      base = MAP_FAILED;
    }
  }
  close(fd);
  return base == MAP_FAILED ? nullptr : static_cast<char*>(base);
}

void unmap_mirrored(char* data, size_t size) { munmap(data, 2 * size); }

}  // namespace uring
