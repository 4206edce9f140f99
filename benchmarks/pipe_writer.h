// benchmarks/pipe_writer.h
//
// A process on the other core that fills a pipe of the default size with the corpus, 64 KiB at a
// time.
//
// Whoever reads may enlarge the pipe: the writer sees more room and uses it.

#ifndef BENCHMARKS_PIPE_WRITER_H_
#define BENCHMARKS_PIPE_WRITER_H_

#include <sys/types.h>

#include <cstdint>

#include "benchmarks/corpus.h"

namespace bench {

class PipeWriter {
 public:
  enum class How {
    kWrite,   // write(2) from memory, as most programs do: the bytes are copied in and out again
    kSplice,  // splice(2) from the file, as pv or a proxy does: the pipe borrows the page cache
  };

  // Starts writing the first `bytes` of the corpus.
  PipeWriter(const Corpus& corpus, uint64_t bytes, How how);
  PipeWriter(const PipeWriter&) = delete;
  PipeWriter& operator=(const PipeWriter&) = delete;
  // Waits for the writer, which ends when it has written everything or has nobody to write for.
  ~PipeWriter();

  // The end to read from, open until release_fd() or destruction.
  int fd() const { return fd_; }

  // The caller closes it.
  int release_fd();

 private:
  pid_t child_;
  int fd_;
};

}  // namespace bench

#endif  // BENCHMARKS_PIPE_WRITER_H_
