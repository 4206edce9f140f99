#include "tests/simulate/writer_actor.h"

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "absl/strings/str_cat.h"
#include "tests/simulate/unobserved.h"
#include "tests/simulate/writer_calls.h"
#include "uring/status.h"

namespace bufio::simulate {

using std::chrono::hours;

// --- what is known -------------------------------------------------------------------------------

void WriterActor::expect(bool holds, std::string_view what) {
  if (!holds) world_.fail(absl::StrCat(name_, " at ", accepted_, ": ", uring::as_absl(what)));
}

uring::Ring* WriterActor::live_ring() {
  return subject_->ring.has_value() && !ring_gone_now() ? world_.ring(*subject_->ring) : nullptr;
}

bool WriterActor::may_be_at(uint64_t pos) const {
  const uint64_t more = pos - accepted_;
  return pos >= accepted_ &&
         (more == 0 || more == call_.size || (call_.in_parts && more < call_.size));
}

// Errors that the sink, or a Ring that is gone, may have brought.
bool WriterActor::may_be_error(const absl::Status& status) const {
  if (ring_gone_now() && absl::IsFailedPrecondition(status)) return true;
  const int error = uring::errno_of(status);
  if (error == 0) return false;
  const bool hung_up = subject_->record->hung_up && error == EPIPE;
  return hung_up || error == subject_->error || world_.system().may_fail_with(error);
}

void WriterActor::look_at_orphan(const absl::Status& status) {
  const bool as_usual = status.ok() || absl::IsFailedPrecondition(status) || may_be_error(status);
  const bool cancelled = (absl::IsCancelled(status) && call_.interrupted) ||
                         (absl::IsDeadlineExceeded(status) && call_.has_deadline);
  expect(as_usual || cancelled, "of a Writer that is gone: " + status.ToString());
}

bool WriterActor::went_well(const absl::Status& status) {
  if (writer_gone()) {
    look_at_orphan(status);
    return status.ok();
  }
  if (status.ok()) return true;
  if (absl::IsCancelled(status) || absl::IsDeadlineExceeded(status)) {
    const bool asked_for = absl::IsCancelled(status) ? call_.interrupted : call_.has_deadline;
    expect(asked_for, "cancelled by nobody: " + status.ToString());
    return false;
  }
  const bool refused = absl::IsFailedPrecondition(status) && shut_down_;
  if (refused) return false;
  expect(may_be_error(status), "an error from nowhere: " + status.ToString());
  expect(status == writer().status(), "an error that the Writer does not show");
  error_told_ = true;
  return false;
}

void WriterActor::look_at_position(bool accepted) {
  if (writer_gone()) return;
  if (accepted) {
    accepted_ += call_.size;
  } else if (call_.in_parts) {
    expect(may_be_at(pos()), absl::StrCat("cut short, and yet at ", pos()));
    accepted_ = std::max(accepted_, pos());
  }
  call_.size = 0;
  expect(pos() == accepted_, absl::StrCat("pos is ", pos(), " after a call"));
}

void WriterActor::call_was_cut_short() {
  if (subject_ == nullptr || writer_gone() || closed_) return;
  expect(may_be_at(pos()), absl::StrCat("cut short, and yet at ", pos()));
  accepted_ = std::max(accepted_, pos());
  call_.size = 0;
}

// --- at any time ---------------------------------------------------------------------------------

void WriterActor::check() {
  if (subject_ == nullptr) return;
  if (subject_->writer && !closed_) {
    const bool right = pending_.waits() ? may_be_at(pos()) : pos() == accepted_;
    expect(right, absl::StrCat("pos is ", pos()));
    expect(writer().unwritten() == writer().pos() - writer().written(), "unwritten is wrong");
    const uint64_t bound = subject_->options.high_water + largest_owned_;
    expect(writer().unwritten() <= bound, "more than the high-water mark waits");
    look_at_error();
  }
  look_at_sink();
}

void WriterActor::look_at_sink() {
  SinkRecord& record = *subject_->record;
  if (subject_->writer && !closed_) {
    record.accepted = pos();
    record.written = writer().written() - subject_->start();
  }
  std::string wrong = record.look();
  if (!wrong.empty()) expect(false, wrong);
}

void WriterActor::look_at_error() {
  const absl::Status status = writer().status();
  if (!error_.ok()) return expect(status == error_, "an error has gone away");
  if (status.ok()) return;
  error_ = status;
  expect(may_be_error(status), "an error from nowhere: " + status.ToString());
}

// --- steps ---------------------------------------------------------------------------------------

void WriterActor::act(Choices& choices) {
  pending_.collect();
  if (pending_.made()) return act_on_call(choices);
  if (subject_ == nullptr || writer_gone()) return begin_writer(choices);
  if (closed_) return use_after_close(choices);
  act_freely(choices);
}

void WriterActor::begin_writer(Choices& choices) {
  drop_subject();
  if (!is_half_) take_up(make_writer_subject(world_, choices));
}

void WriterActor::use(std::unique_ptr<WriterSubject> half) {
  is_half_ = true;
  drop_subject();
  take_up(std::move(half));
}

void WriterActor::take_up(std::unique_ptr<WriterSubject> subject) {
  subject_ = std::move(subject);
  call_ = Call();
  accepted_ = 0;
  largest_owned_ = 0;
  closed_ = shut_down_ = error_told_ = false;
  deadline_.reset();
  error_ = absl::OkStatus();
  world_.note(name_, ": writes to a ", sink_name(subject_->kind), ", high water ",
              subject_->options.high_water, ", zero copy from ", subject_->options.zero_copy_above,
              ", copies below ", subject_->options.copy_below,
              subject_->options.auto_flush ? "" : ", flushes by hand");
  expect(pos() == 0, "a new Writer begins elsewhere");
}

void WriterActor::drop_subject() {
  if (subject_ != nullptr && subject_->writer) destroy_writer();
  subject_.reset();
}

void WriterActor::act_on_call(Choices& choices) {
  if (ring_gone_now()) {
    if (!writer_gone() && choices.one_in(3)) return destroy_writer();
    return pending_.destroy("destroyed, after its Ring");
  }
  const uint32_t what = choices.below(16);
  switch (writer_gone() ? what % 8 : what) {
    case 0:
    case 1:
    case 2:
    case 3:
      return make_room(choices);
    case 4:
      return pending_.destroy("destroyed");
    case 5:
      if (uring::Ring* ring = live_ring(); ring != nullptr) pending_.destroy_from(*ring);
      return;
    case 6:
      return pending_.end_race();
    case 7:
      world_.note(name_, ": two hours pass");
      return world_.system().advance(hours(2));
    case 8:
      world_.note(name_, ": interrupts");
      writer().interrupt();
      call_.interrupted = true;
      return;
    case 9:
      return move_writer();
    case 10:
    case 11:
      return call_twice(choices);
    case 12:
      return change_deadline(choices);
    case 13:
      if (choices.one_in(3)) destroy_writer();
      return;
    case 14:
      return hang_up(choices);
    default:
      return;
  }
}

void WriterActor::act_freely(Choices& choices) {
  switch (choices.below(20)) {
    case 13:
    case 14:
      return make_room(choices);
    case 15:
      return hang_up(choices);
    case 16:
      return move_writer();
    case 17:
      return change_deadline(choices);
    case 18:
      world_.note(name_, ": interrupts nobody");
      return writer().interrupt();
    case 19:
      if (choices.one_in(ring_gone_now() ? 2 : 4)) destroy_writer();
      return;
    default:
      return make_call(choices);
  }
}

void WriterActor::make_call(Choices& choices) {
  switch (choices.below(14)) {
    case 0:
    case 1:
    case 2:
      world_.note(name_, ": flush");
      return start(WriterCalls::flush(*this), choices);
    case 3:
      if (!choices.one_in(2)) break;
      world_.note(name_, ": sync");
      return start(WriterCalls::sync(*this, choices.one_in(2)), choices);
    case 4:
      if (!choices.one_in(6)) break;
      switch (choices.below(3)) {
        case 0:
          world_.note(name_, ": shutdown");
          return start(WriterCalls::shutdown(*this), choices);
        case 1:
          world_.note(name_, ": release");
          return start(WriterCalls::release(*this), choices);
        default:
          world_.note(name_, ": close");
          return start(WriterCalls::close(*this), choices);
      }
    default:
      break;
  }
  write_something(choices, choices.one_in(16)  ? choices.below(9000)
                           : choices.one_in(4) ? choices.below(400)
                                               : choices.below(60));
}

void WriterActor::write_something(Choices& choices, size_t n) {
  const bool in_parts = n > subject_->options.high_water;
  switch (choices.below(10)) {
    case 0:
    case 1:
    case 2:
      world_.note(name_, ": write_owned ", n);
      largest_owned_ = std::max<uint64_t>(largest_owned_, n);
      return start(WriterCalls::write_owned(*this, n), choices, n);
    case 3:
      world_.note(name_, ": write_owned, a cord of ", n);
      largest_owned_ = std::max<uint64_t>(largest_owned_, n);
      return start(WriterCalls::write_cord(*this, n, choices.below(1U << 31)), choices, n);
    case 4: {
      const size_t first = choices.below(static_cast<uint32_t>(n) + 1);
      world_.note(name_, ": write_all ", first, " and ", n - first);
      return start(WriterCalls::write_all(*this, n, first), choices, n, in_parts);
    }
    case 5:
      world_.note(name_, ": write_all ", n, ", in pieces");
      return start(WriterCalls::write_span(*this, n, choices.below(1U << 31)), choices, n,
                   in_parts);
    case 6:
      world_.note(name_, ": write_file ", n);
      largest_owned_ = std::max<uint64_t>(largest_owned_, n);
      return start(WriterCalls::write_file(*this, n), choices, n);
    case 7:
      world_.note(name_, ": reserve ", n);
      return start(WriterCalls::reserve(*this, n, choices.below(1U << 31)), choices);
    default:
      world_.note(name_, ": write ", n);
      return start(WriterCalls::write(*this, n), choices, n, in_parts);
  }
}

void WriterActor::prepare_call(uint64_t size, bool in_parts) {
  call_ = Call();
  call_.size = size;
  call_.in_parts = in_parts;
  call_.has_deadline = deadline_.has_value();
}

void WriterActor::start(uring::Task<void> body, Choices& choices, uint64_t size, bool in_parts) {
  prepare_call(size, in_parts);
  pending_.start(live_ring(), std::move(body), choices);
}

void WriterActor::expect_refusal(uring::Task<void> call) {
  expect(call.start(Unobserved::instance()), "what must be refused waits");
}

void WriterActor::call_twice(Choices& choices) {
  if (!pending_.waits()) return;
  world_.note(name_, ": a second call");
  expect_refusal(choices.one_in(2) ? WriterCalls::flush_refused(*this)
                                   : WriterCalls::write_refused(*this));
}

void WriterActor::use_after_close(Choices& choices) {
  world_.note(name_, ": a call after the end");
  expect_refusal(WriterCalls::flush_refused(*this));
  expect_refusal(WriterCalls::write_refused(*this));
  if (choices.one_in(2)) destroy_writer();
  drop_subject();
}

void WriterActor::make_room(Choices& choices) {
  const size_t bytes = 1 + choices.below(100);
  world_.note(name_, ": room for ", bytes, " more");
  subject_->record->outlet->make_room(bytes);
}

void WriterActor::hang_up(Choices& choices) {
  const bool stream = subject_->kind == SinkKind::kPipe || subject_->kind == SinkKind::kSocket;
  if (!stream || subject_->record->hung_up || !choices.one_in(3)) return;
  const bool resets = subject_->kind == SinkKind::kSocket && choices.one_in(2);
  const int error = resets ? ECONNRESET : EPIPE;
  if (!subject_->record->outlet->hang_up(error)) return;
  world_.note(name_, ": its peer hangs up");
  subject_->error = error;
  subject_->record->hung_up = true;
}

void WriterActor::move_writer() {
  world_.note(name_, ": the Writer moves");
  Writer elsewhere = std::move(writer());
  subject_->writer.emplace(std::move(elsewhere));
}

// What it had accepted and not written is lost, and it says so, unless it has already told why.
void WriterActor::destroy_writer() {
  world_.note(name_, ": the Writer is destroyed");
  if (!closed_) look_at_error();
  if (!closed_) look_at_sink();
  const uint64_t left = writer().unwritten();
  const absl::Status why = writer().status();
  const bool lost = left > 0 && !closed_ && !(error_told_ && !why.ok()) && !subject_->is_memory();
  subject_->writer.reset();
  const std::optional<DroppedBytes>& dropped = *subject_->dropped;
  expect(dropped.has_value() == lost, lost ? "lost bytes were not reported" : "nothing was lost");
  if (lost && dropped.has_value()) {
    expect(dropped->count == left && dropped->status == why, "the report of lost bytes is wrong");
  }
  if (subject_->is_memory()) {
    SinkRecord& record = *subject_->record;
    expect(record.seen() == record.accepted, "memory lost bytes");
  }
  if (!pending_.made()) subject_.reset();
}

void WriterActor::change_deadline(Choices& choices) {
  const uint32_t what = choices.below(4);
  if (what < 2) {
    world_.note(name_, ": no deadline");
    deadline_.reset();
    return writer().clear_deadline();
  }
  world_.note(name_, what == 2 ? ": a deadline in an hour" : ": a deadline that has passed");
  const uring::TimePoint now = world_.system().kernel().now();
  deadline_ = what == 2 ? now + hours(1) : now - hours(1);
  writer().set_deadline(*deadline_);
}

// --- the end -------------------------------------------------------------------------------------

// Writes what is left, and closes.
bool WriterActor::wind_up() {
  pending_.collect();
  if (subject_ == nullptr) return true;
  static_cast<void>(subject_->record->outlet->make_room_if_full());
  if (pending_.made()) {
    if (!ring_gone_now()) return false;
    pending_.destroy("destroyed in the end, after its Ring");
  }
  if (writer_gone() || closed_) return true;
  if (!writer().status().ok()) return true;
  writer().clear_deadline();
  deadline_.reset();
  // Without a limit in time, so that one that waits for nothing is found out.
  uring::testing::SeededChoices plain(accepted_);
  prepare_call(0, false);
  pending_.start(nullptr, WriterCalls::close(*this), plain);
  return false;
}

void WriterActor::let_go() {
  pending_.drop();
  if (subject_ != nullptr && !writer_gone() && !closed_) call_was_cut_short();
  drop_subject();
}

}  // namespace bufio::simulate
