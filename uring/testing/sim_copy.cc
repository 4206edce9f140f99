#include "uring/testing/sim_copy.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "uring/sanitizer.h"

namespace uring::testing {

#ifdef URING_ADDRESS_SANITIZER
namespace {

// A byte of shadow describes eight of memory. The values are part of AddressSanitizer's interface
// to debuggers: compiler-rt/lib/asan/asan_internal.h.
constexpr uint8_t kPoisonedByHand = 0xf7;
constexpr uint8_t kHeapRedzone = 0xfa;
constexpr uint8_t kHeapFreed = 0xfd;
constexpr uintptr_t kGranule = 8;

__attribute__((no_sanitize("address"))) uint8_t shadow_of(uintptr_t address) {
  size_t scale;
  size_t offset;
  __asan_get_shadow_mapping(&scale, &offset);
  return *reinterpret_cast<const volatile uint8_t*>((address >> scale) + offset);
}

// Whether the granule of a poisoned byte was poisoned by hand. One that is poisoned in part does
// not say by whom; what follows it does.
bool poisoned_by_hand(uintptr_t address) {
  uint8_t shadow = shadow_of(address);
  if (shadow == kPoisonedByHand) return true;
  if (shadow == 0 || shadow >= kGranule) return false;
  uint8_t next = shadow_of(address + kGranule);
  return next != kHeapRedzone && next != kHeapFreed;
}

// Byte by byte, because a loop that looks like memcpy would be made one.
__attribute__((no_sanitize("address"))) void copy_unseen(char* to, const char* from, size_t size) {
  auto* target = reinterpret_cast<volatile char*>(to);
  const auto* source = reinterpret_cast<const volatile char*>(from);
  for (size_t i = 0; i < size; ++i) target[i] = source[i];
}

uintptr_t poisoned_at(const char* data, size_t size) {
  return reinterpret_cast<uintptr_t>(__asan_region_is_poisoned(const_cast<char*>(data), size));
}

}  // namespace

void kernel_copy(char* to, const char* from, size_t size) {
  while (size > 0) {
    uintptr_t bad_to = poisoned_at(to, size);
    uintptr_t bad_from = poisoned_at(from, size);
    if (bad_to == 0 && bad_from == 0) break;
    auto to_address = reinterpret_cast<uintptr_t>(to);
    auto from_address = reinterpret_cast<uintptr_t>(from);
    if ((bad_to != 0 && !poisoned_by_hand(bad_to)) ||
        (bad_from != 0 && !poisoned_by_hand(bad_from))) {
      break;  // memcpy will say so
    }
    size_t clean = size;
    if (bad_to != 0) clean = std::min(clean, size_t{bad_to - to_address});
    if (bad_from != 0) clean = std::min(clean, size_t{bad_from - from_address});
    std::memcpy(to, from, clean);
    // To the end of the granule; at least one byte.
    size_t dirty = std::min(size - clean, kGranule - (to_address + clean) % kGranule);
    dirty = std::min(dirty, kGranule - (from_address + clean) % kGranule);
    copy_unseen(to + clean, from + clean, dirty);
    to += clean + dirty;
    from += clean + dirty;
    size -= clean + dirty;
  }
  if (size > 0) std::memcpy(to, from, size);
}
#else
void kernel_copy(char* to, const char* from, size_t size) {
  if (size > 0) std::memcpy(to, from, size);
}
#endif

}  // namespace uring::testing
