#include "bufio/open.h"

#include <fcntl.h>

#include <cerrno>
#include <utility>

#include "bufio/descriptor.h"
#include "uring/open.h"
#include "uring/status.h"

namespace bufio {

uring::Task<absl::StatusOr<Reader>> open(uring::Ring& ring, std::string path,
                                         ReaderOptions options) {
  int flags = O_RDONLY | (options.direct ? O_DIRECT : 0);
  absl::StatusOr<uring::Ref<uring::Descriptor>> descriptor =
      co_await uring::open_file(ring, path, flags);
  if (!descriptor.ok() && options.direct && uring::errno_of(descriptor.status()) == EINVAL) {
    descriptor = co_await uring::open_file(ring, path, O_RDONLY);
  }
  if (!descriptor.ok()) co_return descriptor.status();
  co_return read_descriptor(ring, *std::move(descriptor), options);
}

}  // namespace bufio
