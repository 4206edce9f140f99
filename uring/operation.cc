#include "uring/operation.h"

#include "uring/check.h"

namespace uring {

Operation::~Operation() {
  URING_CHECK(idle(), "an operation was freed while the kernel may still write to it");
}

}  // namespace uring
