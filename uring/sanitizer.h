// uring/sanitizer.h
//
// Manual poisoning for AddressSanitizer, and nothing at all without it.
//
// A buffer that is used again and again hides stale views from AddressSanitizer: the bytes are
// allocated, only not these any more. Poisoning what is not on loan makes them visible. The
// kernel's writes do not look at the shadow.

#ifndef URING_SANITIZER_H_
#define URING_SANITIZER_H_

#include <cstddef>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define URING_ADDRESS_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define URING_ADDRESS_SANITIZER 1
#endif

#ifdef URING_ADDRESS_SANITIZER
#include <sanitizer/asan_interface.h>
#endif

namespace uring {

#ifdef URING_ADDRESS_SANITIZER
inline constexpr bool kAddressSanitizer = true;
inline void poison(const void* data, size_t size) { __asan_poison_memory_region(data, size); }
inline void unpoison(const void* data, size_t size) { __asan_unpoison_memory_region(data, size); }
#else
inline constexpr bool kAddressSanitizer = false;
inline void poison(const void*, size_t) {}
inline void unpoison(const void*, size_t) {}
#endif

}  // namespace uring

#endif  // URING_SANITIZER_H_
