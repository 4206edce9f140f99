// benchmarks/echo_load.cc
//
// Puts load on a server that echoes, or that answers lines with "+" and the line, and says how it
// did.
//
//   bazel run -c opt //examples:echo_server -- --port=7000 &
//   bazel run -c opt //benchmarks:echo_load -- --port=7000 --connections=64 --size=64
//
// Every byte is compared; an answer that is wrong ends it with 1.

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/time/time.h"
#include "benchmarks/die.h"
#include "benchmarks/net_load.h"
#include "benchmarks/net_script.h"

ABSL_FLAG(std::string, host, "127.0.0.1", "the server's IPv4 address");
ABSL_FLAG(uint16_t, port, 7000, "the server's port");
ABSL_FLAG(uint32_t, connections, 64, "how many");
ABSL_FLAG(uint32_t, outstanding, 1, "requests of each connection on their way");
ABSL_FLAG(uint32_t, size, 64, "bytes of a message");
ABSL_FLAG(bool, lines, false, "ask with lines of 20 to 200 bytes; the answer is + and the line");
ABSL_FLAG(bool, sleep, true, "sleep while nothing has come; if not, burn a core");
ABSL_FLAG(absl::Duration, duration, absl::Seconds(1), "how long");

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage("Load for an echo server.\n  echo_load --port=7000");
  if (absl::ParseCommandLine(argc, argv).size() > 1) bench::die("see --help", 0);
  bench::LoadOptions options;
  options.host = absl::GetFlag(FLAGS_host);
  options.port = absl::GetFlag(FLAGS_port);
  options.connections = absl::GetFlag(FLAGS_connections);
  options.outstanding = absl::GetFlag(FLAGS_outstanding);
  options.sleep = absl::GetFlag(FLAGS_sleep);
  const uint32_t size = absl::GetFlag(FLAGS_size);
  if (options.connections == 0 || options.outstanding == 0 || size == 0) {
    bench::die("--connections, --outstanding and --size are at least 1", 0);
  }
  const bench::Script script = absl::GetFlag(FLAGS_lines)
                                   ? bench::lines_script(options.outstanding)
                                   : bench::echo_script(size, options.outstanding);
  bench::Load load(options, script);
  const bench::LoadResult result =
      load.run(absl::ToChronoNanoseconds(absl::GetFlag(FLAGS_duration)));
  std::printf("%.0f messages/s, %.1f MB/s each way, %llu messages\n",
              static_cast<double>(result.messages) / result.seconds,
              static_cast<double>(result.bytes) / result.seconds / 1e6,
              static_cast<unsigned long long>(result.messages));
}
