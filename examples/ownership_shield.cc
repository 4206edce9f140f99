// examples/ownership_shield.cc
//
// Appends a line to a file, in two writes that belong together, and loses patience at once.
//
//   bazel run //examples:ownership_shield -- /tmp/log "the line"

#include <fcntl.h>

#include <chrono>
#include <cstdio>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "uring/block_on.h"
#include "uring/file.h"
#include "uring/ring.h"
#include "uring/shield.h"
#include "uring/task.h"
#include "uring/timeout.h"
#include "uring/write_owned.h"

using std::chrono::nanoseconds;

// Example begin
uring::Task<absl::Status> append(uring::File log, std::string line) {
  auto [first, a, n] = co_await uring::write_all_owned(log, std::move(line));
  if (!first.ok()) co_return first;
  auto [second, b, m] = co_await uring::write_all_owned(log, std::string("\n"));
  co_return second;
}

uring::Task<absl::Status> log_in_no_time(uring::Ring& ring, std::string path, std::string line) {
  absl::StatusOr<uring::File> log =
      co_await uring::File::open(ring, path, O_WRONLY | O_APPEND | O_CREAT);
  if (!log.ok()) co_return log.status();
  // Time is up before the first write has begun to matter. Whoever waited goes on; the line is
  // written all the same, both parts of it.
  auto both = uring::shield(ring, append(*std::move(log), std::move(line)));
  absl::Status status = co_await uring::with_timeout(ring, nanoseconds(0), std::move(both));
  co_return status;
}
// Example end

int main(int argc, char** argv) {
  absl::StatusOr<uring::Ring> ring = uring::Ring::create();
  if (argc != 3 || !ring.ok()) return std::fputs("usage: ownership_shield FILE LINE\n", stderr), 2;
  absl::Status status = uring::block_on(*ring, log_in_no_time(*ring, argv[1], argv[2]));
  std::printf("%s\n", status.ToString().c_str());
  ring->run();  // until nothing that was shielded is left
  return 0;
}
