#include "examples/tool.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <tuple>
#include <utility>

#include "bufio/decompress/open_any.h"
#include "bufio/descriptor.h"
#include "uring/when_any.h"

namespace tool {

uring::Task<absl::StatusOr<bufio::Reader>> open_input(uring::Ring& ring, std::string name,
                                                      bufio::ReaderOptions options) {
  if (name == "-") {
    absl::StatusOr<bufio::Reader> input =
        co_await bufio::decompress_any(bufio::standard_input(ring, options));
    co_return std::move(input);
  }
  absl::StatusOr<bufio::Reader> file = co_await bufio::open_any(ring, std::move(name), options);
  co_return std::move(file);
}

Progress expect(const std::vector<std::string>& inputs) {
  Progress progress;
  progress.all_inputs = inputs.size();
  for (const std::string& input : inputs) {
    struct stat stat;
    if (::stat(input.c_str(), &stat) == 0 && S_ISREG(stat.st_mode)) {
      progress.expected_bytes += static_cast<uint64_t>(stat.st_size);
    }
  }
  return progress;
}

uring::Task<absl::Status> show_while(uring::Ring& ring, const Progress& progress,
                                     uring::Task<absl::Status> work) {
  if (isatty(STDERR_FILENO) == 0 || isatty(STDOUT_FILENO) != 0) {
    absl::Status status = co_await std::move(work);
    co_return status;
  }
  auto first = co_await uring::when_any(std::move(work), show_progress(ring, progress));
  co_return std::get<0>(std::move(first));
}

}  // namespace tool
