#include "bufio/create.h"

#include <fcntl.h>

#include <utility>

#include "bufio/writer_descriptor.h"
#include "uring/open.h"

namespace bufio {
namespace {

int open_flags(IfExists if_exists) {
  switch (if_exists) {
    case IfExists::kTruncate:
      return O_CREAT | O_TRUNC;
    case IfExists::kAppend:
      return O_CREAT | O_APPEND;
    case IfExists::kFail:
      return O_CREAT | O_EXCL;
    case IfExists::kKeep:
      break;
  }
  return 0;
}

}  // namespace

uring::Task<absl::StatusOr<Writer>> create(uring::Ring& ring, std::string path, IfExists if_exists,
                                           WriterOptions options, mode_t mode) {
  absl::StatusOr<uring::Ref<uring::Descriptor>> descriptor =
      co_await uring::open_file(ring, path, O_WRONLY | open_flags(if_exists), mode);
  if (!descriptor.ok()) co_return descriptor.status();
  co_return write_descriptor(ring, *std::move(descriptor), std::move(options));
}

}  // namespace bufio
