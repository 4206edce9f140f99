#include "tests/sim/throttled_disk.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "tests/sim/outcomes.h"

namespace uring::testing {
namespace {

constexpr const char* kGroups = "/sys/fs/cgroup/blkio";

bool write_file(const std::string& path, const std::string& text) {
  int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  bool written = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  close(fd);
  return written;
}

}  // namespace

ThrottledDisk::ThrottledDisk(std::string_view bytes) {
  if (make_device(bytes) && make_group()) return;
  why_not_ += ": " + errno_text(errno);
}

ThrottledDisk::~ThrottledDisk() {
  if (!group_.empty()) {
    speed_up();
    write_file(std::string(kGroups) + "/cgroup.procs", std::to_string(getpid()));
    rmdir(group_.c_str());
  }
  if (fd_ >= 0) close(fd_);
  if (loop_ >= 0) close(loop_);
}

bool ThrottledDisk::make_device(std::string_view bytes) {
  const char* folder = std::getenv("TEST_TMPDIR");
  why_not_ = "a file for a loop device";
  int file = open(folder != nullptr ? folder : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (file < 0) return false;
  bool written = write(file, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size());
  why_not_ = "/dev/loop-control";
  int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
  int number = control >= 0 ? ioctl(control, LOOP_CTL_GET_FREE) : -1;
  if (control >= 0) close(control);
  if (number >= 0) {
    std::string path = "/dev/loop" + std::to_string(number);
    why_not_ = path;
    loop_ = open(path.c_str(), O_RDWR | O_CLOEXEC);
    loop_config config = {};
    config.fd = static_cast<unsigned>(file);
    config.info.lo_flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_READ_ONLY;
    if (written && loop_ >= 0 && ioctl(loop_, LOOP_CONFIGURE, &config) == 0) {
      fd_ = open(path.c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC);
    }
  }
  int error = errno;
  close(file);
  errno = error;
  struct stat status;
  if (fd_ < 0 || fstat(fd_, &status) != 0) return false;
  device_ = std::to_string(major(status.st_rdev)) + ":" + std::to_string(minor(status.st_rdev));
  return true;
}

bool ThrottledDisk::make_group() {
  std::string group = std::string(kGroups) + "/uring-test-" + std::to_string(getpid());
  why_not_ = "control group " + group;
  if (mkdir(group.c_str(), 0755) != 0) return false;
  group_ = group;
  if (!write_file(group_ + "/cgroup.procs", std::to_string(getpid())) || !set_limit("0")) {
    return false;
  }
  why_not_.clear();
  return true;
}

bool ThrottledDisk::set_limit(const char* reads_in_a_second) {
  return write_file(group_ + "/blkio.throttle.read_iops_device", device_ + " " + reads_in_a_second);
}

}  // namespace uring::testing
