#include "examples/server_flags.h"

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

ABSL_FLAG(std::string, host, "127.0.0.1", "the address to listen at, IPv4 or IPv6");
ABSL_FLAG(int32_t, port, 0, "the port to listen at; 0: one that is free");
ABSL_FLAG(int32_t, cores, 1, "how many threads, each on a core of its own; 0: one for each core");
ABSL_FLAG(absl::Duration, grace, absl::Seconds(10),
          "how long requests in hand may take to finish after SIGINT or SIGTERM");
ABSL_FLAG(bool, shared_pool, true,
          "receive into buffers that all connections of a core share: one that is silent has none");
ABSL_FLAG(absl::Duration, busy_poll, absl::ZeroDuration(),
          "how long to look for work before sleeping; burns the core, and saves the wake-up");

namespace server {

absl::StatusOr<Options> parse_command_line(int argc, char** argv, const char* usage) {
  absl::SetProgramUsageMessage(usage);
  const std::vector<char*> rest = absl::ParseCommandLine(argc, argv);
  if (rest.size() > 1) return absl::InvalidArgumentError(absl::StrCat("not understood: ", rest[1]));
  const int32_t port = absl::GetFlag(FLAGS_port);
  const int32_t cores = absl::GetFlag(FLAGS_cores);
  if (port < 0 || port > UINT16_MAX) return absl::InvalidArgumentError("--port is 0 to 65535");
  if (cores < 0 || cores > 1024) return absl::InvalidArgumentError("--cores is 0 to 1024");
  Options options;
  options.host = absl::GetFlag(FLAGS_host);
  options.port = static_cast<uint16_t>(port);
  options.cores = cores;
  options.busy_poll = absl::ToChronoNanoseconds(absl::GetFlag(FLAGS_busy_poll));
  options.reader.shared_pool = absl::GetFlag(FLAGS_shared_pool);
  options.grace = absl::ToChronoNanoseconds(absl::GetFlag(FLAGS_grace));
  // A peer that goes away takes along what it was to get: no news for a server.
  options.writer.on_drop = [](const bufio::DroppedBytes&) {};
  return options;
}

int exit_status(const absl::Status& status) {
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 1;
}

}  // namespace server
