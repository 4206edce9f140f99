// bufio/create.h
//
// Writers to files by path.

#ifndef BUFIO_CREATE_H_
#define BUFIO_CREATE_H_

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "bufio/writer.h"
#include "bufio/writer_options.h"
#include "uring/ring.h"
#include "uring/task.h"

namespace bufio {

// What becomes of a file that is there already.
enum class IfExists : uint8_t {
  kTruncate,  // emptied
  kAppend,    // written to behind its end, wherever that is at each write
  kKeep,      // written over from its start, or from WriterOptions::offset
  kFail,      // AlreadyExists
};

// Opens `path` for writing, and makes the file if there is none (but for kKeep), without blocking
// the loop.
//
//   OK         a Writer at the start of it, or at its end
//   NotFound, PermissionDenied, …   as the system says, naming the path
//   cost       one request, one frame
//   cancel     a descriptor that is opened after all is closed
uring::Task<absl::StatusOr<Writer>> create(uring::Ring& ring, std::string path,
                                           IfExists if_exists = IfExists::kTruncate,
                                           WriterOptions options = {}, mode_t mode = 0666);

}  // namespace bufio

#endif  // BUFIO_CREATE_H_
