#include "tests/simulate/reader_calls.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <span>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "uring/sleep.h"
#include "uring/timeout.h"
#include "uring/when_any.h"

namespace bufio::simulate {
namespace {

using uring::Task;

bool has_line(std::string_view bytes) { return bytes.find('\n') != std::string_view::npos; }

// What is buffered, if there still is a Reader.
std::string_view buffered(const std::optional<Reader>& reader) {
  return reader ? reader->buffered() : std::string_view();
}

}  // namespace

Task<void> ReaderCalls::fill_buf(ReaderActor& a, size_t n) {
  const size_t wanted = std::max<size_t>(n, 1);
  absl::StatusOr<std::string_view> view = co_await a.reader().fill_buf(n);
  if (a.excused(view.status(), buffered(a.subject_->reader).size() >= wanted)) co_return;
  a.expect_agreement(compare_fill(view, wanted, a.situation()));
  if (view.ok()) a.lend(*view);
}

Task<void> ReaderCalls::fill_more(ReaderActor& a, size_t n) {
  const size_t wanted = a.reader().available() + std::max<size_t>(n, 1);
  absl::StatusOr<std::string_view> view = co_await a.reader().fill_more(n);
  if (a.excused(view.status(), buffered(a.subject_->reader).size() >= wanted)) co_return;
  a.expect_agreement(compare_fill(view, wanted, a.situation()));
  if (view.ok()) a.lend(*view);
}

Task<void> ReaderCalls::require(ReaderActor& a, size_t n) {
  absl::StatusOr<std::string_view> view = co_await a.reader().require(n);
  if (a.excused(view.status(), buffered(a.subject_->reader).size() >= n)) co_return;
  a.expect_agreement(compare_require(view, n, a.situation()));
  if (view.ok()) a.lend(*view);
}

Task<void> ReaderCalls::read_until(ReaderActor& a, std::string delimiter,
                                   ReadUntilOptions options) {
  absl::StatusOr<Token> token = co_await a.reader().read_until(delimiter, options);
  const bool answerable = buffered(a.subject_->reader).find(delimiter) != std::string_view::npos;
  if (a.excused(token.status(), answerable)) co_return;
  const Situation at = a.situation();
  a.expect_agreement(compare_token(token, delimiter, options, at));
  a.pos_ = at.pos_after;
  if (token.ok() && token->has_value()) a.lend(**token);
}

Task<void> ReaderCalls::read_line(ReaderActor& a, LineOptions options) {
  absl::StatusOr<Token> line = co_await a.reader().read_line(options);
  if (a.excused(line.status(), has_line(buffered(a.subject_->reader)))) co_return;
  const Situation at = a.situation();
  a.expect_agreement(compare_line(line, options, at));
  a.pos_ = at.pos_after;
  if (line.ok() && line->has_value()) a.lend(**line);
}

Task<void> ReaderCalls::next_lines(ReaderActor& a, size_t count, bool in_bulk) {
  const LineOptions options = a.subject_->line_options;
  for (; count > 0; --count) {
    a.end_loans();
    Token token = co_await a.subject_->lines->next();
    absl::StatusOr<Token> line = token;
    if (!a.subject_->lines->status().ok()) line = a.subject_->lines->status();
    if (a.excused(line.status(), has_line(buffered(a.subject_->reader)))) co_return;
    Situation at = a.situation();
    a.expect_agreement(compare_line(line, options, at));
    a.pos_ = at.pos_after;
    if (!token) co_return;
    a.lend(*token);
    if (!in_bulk) continue;
    at.pos = a.pos_;
    a.end_loans();
    std::string mismatch;
    const auto compare = [&mismatch, &at, &options](std::string_view whole) {
      std::string wrong = compare_buffered_line(whole, options, at);
      if (mismatch.empty()) mismatch = std::move(wrong);
    };
    static_cast<void>(a.subject_->lines->for_each_buffered(compare));
    a.expect_agreement(mismatch);
    a.pos_ = at.pos;
    a.call_.from = a.pos_;
  }
}

Task<void> ReaderCalls::read_exact(ReaderActor& a, size_t n) {
  std::string into(n, '?');
  absl::Status status = co_await a.reader().read_exact(std::span<char>(into));
  if (a.excused(status, buffered(a.subject_->reader).size() >= n)) co_return;
  if (a.reader_gone()) co_return;  // it was done before
  const Situation at = a.situation();
  a.expect_agreement(compare_read_exact(status, into, at));
  a.pos_ = at.pos_after;
}

Task<void> ReaderCalls::read_to_end(ReaderActor& a, size_t limit) {
  absl::StatusOr<std::string> all = co_await a.reader().read_to_end(limit);
  if (a.excused(all.status(), false)) co_return;
  const Situation at = a.situation();
  a.expect_agreement(compare_read_to_end(all, limit, at));
  a.pos_ = at.pos_after;
}

Task<void> ReaderCalls::skip(ReaderActor& a, uint64_t n) {
  absl::StatusOr<uint64_t> passed = co_await a.reader().skip(n);
  const bool answerable = buffered(a.subject_->reader).size() > 0;
  if (a.excused(passed.status(), answerable)) co_return;
  if (a.reader_gone()) co_return;  // it was done before
  const Situation at = a.situation();
  a.expect_agreement(compare_skip(passed, n, at));
  a.pos_ = at.pos_after;
}

Task<void> ReaderCalls::close(ReaderActor& a) {
  absl::Status status = co_await a.reader().close();
  const bool cancelled = absl::IsCancelled(status) || absl::IsDeadlineExceeded(status);
  if ((cancelled || a.reader_gone()) && a.excused(status, false)) co_return;
  // What there is to tell of the source is told by those who have no descriptor to close.
  const bool told = a.subject_->kind == SourceKind::kCustom ||
                    a.subject_->kind == SourceKind::kInstant || a.ring_gone_now();
  a.expect(status.ok() || (told && status == a.reader().status()), "close failed");
  a.closed_ = true;
  a.pos_ = a.reader().pos();
}

Task<void> ReaderCalls::release(ReaderActor& a, uint64_t seed) {
  absl::StatusOr<Released> released = co_await a.reader().release();
  if (!released.ok()) {
    if (a.excused(released.status(), false)) co_return;
    a.expect(false, "release failed: " + released.status().ToString());
    co_return;
  }
  a.closed_ = true;
  ReaderCalls::released(a, *std::move(released), seed);
}

// The bytes that were read too far are those at the cursor, and whoever reads on from the
// descriptor finds the ones behind them.
void ReaderCalls::released(ReaderActor& a, Released released, uint64_t seed) {
  const Situation at = a.situation();
  a.expect(released.pos == a.pos_, "released elsewhere");
  a.expect(released.leftover == at.rest().substr(0, released.leftover.size()),
           "release: wrong bytes");
  if (!released.fd || a.subject_->kind == SourceKind::kLentPipe) return;
  uring::testing::SeededChoices choices(seed);
  const bool go_on = !a.ring_gone_now() && choices.one_in(2);
  const int fd = released.fd.release();
  if (!go_on) {
    ::close(fd);
    return;
  }
  if (a.subject_->duplicated != nullptr) *a.subject_->duplicated = true;
  const uint64_t behind = a.pos_ + released.leftover.size();
  std::unique_ptr<ReaderSubject> next =
      continue_subject(a.world_, *a.subject_, fd, behind, choices);
  a.world_.note("  read on from the descriptor at ", behind);
  a.next_pos_ = a.subject_->is_file() ? behind : 0;
  a.next_subject_ = std::move(next);
}

Task<void> ReaderCalls::refused(ReaderActor& a) {
  absl::StatusOr<std::string_view> view = co_await a.reader().fill_buf();
  a.expect(absl::IsFailedPrecondition(view.status()), "a call that cannot be was made");
}

Task<void> ReaderCalls::next_refused(ReaderActor& a) {
  Token token = co_await a.subject_->lines->next();
  a.expect(!token && absl::IsFailedPrecondition(a.subject_->lines->status()),
           "lines that cannot be were handed out");
}

// --- ways to be cancelled ------------------------------------------------------------------------

Task<void> ReaderCalls::referee(ReaderActor& a, uring::Ring& ring) {
  while (!a.call_.race_over) co_await uring::yield(ring);
}

Task<void> ReaderCalls::in_a_race(ReaderActor& a, uring::Ring& ring, Task<void> body) {
  auto first = co_await uring::when_any(std::move(body), referee(a, ring));
  if (first.index() == 1) a.call_was_cut_short();
}

Task<void> ReaderCalls::within_an_hour(ReaderActor& a, uring::Ring& ring, Task<void> body) {
  absl::Status status = co_await uring::with_timeout(ring, std::chrono::hours(1), std::move(body));
  if (!status.ok()) a.call_was_cut_short();
}

Task<void> ReaderCalls::kill(ReaderActor& a, uint64_t number) {
  if (a.call_.number == number && a.calling() && !a.call_.task.ended()) {
    a.cancel_call("killed by another coroutine");
  }
  co_return;
}

}  // namespace bufio::simulate
