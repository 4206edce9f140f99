// tests/allocations.h
//
// Counts how often the test asks for memory, and how much it has, by operators of its own in the
// place of the usual ones.
//
// Include it in the source of a test, and in no more than one of a program.

#ifndef TESTS_ALLOCATIONS_H_
#define TESTS_ALLOCATIONS_H_

#include <malloc.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace bufio::testing {

// So far, on all threads; tests that count have one.
inline uint64_t allocations = 0;
// Asked for and not given back, as the allocator rounds it.
inline uint64_t live_bytes = 0;
// The blocks that are in.
inline uint64_t live_blocks = 0;

inline void* counted(size_t size, size_t alignment) {
  ++allocations;
  // The usual alignment is malloc's own.
  void* block = alignment <= __STDCPP_DEFAULT_NEW_ALIGNMENT__
                    ? std::malloc(size)
                    : std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  if (block == nullptr) std::abort();
  live_bytes += malloc_usable_size(block);
  ++live_blocks;
  return block;
}

inline void discounted(void* block) {
  if (block == nullptr) return;
  live_bytes -= malloc_usable_size(block);
  --live_blocks;
  std::free(block);
}

}  // namespace bufio::testing

// All forms end here, those with arrays too, which call these. (So would nothrow, but for
// AddressSanitizer, which has one of its own.)
void* operator new(size_t size) {
  return bufio::testing::counted(size, __STDCPP_DEFAULT_NEW_ALIGNMENT__);
}
void* operator new(size_t size, std::align_val_t alignment) {
  return bufio::testing::counted(size, static_cast<size_t>(alignment));
}
void* operator new(size_t size, const std::nothrow_t&) noexcept {
  return bufio::testing::counted(size, __STDCPP_DEFAULT_NEW_ALIGNMENT__);
}
void operator delete(void* block) noexcept { bufio::testing::discounted(block); }
void operator delete(void* block, size_t) noexcept { bufio::testing::discounted(block); }
void operator delete(void* block, std::align_val_t) noexcept { bufio::testing::discounted(block); }
void operator delete(void* block, size_t, std::align_val_t) noexcept {
  bufio::testing::discounted(block);
}

#endif  // TESTS_ALLOCATIONS_H_
