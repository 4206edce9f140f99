// show_settings FILE: prints its settings.

#include <cstdio>
#include <map>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bufio/open.h"
#include "bufio/reader.h"
#include "settings.h"
#include "uring/block_on.h"
#include "uring/ring.h"
#include "uring/task.h"

namespace {

uring::Task<absl::Status> show(uring::Ring& ring, std::string path) {
  absl::StatusOr<bufio::Reader> reader = co_await bufio::open(ring, path);
  if (!reader.ok()) co_return reader.status();
  absl::StatusOr<std::map<std::string, std::string>> settings = co_await read_settings(*reader);
  if (!settings.ok()) co_return settings.status();
  for (const auto& [name, value] : *settings) {
    std::printf("%s: %s\n", name.c_str(), value.c_str());
  }
  co_return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  absl::StatusOr<uring::Ring> ring = uring::Ring::create();
  absl::Status status = ring.status();
  if (ring.ok()) status = uring::block_on(*ring, show(*ring, argc > 1 ? argv[1] : "settings"));
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
  return 1;
}
