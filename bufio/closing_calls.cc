#include "bufio/closing_calls.h"

#include <utility>

#include "uring/status.h"

namespace bufio {

absl::Status CloseCall::await_resume() {
  absl::Status failure = finish();
  if (!failure.ok()) return failure;
  failure = state().usable();
  if (!failure.ok()) return failure;
  state().set_closed();
  uring::Ref<uring::Descriptor> descriptor = state().take_descriptor();
  state().retire();
  state().window().clear(state().window().pos());
  if (!descriptor) return state().error();
  // A Writer to the other half of a socket goes on; the last one to go closes.
  if (descriptor->ref_count() > 1) return absl::OkStatus();
  int error = descriptor->close();
  return error == 0 ? absl::OkStatus() : uring::errno_status(error, "close", state().name());
}

absl::StatusOr<Released> ReleaseCall::await_resume() {
  absl::Status failure = finish();
  if (!failure.ok()) return failure;
  failure = state().usable();
  if (!failure.ok()) return failure;
  state().collect();
  Released released;
  released.leftover = std::string(state().window().view());
  released.pos = state().window().pos();
  uring::Ref<uring::Descriptor> descriptor;
  if (!state().keeps_descriptor()) descriptor = state().take_descriptor();
  if (!descriptor && !state().error().ok()) return state().error();
  if (descriptor) released.fd = uring::OwnedFd(std::move(descriptor));
  state().set_closed();
  state().retire();
  state().window().clear(released.pos);
  return released;
}

}  // namespace bufio
