// uring/testing/sim_copy.h
//
// A copy as a kernel makes it, which AddressSanitizer looks at.
//
// An ordinary memcpy is reported when its target was freed, which is what a simulated kernel is
// for. But buffers that are not on loan are poisoned by the library itself (sanitizer.h), and a
// kernel may write to those. So what was poisoned by hand is written behind AddressSanitizer's
// back, and everything else in front of it.

#ifndef URING_TESTING_SIM_COPY_H_
#define URING_TESTING_SIM_COPY_H_

#include <cstddef>

namespace uring::testing {

// Copies `size` bytes. Either side may be poisoned by hand; freed memory is reported.
void kernel_copy(char* to, const char* from, size_t size);

}  // namespace uring::testing

#endif  // URING_TESTING_SIM_COPY_H_
