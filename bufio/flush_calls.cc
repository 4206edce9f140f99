#include "bufio/flush_calls.h"

#include <utility>

#include "uring/descriptor.h"
#include "uring/ref.h"
#include "uring/status.h"

namespace bufio {

bool SyncCall::satisfied() {
  if (state().queue().unwritten() > 0) return false;
  // One that is under way for a call that was given up may have begun too early for us.
  if (!started_) started_ = state().start_sync(data_only_);
  return started_ && state().sync_ended();
}

absl::Status SyncCall::await_resume() {
  absl::Status failure = finish();
  return failure.ok() ? state().sync_status() : failure;
}

absl::Status ShutdownCall::await_resume() {
  absl::Status failure = finish();
  if (!failure.ok()) return failure;
  failure = state().shut_down();
  if (failure.ok()) state().set_shut_down();
  return failure;
}

bool EndRequest::satisfied() {
  bool written = state().queue().unwritten() == 0 || !state().error().ok();
  return written && state().sync_ended();
}

absl::Status CloseWriterCall::await_resume() {
  absl::Status failure = finish();
  if (!failure.ok()) return failure;
  absl::Status closed = state().close_descriptor();
  absl::Status error = state().tell_error();
  state().set_closed();
  state().retire();
  return error.ok() ? closed : error;
}

absl::StatusOr<uring::OwnedFd> ReleaseWriterCall::await_resume() {
  absl::Status failure = finish();
  if (!failure.ok()) return failure;
  if (!state().error().ok()) return state().tell_error();
  uring::Ref<uring::Descriptor> descriptor = state().take_descriptor();
  if (!descriptor && !state().error().ok()) return state().tell_error();
  state().set_closed();
  state().retire();
  uring::OwnedFd released;
  if (descriptor) released = uring::OwnedFd(std::move(descriptor));
  return released;
}

}  // namespace bufio
