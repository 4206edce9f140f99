// uring/open.h
//
// Opening a file without blocking the loop.

#ifndef URING_OPEN_H_
#define URING_OPEN_H_

#include <fcntl.h>

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "uring/descriptor.h"
#include "uring/ref.h"
#include "uring/result_operation.h"
#include "uring/ring.h"

namespace uring {

// Awaited: the descriptor, or the error with path and errno.
class [[nodiscard]] OpenAwaiter final : public ResultAwaiter {
 public:
  OpenAwaiter(Ring& ring, std::string path, int flags, mode_t mode);
  // Below `root`.
  OpenAwaiter(Ring& ring, Ref<Descriptor> root, std::string path, int flags, mode_t mode);

  absl::StatusOr<Ref<Descriptor>> await_resume();

 private:
  std::string path_;
};

// Opens `path` as open(2) does; O_CLOEXEC is added. The path is copied.
//
//   OK         a share in the descriptor, which is closed with the last share
//   NotFound, PermissionDenied, …   as the system says; errno_of keeps the number
//   FailedPrecondition              the Ring was destroyed
//   cost       one request, no system call of its own; allocations for copies of the path
//   cancel     destroying the awaiter orphans the request; a descriptor that it opens after all is
//   closed
OpenAwaiter open_file(Ring& ring, std::string_view path, int flags = O_RDONLY, mode_t mode = 0666);

// The same for a path that a stranger gave: opens what is at `path` below the directory `root`
// (O_PATH will do), and nothing else, by openat2(2) with RESOLVE_BENEATH. Symbolic links are
// followed as long as they stay below; an absolute path, a "..", a link or a rename that leads out
// is an error (EXDEV), as are the links of /proc (ELOOP). EAGAIN: something was renamed on the way.
// With O_CREAT, a file that is made gets `mode`.
OpenAwaiter open_beneath(Ring& ring, Ref<Descriptor> root, std::string_view path,
                         int flags = O_RDONLY, mode_t mode = 0666);

}  // namespace uring

#endif  // URING_OPEN_H_
