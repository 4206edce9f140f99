// benchmarks/corpus.h
//
// The text file that the benchmarks read: BUFIO_BENCH_FILE, or 1 GiB of made-up log lines.
//
// The made file has lines of 90 bytes on average, the same on every machine. It lives in a
// directory of the user's own under the temporary directory and is used again by later runs.
//
// How the page cache holds a file decides what copying it costs: a file that was just written may
// sit there in single pages and a mapping of it be read at less than half the speed of one whose
// pages were read ahead. So warm() does not merely touch the pages: it drops them and reads the
// file from front to back, as a cache is usually filled.

#ifndef BENCHMARKS_CORPUS_H_
#define BENCHMARKS_CORPUS_H_

#include <cstdint>
#include <functional>
#include <string>

namespace bench {

class Corpus {
 public:
  // Finds the file, or makes it, which takes a few seconds. Does not return if neither is possible.
  static Corpus open_or_make();

  // Another file that is made up: of what `append` appends to a string, again and again, until that
  // is `size` bytes or a little more. It is made again only under another name.
  using Append = std::function<void(std::string& text)>;
  static Corpus open_or_make(const std::string& name, uint64_t size, const Append& append);

  Corpus(const Corpus&) = delete;
  Corpus& operator=(const Corpus&) = delete;
  Corpus(Corpus&& other) noexcept;
  ~Corpus();

  const std::string& path() const { return path_; }
  uint64_t size() const { return size_; }

  // A descriptor for positional reads and mappings.
  int fd() const { return fd_; }

  // The whole file is in the page cache, laid out by the kernel's own read-ahead.
  void warm() const;

  // No page of the file is in the page cache. False where it cannot be dropped, as on tmpfs.
  bool drop() const;

 private:
  static Corpus open(const std::string& path);
  Corpus(std::string path, int fd, uint64_t size) : path_(std::move(path)), fd_(fd), size_(size) {}

  std::string path_;
  int fd_;
  uint64_t size_;
};

}  // namespace bench

#endif  // BENCHMARKS_CORPUS_H_
