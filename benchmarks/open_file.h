// benchmarks/open_file.h
//
// A descriptor for one pass over a file.

#ifndef BENCHMARKS_OPEN_FILE_H_
#define BENCHMARKS_OPEN_FILE_H_

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "benchmarks/die.h"

namespace bench {

class OpenFile {
 public:
  // `flags` may be O_DIRECT. Does not return if the file cannot be opened.
  explicit OpenFile(const std::string& path, int flags = 0)
      : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | flags)) {
    if (fd_ < 0) die(path, errno);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  ~OpenFile() { ::close(fd_); }

  int fd() const { return fd_; }

 private:
  int fd_;
};

}  // namespace bench

#endif  // BENCHMARKS_OPEN_FILE_H_
