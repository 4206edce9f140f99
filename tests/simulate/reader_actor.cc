#include "tests/simulate/reader_actor.h"

#include <cerrno>
#include <chrono>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "tests/simulate/reader_calls.h"
#include "tests/simulate/unobserved.h"
#include "uring/spawn.h"
#include "uring/status.h"

namespace bufio::simulate {
namespace {

using std::chrono::hours;

absl::string_view shown(std::string_view text) { return uring::as_absl(text); }

// The same trouble; what it is told with may differ.
bool same_error(const absl::Status& a, const absl::Status& b) {
  return a.code() == b.code() && uring::errno_of(a) == uring::errno_of(b);
}

}  // namespace

ReaderActor::~ReaderActor() { let_go(); }

// --- what is known -------------------------------------------------------------------------------

void ReaderActor::expect(bool holds, std::string_view what) {
  if (!holds) world_.fail(absl::StrCat(name_, " at ", pos_, ": ", shown(what)));
}

void ReaderActor::expect_agreement(const std::string& mismatch) {
  if (!mismatch.empty()) expect(false, mismatch);
}

uring::Ring* ReaderActor::live_ring() {
  return subject_->ring.has_value() && !ring_gone_now() ? world_.ring(*subject_->ring) : nullptr;
}

Situation ReaderActor::situation() const {
  subject_->look_at_break();
  const Reader& reader = *subject_->reader;
  return {*subject_->text, pos_, reader.pos(), subject_->options.max_buffer_size,
          reader.source_ended()};
}

// Errors that the source, or a Ring that is gone, may have brought.
bool ReaderActor::may_be_error(const absl::Status& status) const {
  if (ring_gone_now() && absl::IsFailedPrecondition(status)) return true;
  const int error = uring::errno_of(status);
  return error != 0 && (error == subject_->error || world_.system().may_fail_with(error));
}

bool ReaderActor::excused(const absl::Status& status, bool answerable) {
  if (status.ok()) return false;
  if (reader_gone()) {
    const bool as_usual = absl::IsFailedPrecondition(status) || may_be_error(status);
    const bool cancelled = (absl::IsCancelled(status) && call_.interrupted) ||
                           (absl::IsDeadlineExceeded(status) && call_.has_deadline);
    if (!as_usual && !cancelled) expect(false, "of a Reader that is gone: " + status.ToString());
    return true;
  }
  const bool cancelled = absl::IsCancelled(status) || absl::IsDeadlineExceeded(status);
  if (cancelled) {
    const bool asked_for = absl::IsCancelled(status) ? call_.interrupted : call_.has_deadline;
    expect(asked_for, "cancelled by nobody: " + status.ToString());
  } else if (may_be_error(status)) {
    expect(!answerable, "an error though the bytes are there: " + status.ToString());
    expect(status == reader().status(), "an error that the Reader does not show");
  } else {
    return false;
  }
  look_at_position();
  return true;
}

void ReaderActor::call_was_cut_short() {
  if (subject_ != nullptr && subject_->reader && !closed_) look_at_position();
}

void ReaderActor::look_at_position() {
  const uint64_t pos = reader().pos();
  expect(pos >= pos_ && pos <= call_.most_after, absl::StrCat("cut short, and yet at ", pos));
  pos_ = pos;
}

void ReaderActor::lend(std::string_view view) {
  lent_ = view;
  lent_bytes_ = view;
}

// --- at any time ---------------------------------------------------------------------------------

void ReaderActor::check() {
  if (subject_ == nullptr || !subject_->reader || closed_) return;
  const Reader& reader = *subject_->reader;
  subject_->look_at_break();
  const uint64_t pos = reader.pos();
  const bool waiting = calling() && !call_.task.ended();
  if (waiting) {
    expect(pos >= pos_ && pos <= call_.most, absl::StrCat("a waiting call is at ", pos));
  } else {
    expect(pos == pos_, absl::StrCat("the cursor is at ", pos));
  }
  const std::string_view text = *subject_->text;
  const std::string_view rest =
      text.substr(std::min<size_t>(static_cast<size_t>(pos), text.size()));
  expect(reader.buffered() == rest.substr(0, reader.available()), "the window shows other bytes");
  expect(lent_ == lent_bytes_, "bytes that were lent have changed");
  look_at_end();
}

// The end and errors stay, and the source is left alone after them.
void ReaderActor::look_at_end() {
  const Reader& reader = *subject_->reader;
  if (!error_.ok()) {
    expect(same_error(error_, reader.status()), "an error has gone away");
  } else if (!reader.status().ok()) {
    error_ = reader.status();
    expect(may_be_error(error_), "an error from nowhere: " + error_.ToString());
  }
  if (!reader.source_ended()) {
    expect(!reads_at_end_.has_value(), "the end was forgotten");
    return;
  }
  const uint64_t reads = reader.stats().reads;
  expect(reads == reads_at_end_.value_or(reads), "read again after the end");
  reads_at_end_ = reads;
}

// --- steps ---------------------------------------------------------------------------------------

void ReaderActor::act(Choices& choices) {
  collect_call();
  if (calling()) return act_on_call(choices);
  if (subject_ == nullptr || reader_gone()) return begin_reader(choices);
  if (closed_) return use_after_close();
  act_freely(choices);
}

void ReaderActor::collect_call() {
  if (calling() && call_.task.ended()) call_.task.reset();
}

void ReaderActor::drop_subject() {
  end_loans();
  subject_.reset();
}

void ReaderActor::take_up(std::unique_ptr<ReaderSubject> subject, uint64_t pos) {
  drop_subject();
  subject_ = std::move(subject);
  pos_ = pos;
  closed_ = false;
  deadline_.reset();
  error_ = absl::OkStatus();
  reads_at_end_.reset();
  world_.note(name_, ": reads a ", source_name(subject_->kind), " of ", subject_->text->size(),
              " bytes from ", pos_, ", limit ", subject_->options.max_buffer_size, ", read size ",
              subject_->options.read_size,
              subject_->error != 0 ? absl::StrCat(", ending with errno ", subject_->error) : "");
  expect(reader().pos() == pos, "a new Reader begins elsewhere");
}

void ReaderActor::begin_reader(Choices& choices) {
  if (is_half_) return drop_subject();
  take_up(make_subject(world_, choices), 0);
}

void ReaderActor::use(std::unique_ptr<ReaderSubject> half) {
  is_half_ = true;
  take_up(std::move(half), 0);
}

void ReaderActor::act_on_call(Choices& choices) {
  if (ring_gone_now()) return end_call_without_ring(choices);
  const uint32_t what = choices.below(15);
  switch (reader_gone() ? what % 8 : what) {
    case 0:
    case 1:
    case 2:
    case 3:
      return feed();
    case 4:
      return cancel_call("destroyed");
    case 5:
      if (uring::Ring* ring = live_ring(); ring != nullptr) {
        world_.note(name_, ": a coroutine is to kill the call");
        uring::spawn(*ring, ReaderCalls::kill(*this, call_.number));
      }
      return;
    case 6:
      world_.note(name_, ": the race is over");
      call_.race_over = true;
      return;
    case 7:
      world_.note(name_, ": two hours pass");
      return world_.system().advance(hours(2));
    case 8:
      world_.note(name_, ": interrupts");
      reader().interrupt();
      call_.interrupted = true;
      return;
    case 9:
      return move_reader();
    case 10:
    case 11:
      return call_twice(choices);
    case 12:
      return change_deadline(choices);
    case 13:
      if (!choices.one_in(3)) return;
      return destroy_reader(choices);
    default:
      return;
  }
}

// Nobody will resume it.
void ReaderActor::end_call_without_ring(Choices& choices) {
  if (!reader_gone() && choices.one_in(3)) return destroy_reader(choices);
  cancel_call("destroyed, after its Ring");
}

void ReaderActor::feed() {
  if (subject_->feeder == nullptr || !subject_->feeder->feed()) return;
  world_.note(name_, ": ", subject_->feeder->fed(), " bytes have been written",
              subject_->feeder->ended() ? ", and the end" : "");
}

void ReaderActor::cancel_call(std::string_view how) {
  if (!calling()) return;
  world_.note(name_, ": the call is ", shown(how));
  call_.task.reset();
  call_was_cut_short();
}

void ReaderActor::act_freely(Choices& choices) {
  switch (choices.below(20)) {
    case 11:
    case 12:
      return consume(choices);
    case 13:
      return feed();
    case 14:
      return seek(choices);
    case 15:
      return ask_size();
    case 16:
      return move_reader();
    case 17:
      return change_deadline(choices);
    case 18:
      world_.note(name_, ": interrupts nobody");
      return reader().interrupt();
    case 19:
      if (!choices.one_in(ring_gone_now() ? 2 : 6)) return;
      return destroy_reader(choices);
    default:
      return make_call(choices);
  }
}

void ReaderActor::make_call(Choices& choices) {
  const size_t n = choices.one_in(4) ? choices.below(300) : choices.below(20);
  switch (choices.below(14)) {
    case 0:
    case 1:
      world_.note(name_, ": fill_buf ", n);
      return start(ReaderCalls::fill_buf(*this, n), pos_, pos_, choices);
    case 2:
      world_.note(name_, ": fill_more ", n);
      return start(ReaderCalls::fill_more(*this, n), pos_, pos_, choices);
    case 3:
      world_.note(name_, ": require ", n);
      return start(ReaderCalls::require(*this, n), pos_, pos_, choices);
    case 4:
    case 5: {
      std::string delimiter;
      const size_t length = 1 + choices.below(3);
      while (delimiter.size() < length) delimiter += "ab\n\r"[choices.below(4)];
      const ReadUntilOptions options = {
          .max_length = choices.one_in(2) ? 0 : size_t{1} + choices.below(200),
          .keep_delimiter = choices.one_in(2)};
      world_.note(name_, ": read_until ", absl::CHexEscape(delimiter), ", at most ",
                  options.max_length);
      return start(ReaderCalls::read_until(*this, std::move(delimiter), options), pos_, pos_,
                   choices);
    }
    case 6:
    case 7:
    case 8:
      return call_lines(choices);
    case 9:
      world_.note(name_, ": read_exact ", n);
      return start(ReaderCalls::read_exact(*this, n), pos_ + n, pos_, choices);
    case 10:
      world_.note(name_, ": read_to_end ", n * 4);
      return start(ReaderCalls::read_to_end(*this, n * 4), pos_, pos_, choices);
    case 11:
    case 12:
      world_.note(name_, ": skip ", n);
      return start(ReaderCalls::skip(*this, n), pos_ + n, pos_ + n, choices);
    default:
      if (!choices.one_in(4)) return;
      if (choices.one_in(2)) {
        world_.note(name_, ": close");
        return start(ReaderCalls::close(*this), pos_, pos_, choices);
      }
      world_.note(name_, ": release");
      return start(ReaderCalls::release(*this, choices.below(1U << 31)), pos_, pos_, choices);
  }
}

void ReaderActor::call_lines(Choices& choices) {
  constexpr LongLine kPolicies[] = {LongLine::kError, LongLine::kTruncate, LongLine::kSkip};
  const LineOptions options = {.max_length = choices.one_in(2) ? 0 : size_t{1} + choices.below(30),
                               .long_lines = kPolicies[choices.below(3)],
                               .keep_terminator = choices.one_in(2)};
  if (choices.one_in(2)) {
    world_.note(name_, ": read_line, at most ", options.max_length, ", policy ",
                static_cast<int>(options.long_lines));
    return start(ReaderCalls::read_line(*this, options), text_end(), text_end(), choices);
  }
  // Lines that are kept keep their options.
  if (subject_->lines == nullptr || choices.one_in(8)) {
    subject_->line_options = options;
    subject_->lines.reset(new Lines(reader().lines(options)));
  }
  const size_t count = 1 + choices.below(4);
  const bool in_bulk = choices.one_in(2);
  world_.note(name_, ": ", count, " lines, at most ", subject_->line_options.max_length,
              ", policy ", static_cast<int>(subject_->line_options.long_lines),
              in_bulk ? ", and those that are buffered" : "");
  start(ReaderCalls::next_lines(*this, count, in_bulk), text_end(), text_end(), choices,
        /*several=*/true);
}

void ReaderActor::start(uring::Task<void> body, uint64_t most, uint64_t most_after,
                        Choices& choices, bool several) {
  end_loans();
  call_ = Call();
  call_.number = ++calls_;
  call_.most = most;
  call_.most_after = most_after;
  call_.has_deadline = deadline_.has_value();
  call_.several = several;
  const uint32_t how = choices.below(4);
  if (uring::Ring* ring = live_ring(); ring != nullptr && how >= 2) {
    world_.note(name_, how == 2 ? "   in a race" : "   within an hour");
    body = how == 2 ? ReaderCalls::in_a_race(*this, *ring, std::move(body))
                    : ReaderCalls::within_an_hour(*this, *ring, std::move(body));
  }
  call_.task = std::move(body);
  static_cast<void>(call_.task.start(Unobserved::instance()));
}

void ReaderActor::expect_refusal(uring::Task<void> call) {
  expect(call.start(Unobserved::instance()), "what must be refused waits");
}

void ReaderActor::call_twice(Choices& choices) {
  world_.note(name_, ": a second call");
  switch (choices.below(3)) {
    case 0:
      return expect_refusal(ReaderCalls::refused(*this));
    case 1:
      if (subject_->lines == nullptr) return;
      return expect_refusal(ReaderCalls::next_refused(*this));
    default:
      return expect(absl::IsFailedPrecondition(reader().seek(0)), "sought while a call waits");
  }
}

void ReaderActor::consume(Choices& choices) {
  const size_t available = reader().available();
  const size_t n =
      choices.one_in(2) ? available : choices.below(static_cast<uint32_t>(available) + 1);
  world_.note(name_, ": consumes ", n, " of ", available);
  reader().consume(n);
  pos_ += n;
}

void ReaderActor::seek(Choices& choices) {
  const uint64_t size = subject_->text->size();
  const uint64_t to = choices.below(static_cast<uint32_t>(size) + (choices.one_in(8) ? 50 : 1));
  world_.note(name_, ": seeks ", to);
  end_loans();
  const absl::Status sought = reader().seek(to);
  if (!subject_->can_seek()) return expect(uring::errno_of(sought) == ESPIPE, "sought in a stream");
  if (!error_.ok()) return expect(same_error(sought, error_), "sought behind an error");
  expect(sought.ok(), sought.ToString());
  pos_ = to;
  reads_at_end_.reset();
}

void ReaderActor::ask_size() {
  const absl::StatusOr<uint64_t> size = reader().size();
  if (!subject_->can_seek()) {
    return expect(uring::errno_of(size.status()) == ESPIPE, "the size of a stream");
  }
  expect(size.ok() && *size == subject_->text->size(), "another size");
}

void ReaderActor::move_reader() {
  world_.note(name_, ": the Reader moves");
  Reader elsewhere = std::move(reader());
  subject_->reader.emplace(std::move(elsewhere));
}

void ReaderActor::destroy_reader(Choices& choices) {
  world_.note(name_, ": the Reader is destroyed");
  end_loans();
  subject_->reader.reset();
  if (calling()) return;
  // Lines may outlive their Reader, but have nothing to tell any more.
  if (subject_->lines != nullptr && choices.one_in(2)) {
    expect_refusal(ReaderCalls::next_refused(*this));
  }
  drop_subject();
}

void ReaderActor::use_after_close() {
  world_.note(name_, ": a call after the end");
  expect_refusal(ReaderCalls::refused(*this));
  expect(absl::IsFailedPrecondition(reader().seek(0)), "sought after the end");
  if (next_subject_ == nullptr) return drop_subject();
  take_up(std::move(next_subject_), next_pos_);
}

void ReaderActor::change_deadline(Choices& choices) {
  const uint32_t what = choices.below(4);
  if (what < 2) {
    world_.note(name_, ": no deadline");
    deadline_.reset();
    return reader().clear_deadline();
  }
  world_.note(name_, what == 2 ? ": a deadline in an hour" : ": a deadline that has passed");
  const uring::TimePoint now = world_.system().kernel().now();
  deadline_ = what == 2 ? now + hours(1) : now - hours(1);
  reader().set_deadline(*deadline_);
  // A call that waits keeps the one it began with; the next of several has this one.
  call_.has_deadline |= call_.several;
}

// --- the end -------------------------------------------------------------------------------------

// Reads on until all is read.
bool ReaderActor::wind_up() {
  collect_call();
  if (subject_ == nullptr) return true;
  if (calling()) {
    if (!ring_gone_now()) {
      feed();
      return false;
    }
    cancel_call("destroyed in the end, after its Ring");
  }
  if (reader_gone() || closed_) {
    if (reader_gone() || next_subject_ == nullptr) return true;
    take_up(std::move(next_subject_), next_pos_);
  }
  if (reader().source_ended() && reader().available() == 0) {
    const bool whole = pos_ >= subject_->text->size();
    expect(whole || !error_.ok(), "the source has ended before its text");
    return true;
  }
  reader().clear_deadline();
  deadline_.reset();
  const size_t available = reader().available();
  reader().consume(available);
  pos_ += available;
  uring::testing::SeededChoices plain(calls_);
  start(ReaderCalls::fill_buf(*this, 1), pos_, pos_, plain);
  return false;
}

void ReaderActor::let_go() {
  end_loans();
  call_.task.reset();
  next_subject_.reset();
  subject_.reset();
}

}  // namespace bufio::simulate
