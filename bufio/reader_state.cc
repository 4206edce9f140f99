#include "bufio/reader_state.h"

#include <algorithm>
#include <cerrno>
#include <memory_resource>
#include <utility>

#include "absl/strings/str_cat.h"
#include "uring/status.h"

namespace bufio {

size_t FillRequest::buffer_limit() const { return state_->max_buffer_size(); }

void FillRequest::call_ended() {
  if (waiter_.handle()) state_->ring_->make_ready(waiter_);
}

ReaderState::ReaderState(uring::Ref<uring::RingCore> ring, const ReaderOptions& options)
    : max_buffer_size_(std::max(options.max_buffer_size, size_t{1})), ring_(std::move(ring)) {
  if (ring_) {
    buffers_ = uring::Ref<uring::BufferCache>(&ring_->buffers());
  } else {
    buffers_ = uring::make_ref<uring::BufferCache>(std::pmr::new_delete_resource(), size_t{0});
  }
}

absl::Status ReaderState::usable() const {
  if (closed_)
    return absl::FailedPreconditionError(
        absl::StrCat(uring::as_absl(name()), ": the Reader was closed or released"));
  return absl::OkStatus();
}

std::string ReaderState::where(size_t ahead) const {
  return absl::StrCat(uring::as_absl(name()), " at offset ", window_.pos() + ahead);
}

absl::Status ReaderState::too_long(std::string_view what, size_t limit) const {
  return absl::ResourceExhaustedError(
      absl::StrCat(where(), ": ", uring::as_absl(what), " exceeds the limit of ", limit, " bytes"));
}

// --- serving a call ------------------------------------------------------------------------------

// True if the call is done; false if it must suspend.
bool ReaderState::begin(FillRequest& request) {
  if (ring_) ring_->check_thread("Reader");
  request.keep_ = uring::Ref<ReaderState>(this);
  request.done_ = false;
  if (pending_ != nullptr && pending_ != &request) {
    request.failure_ = absl::FailedPreconditionError(absl::StrCat(
        uring::as_absl(name()), ": another call waits, or an adaptor stands on this Reader"));
    return true;
  }
  request.failure_ = absl::OkStatus();
  if (closed_) {
    request.failure_ = usable();
    return true;
  }
  window_.expire_views();
  window_.touch();  // whoever trusts the window as it is must ask again
  pending_ = &request;
  turn_wanted_ = false;
  if (!advance(request)) return false;
  request.done_ = true;
  return !std::exchange(turn_wanted_, false);
}

bool ReaderState::suspend(FillRequest& request, std::coroutine_handle<> waiting) {
  URING_CHECK(ring_, "a Reader without a Ring has a source that does not complete at once");
  request.waiter_.set_handle(waiting);
  if (request.done_) {
    ring_->make_ready(request.waiter_);
    return true;
  }
  deadline_.start(*ring_);
  return true;
}

bool ReaderState::advance(FillRequest& request) {
  for (;;) {
    if (!request.failure_.ok() || request.satisfied()) return true;
    if (!request.wants_bytes() || supply() == Supply::kLater) return false;
  }
}

void ReaderState::progress() {
  FillRequest* request = pending_;
  if (request == nullptr || request->done_) return;
  turn_wanted_ = false;
  if (!advance(*request)) return request->waits_on();
  wake(*request);
}

size_t ReaderState::buffer_limit() const {
  return pending_ != nullptr ? pending_->buffer_limit() : max_buffer_size_;
}

void ReaderState::wake(FillRequest& request) {
  request.done_ = true;
  deadline_.stop(ring_.get());
  request.call_ended();
}

// Destroyed or resumed: either way the Reader is free for the next call.
void ReaderState::leave(FillRequest& request) {
  if (pending_ == &request) {
    pending_ = nullptr;
    deadline_.stop(ring_.get());
    call_left();
  }
  request.waiter_.unlink();
}

// --- adaptors that stand on this Reader ----------------------------------------------------------

bool ReaderState::hold(FillRequest& request) {
  if (ring_) ring_->check_thread("Reader");
  if (pending_ != nullptr || closed_) return false;
  window_.expire_views();
  window_.touch();
  request.keep_ = uring::Ref<ReaderState>(this);
  request.done_ = true;
  pending_ = &request;
  return true;
}

void ReaderState::pause(FillRequest& request) {
  if (pending_ != &request || request.done_) return;
  request.done_ = true;
  deadline_.stop(ring_.get());
  call_left();
}

void ReaderState::fail_call(absl::Status failure) {
  if (awaited()) pending_->failure_ = std::move(failure);
}

void ReaderState::reclaim_window() {
  if (pending_ != nullptr) pending_->give_window_back();
}

void ReaderState::give_window_up() {
  if (pending_ != nullptr) pending_->reader_gone();
}

void ReaderState::lend_window_again() {
  if (pending_ != nullptr) pending_->waits_on();
}

// --- ended from outside --------------------------------------------------------------------------

void ReaderState::fail_pending(absl::Status status) {
  FillRequest* request = pending_;
  if (request == nullptr || request->done_) return;
  request->failure_ = std::move(status);
  wake(*request);
}

void ReaderState::deadline_expired() {
  fail_pending(absl::DeadlineExceededError(absl::StrCat(where(), ": the deadline has passed")));
}

void ReaderState::interrupt() {
  if (ring_) ring_->check_thread("Reader::interrupt");
  fail_pending(absl::CancelledError(absl::StrCat(where(), ": interrupted")));
}

void ReaderState::reader_gone() {
  fail_pending(absl::FailedPreconditionError(
      absl::StrCat(uring::as_absl(name()), ": the Reader was destroyed")));
  give_window_up();
  closed_ = true;
  retire();
  window_.clear(window_.pos());
}

// --- what sources need not provide ---------------------------------------------------------------

ReaderStats ReaderState::stats() const {
  ReaderStats stats;
  stats.bytes = window_.end_pos();
  stats.copied_bytes = window_.copied_bytes();
  return stats;
}

absl::StatusOr<uint64_t> ReaderState::size() { return uring::errno_status(ESPIPE, "size", name()); }

absl::Status ReaderState::seek(uint64_t) { return uring::errno_status(ESPIPE, "seek", name()); }

uint64_t ReaderState::skip_ahead(uint64_t) { return 0; }

}  // namespace bufio
