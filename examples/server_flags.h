// examples/server_flags.h
//
// The command line of the servers: --host, --port, --cores, --grace.

#ifndef EXAMPLES_SERVER_FLAGS_H_
#define EXAMPLES_SERVER_FLAGS_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "examples/server.h"

namespace server {

// Parses the command line, the flags of other files too. A flag that is none ends the process with
// a message, --help with the list; InvalidArgument for values that make no sense.
absl::StatusOr<Options> parse_command_line(int argc, char** argv, const char* usage);

// What main returns: 0, or 1 after a line on stderr.
int exit_status(const absl::Status& status);

}  // namespace server

#endif  // EXAMPLES_SERVER_FLAGS_H_
