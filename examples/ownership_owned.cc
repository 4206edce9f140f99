// examples/ownership_owned.cc
//
// Copies a file to standard output, with one buffer that goes from request to request.
//
//   bazel run //examples:ownership_owned -- "$PWD/README.md"

#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "uring/block_on.h"
#include "uring/file.h"
#include "uring/read_owned.h"
#include "uring/ring.h"
#include "uring/slice.h"
#include "uring/task.h"
#include "uring/write_owned.h"

// Example begin
uring::Task<absl::Status> copy(uring::Ring& ring, std::string path) {
  absl::StatusOr<uring::File> file = co_await uring::File::open(ring, path);
  if (!file.ok()) co_return file.status();
  const uring::File out = uring::File::borrow(ring, STDOUT_FILENO, "standard output");
  std::string buffer(65536, '\0');
  for (uint64_t offset = 0;;) {
    auto [count, bytes] = co_await uring::read_owned(*file, std::move(buffer), offset);
    if (!count.ok()) co_return count.status();
    if (*count == 0) co_return absl::OkStatus();  // the end of the file
    offset += *count;
    auto [written, part, n] =
        co_await uring::write_all_owned(out, uring::slice(std::move(bytes), 0, *count));
    if (!written.ok()) co_return written;
    buffer = std::move(part).whole();
  }
}
// Example end

int main(int argc, char** argv) {
  absl::StatusOr<uring::Ring> ring = uring::Ring::create();
  absl::Status status = ring.status();
  if (argc != 2) status = absl::InvalidArgumentError("usage: ownership_owned FILE");
  if (status.ok()) status = uring::block_on(*ring, copy(*ring, argv[1]));
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}
