// examples/resp_server.cc
//
// Enough of Redis for its clients: strings in memory, with expiry.
//
//   bazel run -c opt //examples:resp_server -- --port=6379 --cores=2
//   redis-cli set greeting hello ex 60
//   redis-benchmark -t set,get -P 32
//
// What it speaks is said in resp_request.h, what it knows in resp_commands.h, how it keeps it in
// resp_database.h, how it stops in server.h. There is one database, whatever the cores: its keys
// are spread over locked shards. One core is the default, and needs one.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "bufio/stream.h"
#include "examples/resp_connection.h"
#include "examples/resp_database.h"
#include "examples/resp_request.h"
#include "examples/server.h"
#include "examples/server_flags.h"
#include "uring/ring.h"
#include "uring/spawn.h"

ABSL_FLAG(uint64_t, max_bulk, uint64_t{512} << 20, "the bytes of one argument, at most");
ABSL_FLAG(uint64_t, max_memory, uint64_t{1} << 30, "the bytes that keys and values take, at most");
ABSL_FLAG(uint64_t, request_memory, uint64_t{1} << 30,
          "the bytes that large requests in hand take, those of all connections together, at most");
ABSL_FLAG(absl::Duration, idle_timeout, absl::InfiniteDuration(),
          "how long a peer may say nothing");
ABSL_FLAG(absl::Duration, stall_timeout, absl::Seconds(60),
          "how long a peer may rest within a request");
ABSL_FLAG(absl::Duration, write_timeout, absl::Seconds(30),
          "how long a peer may leave what it was sent unread");

namespace {

constexpr size_t kShards = 64;

absl::StatusOr<server::Serve> set_up(uring::Ring& ring, resp::Store& store) {
  if (!store.swept.exchange(true)) uring::spawn(ring, resp::sweep(ring, store));
  return [&store](bufio::Stream stream, server::Sessions& sessions) {
    return resp::serve(std::move(stream), sessions, store);
  };
}

}  // namespace

int main(int argc, char** argv) {
  absl::StatusOr<server::Options> options = server::parse_command_line(
      argc, argv, "Keeps strings as Redis does.\n  resp_server --port=6379");
  if (!options.ok()) return server::exit_status(options.status());
  resp::Limits limits;
  limits.max_bulk = absl::GetFlag(FLAGS_max_bulk);
  limits.max_request = std::max(limits.max_request, 2 * limits.max_bulk);
  // A request that is copied as it comes waits there for half as much again.
  options->reader.max_buffer_size = 8 * limits.big_argument;
  resp::Timeouts timeouts;
  timeouts.idle = absl::ToChronoNanoseconds(absl::GetFlag(FLAGS_idle_timeout));
  timeouts.stall = absl::ToChronoNanoseconds(absl::GetFlag(FLAGS_stall_timeout));
  timeouts.write = absl::ToChronoNanoseconds(absl::GetFlag(FLAGS_write_timeout));
  resp::Database::Options database;
  database.shards = options->cores == 1 ? 1 : kShards;
  database.max_memory = absl::GetFlag(FLAGS_max_memory);
  resp::Store store(database, absl::GetFlag(FLAGS_request_memory), limits, timeouts);
  return server::exit_status(
      server::run(*options, [&store](uring::Ring& ring) { return set_up(ring, store); }));
}
