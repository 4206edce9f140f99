// benchmarks/net_lines_server.cc
//
// Answers every line with "+" and the line, by a Reader and a Writer, and by what the servers of
// examples/ have in common.

#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bufio/stream.h"
#include "examples/server.h"
#include "examples/server_flags.h"
#include "uring/ring.h"
#include "uring/task.h"

namespace {

uring::Task<void> answer_lines(bufio::Stream stream, server::Sessions& sessions) {
  auto& [reader, writer] = stream;
  const server::Session session(sessions, reader);
  bufio::Lines lines = reader.lines({.keep_terminator = true});
  for (;;) {
    bufio::Token line = co_await lines.next();
    if (!line.has_value()) break;
    absl::Status status = co_await writer.write_all("+", *line);
    if (!status.ok()) co_return;
    lines.for_each_buffered([&](std::string_view each) { return writer.try_write("+", each); });
  }
  absl::Status closed = co_await writer.close();
  static_cast<void>(closed);  // there is nobody to tell
}

}  // namespace

int main(int argc, char** argv) {
  absl::StatusOr<server::Options> options =
      server::parse_command_line(argc, argv, "Answers lines.\n  net_lines_server --port=7000");
  if (!options.ok()) return server::exit_status(options.status());
  const server::Serve serve = [](bufio::Stream stream, server::Sessions& sessions) {
    return answer_lines(std::move(stream), sessions);
  };
  return server::exit_status(server::run(*options, [&serve](uring::Ring&) { return serve; }));
}
