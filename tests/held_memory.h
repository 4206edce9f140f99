// tests/held_memory.h
//
// Memory whose pages the kernel must ask us for (userfaultfd): who writes there stops in the middle
// of its copy until we let it go on, and cannot be cancelled meanwhile.
//
// Not every machine permits that: look at why_not(), and skip. A sandbox does not, hence the tag
// no-sandbox.

#ifndef TESTS_HELD_MEMORY_H_
#define TESTS_HELD_MEMORY_H_

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <memory_resource>
#include <string>

namespace uring::testing {

// One block of a page.
class HeldMemory final : public std::pmr::memory_resource {
 public:
  HeldMemory() {
    fd_ = static_cast<int>(syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK));
    if (fd_ < 0) {
      why_not_ = std::string("userfaultfd: ") + std::strerror(errno);  // NOLINT
      return;
    }
    uffdio_api api;
    std::memset(&api, 0, sizeof api);
    api.api = UFFD_API;
    data_ = mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uffdio_register range;
    std::memset(&range, 0, sizeof range);
    range.range = {reinterpret_cast<__u64>(data_), kSize};
    range.mode = UFFDIO_REGISTER_MODE_MISSING;
    if (ioctl(fd_, UFFDIO_API, &api) != 0 || ioctl(fd_, UFFDIO_REGISTER, &range) != 0) {
      why_not_ = std::string("userfaultfd ioctl: ") + std::strerror(errno);  // NOLINT
    }
  }
  HeldMemory(const HeldMemory&) = delete;
  HeldMemory& operator=(const HeldMemory&) = delete;
  ~HeldMemory() override {
    if (fd_ >= 0) close(fd_);
    if (data_ != nullptr) munmap(data_, kSize);
  }

  // Empty if it works here.
  const std::string& why_not() const { return why_not_; }
  // Waits until somebody is held up.
  bool holds_somebody() const {
    pollfd waiting = {fd_, POLLIN, 0};
    return poll(&waiting, 1, 5000) == 1;
  }
  void let_go() {
    uffdio_zeropage zero;
    std::memset(&zero, 0, sizeof zero);
    zero.range = {reinterpret_cast<__u64>(data_), kSize};
    ioctl(fd_, UFFDIO_ZEROPAGE, &zero);
  }
  int freed() const { return freed_; }
  volatile const char* data() const { return static_cast<const char*>(data_); }

  static constexpr size_t kSize = 4096;

 private:
  void* do_allocate(size_t size, size_t) override { return size <= kSize ? data_ : nullptr; }
  void do_deallocate(void*, size_t, size_t) override { ++freed_; }
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }

  int fd_ = -1;
  void* data_ = nullptr;
  int freed_ = 0;
  std::string why_not_;
};

}  // namespace uring::testing

#endif  // TESTS_HELD_MEMORY_H_
