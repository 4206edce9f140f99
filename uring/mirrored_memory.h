// uring/mirrored_memory.h
//
// The same pages mapped twice in a row.
//
// Byte i and byte i + size are one byte, so a ring buffer's contents are always one contiguous
// range, and what is not consumed keeps its address. Costs a memfd and two mappings per buffer
// (vm.max_map_count bounds them).

#ifndef URING_MIRRORED_MEMORY_H_
#define URING_MIRRORED_MEMORY_H_

#include <cstddef>

namespace uring {

// Maps `size` bytes (a multiple of the page size) twice; null when the system refuses.
char* map_mirrored(size_t size);
void unmap_mirrored(char* data, size_t size);

}  // namespace uring

#endif  // URING_MIRRORED_MEMORY_H_
