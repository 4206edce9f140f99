#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "uring/status.h"
#include "uring/testing/sim_kernel.h"
#include "uring/testing/sim_log.h"
#include "uring/testing/sim_memory.h"
#include "uring/testing/sim_opcodes.h"

namespace uring::testing {
namespace {

constexpr size_t kMostViolations = 100;

std::string_view state_name(SimRequest::State state) {
  switch (state) {
    case SimRequest::State::kArmed:
      return "armed";
    case SimRequest::State::kRunning:
      return "running";
    case SimRequest::State::kNotifying:
      return "notifying";
    case SimRequest::State::kDone:
      break;
  }
  return "done";
}

}  // namespace

std::string describe(const SimRequest& request) {
  std::string text =
      absl::StrCat("#", request.number, " ", as_absl(sim_opcode_name(request.opcode)));
  if (request.fd >= 0) absl::StrAppend(&text, " fd ", request.fd);
  absl::StrAppend(&text, ", ", as_absl(state_name(request.state)));
  if (request.doomed) absl::StrAppend(&text, ", doomed");
  if (request.ring == nullptr) absl::StrAppend(&text, ", its ring gone");
  return text;
}

void SimKernel::violation(const SimRequest& request, std::string_view what) {
  std::string text = absl::StrCat(as_absl(what), " (", describe(request), ")");
  log("VIOLATION: ", text);
  if (violations_.size() < kMostViolations) violations_.push_back(std::move(text));
}

// Once for each request.
void SimKernel::check_descriptor(SimRequest& request) {
  if (!request.names_descriptor || request.reported) return;
  struct stat now;
  bool open = fstat(request.fd, &now) == 0;
  if (open && request.identity == DescriptorIdentity{now.st_dev, now.st_ino}) return;
  request.reported = true;
  violation(request, open ? "a descriptor's number was given to another file while a request that "
                            "names it was in flight"
                          : "a descriptor was closed while a request that names it was in flight");
}

void SimKernel::check_all_descriptors() {
  for (const std::unique_ptr<SimRequest>& request : live_) check_descriptor(*request);
}

// Whether the kernel may touch it. Reported once for each request.
bool SimKernel::check_memory(SimRequest& request, const void* data, size_t size) {
  if (request.memory_gone) return false;
  if (memory_ == nullptr || size == 0 || !memory_->dead(data, size)) return true;
  request.memory_gone = true;
  violation(request, "memory was freed while a request that points at it was in flight");
  return false;
}

}  // namespace uring::testing
