// examples/readme_example.cc
//
// What README.md shows, made a program: prints the lines of standard input as they come.
//
//   (printf hal; sleep 3; echo f a line) | bazel run //examples:readme_example
//
// tests/readme_test.cc compares what stands between the marks with README.md, and runs it.

#include <chrono>
#include <cstdio>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bufio/descriptor.h"
#include "bufio/reader.h"
#include "uring/block_on.h"
#include "uring/ring.h"
#include "uring/task.h"
#include "uring/timeout.h"

using namespace std::chrono_literals;

void show(std::string_view line) {
  std::printf("%.*s\n", static_cast<int>(line.size()), line.data());
}

// README begin
uring::Task<absl::Status> follow(uring::Ring& ring, bufio::Reader& reader) {
  for (;;) {
    absl::StatusOr<bufio::Token> line = co_await uring::with_timeout(ring, 1s, reader.read_line());
    if (absl::IsDeadlineExceeded(line.status())) {
      show("(silence)");  // the read goes on; half a line that has come stays in the Reader
      continue;
    }
    if (!line.ok()) co_return line.status();
    if (!line->has_value()) co_return absl::OkStatus();  // the end of the stream
    show(**line);
  }
}
// README end

int main() {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  absl::StatusOr<uring::Ring> ring = uring::Ring::create();
  if (!ring.ok()) {
    std::fprintf(stderr, "%s\n", ring.status().ToString().c_str());
    return 1;
  }
  bufio::Reader reader = bufio::standard_input(*ring);
  const absl::Status status = uring::block_on(*ring, follow(*ring, reader));
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}
