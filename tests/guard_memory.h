// tests/guard_memory.h
//
// Memory that cannot be touched once it was given back, not even by the kernel.
//
// Each block has a mapping of its own between inaccessible pages. Deallocating makes it
// inaccessible too and never unmaps it, so its address is never used again while this lives: a read
// that still writes there completes with EFAULT instead of into somebody else's bytes. (Not so for
// buffers that are registered with the kernel, which writes to those by their pages.)

#ifndef TESTS_GUARD_MEMORY_H_
#define TESTS_GUARD_MEMORY_H_

#include <sys/mman.h>

#include <cstddef>
#include <cstdlib>
#include <memory_resource>
#include <utility>
#include <vector>

namespace uring::testing {

class GuardMemory final : public std::pmr::memory_resource {
 public:
  static constexpr size_t kPage = 4096;

  GuardMemory() = default;
  GuardMemory(const GuardMemory&) = delete;
  GuardMemory& operator=(const GuardMemory&) = delete;
  ~GuardMemory() override {
    for (const auto& [base, size] : mappings_) munmap(base, size);
  }

  size_t allocated() const { return mappings_.size(); }
  size_t retired() const { return retired_; }

 private:
  void* do_allocate(size_t size, size_t alignment) override {
    if (alignment > kPage) std::abort();
    const size_t whole = round_up(size) + 2 * kPage;
    void* base =
        mmap(nullptr, whole, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) std::abort();
    mappings_.emplace_back(base, whole);
    char* block = static_cast<char*>(base) + kPage;
    if (mprotect(block, round_up(size), PROT_READ | PROT_WRITE) != 0) std::abort();
    return block;
  }
  void do_deallocate(void* block, size_t size, size_t) override {
    ++retired_;
    madvise(block, round_up(size), MADV_DONTNEED);
    if (mprotect(block, round_up(size), PROT_NONE) != 0) std::abort();
  }
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }

  static size_t round_up(size_t size) { return (size + kPage - 1) / kPage * kPage; }

  std::vector<std::pair<void*, size_t>> mappings_;
  size_t retired_ = 0;
};

}  // namespace uring::testing

#endif  // TESTS_GUARD_MEMORY_H_
