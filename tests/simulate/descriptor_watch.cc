#include "tests/simulate/descriptor_watch.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace bufio::simulate {
namespace {

DescriptorWatch* watch = nullptr;

}  // namespace

int closing(int fd) {
  const int result = static_cast<int>(syscall(SYS_close, fd));
  if (watch == nullptr) return result;
  std::erase(watch->open_, fd);
  if (result != 0 && errno == EBADF) ++watch->wrong_closes_;
  return result;
}

DescriptorWatch::DescriptorWatch() {
  if (watch != nullptr) std::abort();
  watch = this;
}

DescriptorWatch::~DescriptorWatch() {
  watch = nullptr;
  for (int fd : open_) ::close(fd);
}

int DescriptorWatch::expect_close(int fd) {
  open_.push_back(fd);
  return fd;
}

void DescriptorWatch::forget(int fd) { std::erase(open_, fd); }

std::string DescriptorWatch::list() const {
  std::string all;
  for (int fd : open_) all += (all.empty() ? "" : ", ") + std::to_string(fd);
  return all;
}

}  // namespace bufio::simulate

// Takes the place of the C library's.
extern "C" int close(int fd) { return bufio::simulate::closing(fd); }
