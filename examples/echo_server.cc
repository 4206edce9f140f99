// examples/echo_server.cc
//
// Gives everybody back what they say, until they say no more.
//
//   bazel run -c opt //examples:echo_server -- --port=7000 --cores=2
//
// What a turn of the loop received goes back in one send for each connection. A peer that does not
// read what it gets is not read from either, once high_water bytes wait for it, and is dropped
// after --write_timeout.

#include <chrono>
#include <cstddef>
#include <string_view>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "bufio/hand_over.h"
#include "bufio/stream.h"
#include "examples/server.h"
#include "examples/server_flags.h"
#include "uring/ring.h"
#include "uring/task.h"

ABSL_FLAG(absl::Duration, write_timeout, absl::Seconds(30),
          "how long a peer may leave what it was sent unread");

namespace {

using Clock = std::chrono::steady_clock;

uring::Task<void> echo(bufio::Stream stream, server::Sessions& sessions, size_t high_water,
                       std::chrono::nanoseconds write_timeout) {
  auto& [reader, writer] = stream;
  const server::Session session(sessions, reader);
  while (!sessions.stopping()) {
    absl::StatusOr<std::string_view> view = co_await reader.fill_buf();
    if (!view.ok() || view->empty()) break;
    // What fits waits for nobody, and need not look at the clock.
    bool fits = writer.unwritten() + view->size() <= high_water;
    if (!fits) writer.set_deadline(Clock::now() + write_timeout);
    absl::Status status = co_await bufio::hand_over(reader, view->size(), writer);
    if (!status.ok()) co_return;
  }
  writer.set_deadline(Clock::now() + write_timeout);
  absl::Status closed = co_await writer.close();
  static_cast<void>(closed);  // there is nobody to tell
}

}  // namespace

int main(int argc, char** argv) {
  absl::StatusOr<server::Options> options = server::parse_command_line(
      argc, argv, "Echoes what it is sent.\n  echo_server --port=7000 --cores=2");
  if (!options.ok()) return server::exit_status(options.status());
  options->writer.high_water = size_t{256} << 10;
  const auto write_timeout = absl::ToChronoNanoseconds(absl::GetFlag(FLAGS_write_timeout));
  const server::Serve serve = [high_water = options->writer.high_water, write_timeout](
                                  bufio::Stream stream, server::Sessions& sessions) {
    return echo(std::move(stream), sessions, high_water, write_timeout);
  };
  return server::exit_status(server::run(*options, [&serve](uring::Ring&) { return serve; }));
}
