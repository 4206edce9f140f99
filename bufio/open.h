// bufio/open.h
//
// Readers over files by path.

#ifndef BUFIO_OPEN_H_
#define BUFIO_OPEN_H_

#include <string>

#include "absl/status/statusor.h"
#include "bufio/reader.h"
#include "bufio/reader_options.h"
#include "uring/ring.h"
#include "uring/task.h"

namespace bufio {

// Opens `path` for reading, without blocking the loop.
//
//   OK         a Reader at the start of it
//   NotFound, PermissionDenied, …   as the system says, naming the path
//   cost       one request, one frame
//   cancel     a descriptor that is opened after all is closed
//
// A directory opens, as everywhere, and shows in the first read (EISDIR).
uring::Task<absl::StatusOr<Reader>> open(uring::Ring& ring, std::string path,
                                         ReaderOptions options = {});

}  // namespace bufio

#endif  // BUFIO_OPEN_H_
