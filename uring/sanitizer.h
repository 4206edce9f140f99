// uring/sanitizer.h
//
// What the sanitizers cannot see by themselves, and nothing at all without them.
//
// A buffer that is used again and again hides stale views from AddressSanitizer: the bytes are
// allocated, only not these any more. Poisoning what is not on loan makes them visible. The
// kernel's writes do not look at the shadow.
//
// ThreadSanitizer does not see the system calls by which liburing maps and unmaps a ring's memory.
// Where one thread's ring got the address of another thread's former one, it must be told that the
// one came after the other.

#ifndef URING_SANITIZER_H_
#define URING_SANITIZER_H_

#include <cstddef>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define URING_ADDRESS_SANITIZER 1
#endif
#if __has_feature(thread_sanitizer)
#define URING_THREAD_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define URING_ADDRESS_SANITIZER 1
#endif
#if defined(__SANITIZE_THREAD__)
#define URING_THREAD_SANITIZER 1
#endif

#ifdef URING_ADDRESS_SANITIZER
#include <sanitizer/asan_interface.h>
#endif
#ifdef URING_THREAD_SANITIZER
#include <sanitizer/tsan_interface.h>
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

// What this thread did before `happened` at a place, it did before what another one does after its
// `after` there.
#ifdef URING_THREAD_SANITIZER
inline void happened(void* place) { __tsan_release(place); }
inline void after(void* place) { __tsan_acquire(place); }
#else
inline void happened(void*) {}
inline void after(void*) {}
#endif

}  // namespace uring

#endif  // URING_SANITIZER_H_
