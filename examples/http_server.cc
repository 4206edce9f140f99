// examples/http_server.cc
//
// Serves the files below a directory.
//
//   bazel run -c opt //examples:http_server -- --port=8080 --root="$PWD" --cores=0
//   curl -i http://127.0.0.1:8080/README.md
//
// What it speaks is said in http_connection.h, what it serves in http_site.h, how it stops in
// server.h.

#include <memory>
#include <string>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "bufio/stream.h"
#include "examples/http_connection.h"
#include "examples/http_site.h"
#include "examples/server.h"
#include "examples/server_flags.h"
#include "uring/ring.h"

ABSL_FLAG(std::string, root, ".", "the directory whose files are served");
ABSL_FLAG(absl::Duration, head_timeout, absl::Seconds(10),
          "how long the head of a request may take, from its first byte to its last");
ABSL_FLAG(absl::Duration, idle_timeout, absl::Seconds(60), "how long a connection may rest");
ABSL_FLAG(absl::Duration, write_timeout, absl::Seconds(30),
          "how long a peer may take to read each MiB of an answer");
ABSL_FLAG(absl::Duration, linger_timeout, absl::Seconds(2),
          "how long the last bytes of a peer that was answered are waited for");

namespace {

absl::StatusOr<server::Serve> set_up(uring::Ring& ring, const http::Limits& limits) {
  absl::StatusOr<http::Site> opened = http::Site::open(ring, absl::GetFlag(FLAGS_root), limits);
  if (!opened.ok()) return std::move(opened).status();
  auto site = std::make_shared<http::Site>(*std::move(opened));
  return [&ring, site](bufio::Stream stream, server::Sessions& sessions) {
    return http::serve(ring, std::move(stream), sessions, *site);
  };
}

}  // namespace

int main(int argc, char** argv) {
  absl::StatusOr<server::Options> options = server::parse_command_line(
      argc, argv, "Serves files by HTTP/1.1.\n  http_server --port=8080 --root=. --cores=0");
  if (!options.ok()) return server::exit_status(options.status());
  // Four of the largest heads; more than that only wait to be answered.
  options->reader.max_buffer_size = size_t{64} << 10;
  options->writer.high_water = size_t{256} << 10;
  http::Limits limits;
  limits.head_timeout = absl::ToChronoNanoseconds(absl::GetFlag(FLAGS_head_timeout));
  limits.idle_timeout = absl::ToChronoNanoseconds(absl::GetFlag(FLAGS_idle_timeout));
  limits.write_timeout = absl::ToChronoNanoseconds(absl::GetFlag(FLAGS_write_timeout));
  limits.linger_timeout = absl::ToChronoNanoseconds(absl::GetFlag(FLAGS_linger_timeout));
  return server::exit_status(
      server::run(*options, [&limits](uring::Ring& ring) { return set_up(ring, limits); }));
}
