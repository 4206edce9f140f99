// benchmarks/aligned_memory.h
//
// Memory for the rivals' buffers: in huge pages where the system grants them, already touched.
//
// Two things about a buffer matter more than any other. A copy to an address that is not a multiple
// of 64, such as malloc's, takes a third longer. And O_DIRECT into 4 KiB pages that are scattered
// in memory costs the device a segment for each: a third of the throughput that it has with huge
// pages.

#ifndef BENCHMARKS_ALIGNED_MEMORY_H_
#define BENCHMARKS_ALIGNED_MEMORY_H_

#include <sys/mman.h>

#include <cstddef>
#include <cstring>
#include <memory>
#include <new>

namespace bench {

class AlignedMemory {
 public:
  explicit AlignedMemory(size_t size)
      : data_(static_cast<char*>(::operator new(rounded(size), std::align_val_t{kHugePage}))),
        size_(size) {
    ::madvise(data_.get(), rounded(size), MADV_HUGEPAGE);
    std::memset(data_.get(), 0, rounded(size));
  }

  char* data() const { return data_.get(); }
  size_t size() const { return size_; }

 private:
  static constexpr size_t kHugePage = size_t{2} << 20;

  static size_t rounded(size_t size) { return (size + kHugePage - 1) / kHugePage * kHugePage; }

  struct Free {
    void operator()(char* data) const { ::operator delete(data, std::align_val_t{kHugePage}); }
  };

  std::unique_ptr<char, Free> data_;
  size_t size_;
};

}  // namespace bench

#endif  // BENCHMARKS_ALIGNED_MEMORY_H_
