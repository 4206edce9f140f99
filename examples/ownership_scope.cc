// examples/ownership_scope.cc
//
// Shows how two files begin, read at the same time into plain arrays; gives up after a second.
//
//   bazel run //examples:ownership_scope -- "$PWD/README.md" "$PWD/LICENSE"

#include <array>
#include <chrono>
#include <cstdio>
#include <semaphore>
#include <span>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "uring/block_on.h"
#include "uring/file.h"
#include "uring/ring.h"
#include "uring/scope.h"
#include "uring/task.h"

// Example begin
uring::Task<absl::Status> read_head(uring::Ring& ring, uring::Scope& scope, std::string path,
                                    std::span<char> into, size_t& size) {
  absl::StatusOr<uring::File> file = co_await uring::File::open(ring, path);
  if (!file.ok()) co_return file.status();
  absl::StatusOr<size_t> count = co_await scope.read(*file, into);
  if (!count.ok()) co_return count.status();
  size = *count;
  co_return absl::OkStatus();
}

uring::Task<absl::Status> show_heads(uring::Ring& ring, std::stop_token stop, std::string one,
                                     std::string other) {
  std::array<char, 40> heads[2];  // before the scope: the kernel writes here until it is joined
  size_t sizes[2] = {};
  uring::ScopeOptions options;
  options.stop = std::move(stop);
  uring::Scope scope(ring, std::move(options));
  scope.spawn(read_head(ring, scope, std::move(one), heads[0], sizes[0]));
  scope.spawn(read_head(ring, scope, std::move(other), heads[1], sizes[1]));
  const absl::Status status = co_await scope.join();  // both, or the first error, or stopped
  for (int i = 0; i < 2 && status.ok(); ++i) {
    std::printf("%.*s\n", static_cast<int>(sizes[i]), heads[i].data());
  }
  co_return status;
}
// Example end

int main(int argc, char** argv) {
  if (argc != 3) return std::fputs("usage: ownership_scope FILE FILE\n", stderr), 2;
  absl::Status status;
  std::binary_semaphore done(0);
  {
    std::jthread worker([&](std::stop_token stop) {
      absl::StatusOr<uring::Ring> ring = uring::Ring::create();
      status = ring.status();
      if (ring.ok()) status = uring::block_on(*ring, show_heads(*ring, stop, argv[1], argv[2]));
      done.release();
    });
    static_cast<void>(done.try_acquire_for(std::chrono::seconds(1)));
  }  // a jthread that goes requests stop, and joins
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}
