#include "benchmarks/pipe_writer.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <utility>

#include "benchmarks/corpus.h"
#include "benchmarks/die.h"
#include "benchmarks/processors.h"

namespace bench {
namespace {

constexpr uint64_t kPiece = 64 << 10;

// In the child, which makes system calls only: the parent may have had threads.
void write_pieces(int source, int pipe, uint64_t bytes, PipeWriter::How how) {
  const void* const mapping = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, source, 0);
  if (mapping == MAP_FAILED) return;
  loff_t offset = 0;
  while (static_cast<uint64_t>(offset) < bytes) {
    const size_t size = std::min(bytes - static_cast<uint64_t>(offset), kPiece);
    if (how == PipeWriter::How::kSplice) {
      if (::splice(source, &offset, pipe, nullptr, size, 0) <= 0) return;
    } else {
      const ssize_t written = ::write(pipe, static_cast<const char*>(mapping) + offset, size);
      if (written <= 0) return;
      offset += written;
    }
  }
}

}  // namespace

PipeWriter::PipeWriter(const Corpus& corpus, uint64_t bytes, How how) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) die("pipe2", errno);
  const int feeder = processors().feeder;
  child_ = ::fork();
  if (child_ < 0) die("fork", errno);
  if (child_ == 0) {
    // Without its copy of the reading end, the writer would not notice when the reader leaves.
    ::close(ends[0]);
    ::signal(SIGPIPE, SIG_DFL);
    pin_this_thread(feeder);
    write_pieces(corpus.fd(), ends[1], bytes, how);
    ::_exit(0);
  }
  ::close(ends[1]);
  fd_ = ends[0];
}

PipeWriter::~PipeWriter() {
  if (fd_ >= 0) ::close(fd_);
  while (::waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

int PipeWriter::release_fd() { return std::exchange(fd_, -1); }

}  // namespace bench
