#include "uring/ring.h"

#include <utility>

#include "uring/linux_kernel.h"
#include "uring/run_scope.h"

namespace uring {

absl::StatusOr<Ring> Ring::create(RingOptions options) {
  Kernel& kernel = options.kernel != nullptr ? *options.kernel : linux_kernel();
  io_uring ring;
  absl::StatusOr<Capabilities> capabilities = set_up_ring(kernel, options, ring);
  if (!capabilities.ok()) return capabilities.status();
  return Ring(make_ref<RingCore>(kernel, ring, *std::move(capabilities), options));
}

Ring::Ring(Ref<RingCore> core) : core_(std::move(core)) {}

Ring& Ring::operator=(Ring&& other) noexcept {
  if (this == &other) return *this;
  destroy();
  core_ = std::move(other.core_);
  return *this;
}

Ring::~Ring() { destroy(); }

void Ring::destroy() {
  if (!core_) return;
  if (!core_->close()) core_.leak();
}

void Ring::run() {
  const Ref<RingCore> core = core_;  // a task may destroy or move this handle
  const RunScope scope(core.get(), "Ring::run");
  while (!core->spawned().empty()) core->turn();
}

}  // namespace uring
