// examples/tool.h
//
// What the tools here that read files have in common: inputs by name, and progress on a terminal.

#ifndef EXAMPLES_TOOL_H_
#define EXAMPLES_TOOL_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bufio/reader.h"
#include "bufio/reader_options.h"
#include "examples/progress.h"
#include "uring/ring.h"
#include "uring/task.h"

namespace tool {

// The file of that name, or standard input for "-", decompressed if it is compressed.
uring::Task<absl::StatusOr<bufio::Reader>> open_input(uring::Ring& ring, std::string name,
                                                      bufio::ReaderOptions options = {});

// How many inputs there are, and how many bytes they have, as far as that is known.
Progress expect(const std::vector<std::string>& inputs);

// Waits for `work`, with a line of progress on standard error meanwhile, if that is a terminal and
// standard output, which would be torn by it, is none.
uring::Task<absl::Status> show_while(uring::Ring& ring, const Progress& progress,
                                     uring::Task<absl::Status> work);

}  // namespace tool

#endif  // EXAMPLES_TOOL_H_
