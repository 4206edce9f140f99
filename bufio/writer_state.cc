#include "bufio/writer_state.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <memory_resource>
#include <utility>

#include "absl/strings/str_cat.h"
#include "uring/status.h"

namespace bufio {

WriterState::WriterState(uring::Ref<uring::RingCore> ring, uint64_t start,
                         const WriterOptions& options)
    : queue_(start, options.buffer_size),
      high_water_(std::max(options.high_water, size_t{1})),
      low_water_(std::min(options.low_water.value_or(high_water_ / 2), high_water_)),
      on_drop_(options.on_drop ? std::make_unique<const OnDrop>(options.on_drop) : nullptr),
      push_until_(start),
      ring_(std::move(ring)),
      copy_below_(static_cast<uint32_t>(std::min<size_t>(options.copy_below, UINT32_MAX))),
      gathers_(ring_ && options.auto_flush) {
  if (ring_) {
    buffers_ = uring::Ref<uring::BufferCache>(&ring_->buffers());
  } else {
    buffers_ = uring::make_ref<uring::BufferCache>(std::pmr::new_delete_resource(), size_t{0});
  }
}

std::string WriterState::where() const {
  return absl::StrCat(uring::as_absl(name()), " at offset ", queue_.pos());
}

const absl::Status& WriterState::tell_error() {
  error_told_ = true;
  return error_;
}

absl::Status WriteRequest::finish() {
  detach();
  if (!failure_.ok() && failure_ == state_->error_) state_->error_told_ = true;
  return std::move(failure_);
}

void WriteRequest::call_ended() {
  if (waiter_.handle()) state_->ring()->make_ready(waiter_);
}

// --- serving a call ------------------------------------------------------------------------------

absl::Status WriterState::usable(WriteRequest::Purpose purpose) {
  if (closed_) {
    return absl::FailedPreconditionError(
        absl::StrCat(uring::as_absl(name()), ": the Writer was closed or released"));
  }
  if (purpose == WriteRequest::Purpose::kEnd) return absl::OkStatus();
  if (!error_.ok()) return error_;
  if (shut_down_ && purpose == WriteRequest::Purpose::kAccept) {
    return absl::FailedPreconditionError(
        absl::StrCat(uring::as_absl(name()), ": the Writer was shut down"));
  }
  if (ring_ && !ring_->status().ok()) {
    fail(uring::annotate(ring_->status(), where()));
    return error_;
  }
  return absl::OkStatus();
}

// True if the call is done; false if it must suspend.
bool WriterState::begin(WriteRequest& request) {
  if (ring_) ring_->check_thread("Writer");
  request.keep_ = uring::Ref<WriterState>(this);
  request.done_ = false;
  if (pending_ != nullptr) {
    request.failure_ = absl::FailedPreconditionError(
        absl::StrCat(uring::as_absl(name()), ": another call on this Writer waits"));
    return true;
  }
  request.failure_ = usable(request.purpose_);
  if (!request.failure_.ok()) return true;
  queue_.end_reservation();
  pending_ = &request;
  request.done_ = advance(request);
  if (!request.done_) refresh();
  return request.done_;
}

bool WriterState::suspend(WriteRequest& request, std::coroutine_handle<> waiting) {
  URING_CHECK(ring_, "a Writer without a Ring has a sink that does not complete at once");
  request.waiter_.set_handle(waiting);
  deadline_.start(*ring_);
  return true;
}

bool WriterState::advance(WriteRequest& request) {
  advancing_ = true;
  bool done = false;
  for (;;) {
    done = request.satisfied();
    if (done) break;
    if (!error_.ok() && request.purpose_ != WriteRequest::Purpose::kEnd) {
      request.failure_ = error_;
      done = true;
      break;
    }
    if (!std::exchange(request.waiting_, true)) ++stats_.waits;
    if (queue_.unwritten() == 0 || !error_.ok()) break;
    push();
    if (error_.ok() && (ring_ || sending_)) break;
  }
  advancing_ = false;
  return done;
}

void WriterState::progress() {
  WriteRequest* request = pending_;
  if (advancing_) return;
  if (request != nullptr && !request->done_ && advance(*request)) wake(*request);
  refresh();
}

void WriterState::wake(WriteRequest& request) {
  request.done_ = true;
  deadline_.stop(ring_.get());
  request.call_ended();
}

// Destroyed or resumed: either way the Writer is free for the next call.
void WriterState::leave(WriteRequest& request) {
  if (pending_ == &request) {
    pending_ = nullptr;
    deadline_.stop(ring_.get());
    refresh();
  }
  request.waiter_.unlink();
}

void WriterState::fail_pending(absl::Status status) {
  WriteRequest* request = pending_;
  if (request == nullptr || request->done_) return;
  request->failure_ = std::move(status);
  wake(*request);
}

void WriterState::deadline_expired() {
  fail_pending(absl::DeadlineExceededError(absl::StrCat(where(), ": the deadline has passed")));
}

void WriterState::interrupt() {
  if (ring_) ring_->check_thread("Writer::interrupt");
  fail_pending(absl::CancelledError(absl::StrCat(where(), ": interrupted")));
}

// --- bytes in ------------------------------------------------------------------------------------

size_t WriterState::allowance() const {
  return high_water_ - std::min(high_water_, queue_.unwritten());
}

bool WriterState::room_for(size_t n, bool waited) const {
  return n <= allowance() && (!waited || queue_.unwritten() <= low_water_);
}

void WriterState::accept(std::string_view bytes) {
  queue_.append_all(bytes, buffers());
  bytes_accepted();
}

bool WriterState::open_at_once() const {
  if (!open() || !ring_ || !ring_->status().ok()) return false;
  ring_->check_thread("Writer");
  return true;
}

bool WriterState::try_accept(uring::Piece piece) {
  if (!open_at_once() || !room_for_owned(piece.size, /*waited=*/false)) return false;
  queue_.end_reservation();
  accept(std::move(piece));
  return true;
}

bool WriterState::try_accept(std::span<const std::string_view> parts) {
  if (!open_at_once()) return false;
  size_t total = 0;
  for (std::string_view part : parts) total += part.size();
  if (!room_for(total, /*waited=*/false)) return false;
  queue_.end_reservation();
  for (std::string_view part : parts) queue_.append_all(part, buffers());
  bytes_accepted();
  return true;
}

size_t WriterState::accept_some(std::string_view bytes, bool waited) {
  bytes = bytes.substr(0, allowance());
  if (!room_for(bytes.size(), waited)) return 0;
  accept(bytes);
  return bytes.size();
}

bool WriterState::room_for_owned(size_t n, bool waited) const {
  return n > high_water_ ? queue_.unwritten() <= low_water_ : room_for(n, waited);
}

void WriterState::accept(uring::Piece piece) {
  queue_.push(std::move(piece));
  bytes_accepted();
}

bool WriterState::make_room(size_t n, bool waited) {
  if (!room_for(n, waited)) return false;
  queue_.make_room(n, buffers());
  queue_.allow(allowance());
  queue_.reserve();
  return true;
}

// How far bytes may come without asking us.
void WriterState::refresh() {
  if (queue_.has_buffer()) queue_.allow(open() && arranged() ? allowance() : 0);
}

void WriterState::bytes_accepted() {
  if (gathers_) arrange_sending();
  if (pending_ == nullptr) refresh();
}

// --- bytes out -----------------------------------------------------------------------------------

void WriterState::push() {
  push_until_ = queue_.pos();
  if (ring_ && !ring_->status().ok()) return fail(uring::annotate(ring_->status(), where()));
  if (ring_) return arrange_sending();
  while (!sending_ && queue_.unwritten() > 0 && error_.ok()) start_sending();
}

void WriterState::arrange_sending() {
  if (!sending_ && queue_.unwritten() > 0) ring_->before_submit(*this);
}

void WriterState::about_to_submit() {
  if (sending_ || queue_.unwritten() == 0 || !error_.ok()) return refresh();
  if (!ring_->status().ok()) return fail(uring::annotate(ring_->status(), where()));
  start_sending();
}

void WriterState::start_sending() {
  sending_ = true;
  ++stats_.writes;
  send();
}

void WriterState::wrote(size_t n) {
  sending_ = false;
  // A Ring that goes fails its Writers, whose queue is empty then, before their writes end.
  if (!error_.ok()) return progress();
  queue_.take(n);
  // What this turn's coroutines add goes with the rest.
  if (ring_ && (gathers_ || queue_.written() < push_until_)) arrange_sending();
  progress();
}

void WriterState::fail(absl::Status error) {
  sending_ = false;
  if (error_.ok()) error_ = std::move(error);
  unlink();
  queue_.clear();
  progress();
}

// --- the end -------------------------------------------------------------------------------------

void WriterState::set_closed() {
  closed_ = true;
  refresh();
}

void WriterState::set_shut_down() {
  shut_down_ = true;
  refresh();
}

void WriterState::writer_gone() {
  fail_pending(absl::FailedPreconditionError(
      absl::StrCat(uring::as_absl(name()), ": the Writer was destroyed")));
  if (!closed_ && error_.ok()) last_words();
  if (!closed_) report_drop();
  closed_ = true;
  unlink();
  retire();
  queue_.clear();
  queue_.allow(0);
}

void WriterState::report_drop() {
  if (queue_.unwritten() == 0 || error_told_) return;
  DroppedBytes dropped = {std::string(name()), queue_.unwritten(), error_};
  if (on_drop_) return (*on_drop_)(dropped);
  std::string reason = error_.ok() ? std::string("flush() or close() it first") : error_.ToString();
  std::string line =
      absl::StrCat("bufio: a Writer was destroyed with ", dropped.count,
                   " accepted bytes not written, to ", dropped.name, ": ", reason, "\n");
  std::fputs(line.c_str(), stderr);
}

// --- what sinks need not provide -----------------------------------------------------------------

bool WriterState::start_sync(bool) { return true; }

absl::Status WriterState::sync_status() const {
  return uring::errno_status(EINVAL, "fsync", name());
}

absl::Status WriterState::shut_down() { return uring::errno_status(ENOTSOCK, "shutdown", name()); }

}  // namespace bufio
