// Random calls on a Reader, randomly cancelled, moved, sought and read on; every answer is compared
// with what the text says.

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bufio/reader.h"
#include "gtest/gtest.h"
#include "tests/cancelling.h"
#include "tests/guard_memory.h"
#include "tests/stream_rig.h"
#include "uring/ring.h"
#include "uring/spawn.h"
#include "uring/task.h"

namespace bufio {
namespace {

using std::chrono::hours;
using testing::ClockKernel;
using testing::How;
using testing::kAllHows;
using testing::kAllSources;
using testing::kill;
using testing::Race;
using testing::source_name;
using testing::SourceKind;
using testing::StreamRig;
using testing::Unobserved;
using testing::Went;
using testing::within_an_hour;
using uring::Task;

// Also interrupts reads of files, and has them bring less than they could.
class UnrulyKernel final : public ClockKernel {
 public:
  void plague(std::mt19937* random) { random_ = random; }

  int enter(io_uring& ring, unsigned to_submit, unsigned min_complete, unsigned flags,
            const __kernel_timespec* timeout) override {
    unsigned seen = *ring.cq.ktail;  // all taken by now, or spoiled already
    int result = ClockKernel::enter(ring, to_submit, min_complete, flags, timeout);
    if (random_ == nullptr) return result;
    for (unsigned at = seen; at != io_uring_smp_load_acquire(ring.cq.ktail); ++at) {
      io_uring_cqe& entry = ring.cq.cqes[at & ring.cq.ring_mask];
      bool answers_cancel = (entry.user_data & 1) != 0;
      if (answers_cancel || entry.res <= 0) continue;
      unsigned dice = (*random_)() % 8;
      if (dice == 0) entry.res = -EINTR;
      if (dice < 4 && entry.res > 1)
        entry.res = 1 + static_cast<int>((*random_)() % static_cast<unsigned>(entry.res));
    }
    return result;
  }

 private:
  std::mt19937* random_ = nullptr;
};

// One Reader, random calls, randomly cancelled; each answer is compared with what the text says.
class Program {
 public:
  Program(uring::Ring& ring, UnrulyKernel& kernel, uint32_t seed)
      : random_(seed), kernel_(kernel), ring_(ring) {}

  // What went wrong, or nothing.
  std::string run() {
    auto kind = kAllSources[pick(std::size(kAllSources))];
    std::string text;
    size_t size = pick(4) == 0 ? pick(5000) : pick(200);
    size_t variety = 1 + pick(12);
    while (text.size() < size) text += "ab\n\rab\r\ncdef"[pick(variety)];
    std::vector<size_t> pieces;
    for (size_t i = 0; i < 20; ++i) pieces.push_back(pick(3) == 0 ? 1 : 1 + pick(100));
    ReaderOptions options;
    options.max_buffer_size = pick(3) == 0 ? 100000 : 1 + pick(80);
    options.read_size = pick(3) == 0 ? 0 : 1 + pick(90);
    options.max_read_ahead = static_cast<int>(pick(6)) - 1;
    if (pick(2) == 0) options.buffers = BufferKind::kHeap;
    limit_ = options.max_buffer_size;
    note(source_name(kind) + ", text " + std::to_string(size) + ", limit " +
         std::to_string(limit_) + ", read size " + std::to_string(options.read_size));
    StreamRig rig(ring_, kind, text, pieces, options);
    rig_ = &rig;
    kernel_.plague(testing::is_file(kind) && pick(2) == 0 ? &random_ : nullptr);
    size_t calls = 0;
    while (!over_ && failure_.empty()) {
      // In the end the stream is read to its end, whatever it takes.
      patient_ = ++calls > 60;
      one_call();
    }
    kernel_.plague(nullptr);
    if (failure_.empty() && !rig.dismantle()) fail("something was left behind");
    if (failure_.empty()) return "";
    std::string report = failure_ + "\n";
    for (const std::string& line : trace_) report += "  " + line + "\n";
    return report;
  }

 private:
  size_t pick(size_t below) { return random_() % below; }
  void note(std::string line) { trace_.push_back(std::move(line)); }
  void fail(std::string why) {
    if (failure_.empty()) failure_ = std::move(why);
  }
  void expect(bool holds, std::string_view what) {
    if (!holds) fail(std::string(what) + " at " + std::to_string(pos_));
  }
  std::string_view rest() const {
    return std::string_view(rig_->text()).substr(std::min<uint64_t>(pos_, rig_->text().size()));
  }
  Reader& reader() { return rig_->reader(); }

  void one_call() {
    for (size_t turns = pick(3) == 0 ? pick(3) : 0; turns > 0; --turns) rig_->idle();
    pos_ = reader().pos();
    size_t n = pick(4) == 0 ? pick(300) : pick(20);
    size_t what = patient_ ? 0 : pick(14);
    note("at " + std::to_string(pos_) + ": call " + std::to_string(what) + ", " +
         std::to_string(n));
    switch (what) {
      case 0:
      case 1:
        return drive(fill_buf(*this, patient_ ? 1 : n));
      case 2:
        return drive(fill_more(*this, n));
      case 3:
        return drive(require(*this, n));
      case 4:
      case 5:
        return drive(read_until(*this));
      case 6:
      case 7:
        return drive(read_line(*this, /*kept=*/false));
      case 8:
        return drive(read_line(*this, /*kept=*/true));
      case 9:
        return drive(read_exact(*this, n));
      case 10:
        return drive(read_to_end(*this, n * 4));
      case 11:
        return drive(skip(*this, n));
      case 12:
        if (pick(2) == 0) rig_->move_reader();
        if (!testing::is_file(rig_->kind())) return;
        pos_ = pick(rig_->text().size() + 1);
        expect(reader().seek(pos_).ok(), "seek failed");
        return expect(reader().pos() == pos_, "seek went elsewhere");
      default:
        if (pick(8) != 0) return;
        return drive(close_or_release(*this, pick(2) == 0));
    }
  }

  // Runs the call in steps, and perhaps cancels it.
  void drive(Task<Went> task) {
    Race race;
    How how = kAllHows[pick(std::size(kAllHows))];
    size_t cancel_at = patient_ || pick(3) == 0 ? SIZE_MAX : pick(8);
    if (how == How::kLoseRace) task = race.run(*rig_, std::move(task));
    if (how == How::kTimeout) task = within_an_hour(*rig_, std::move(task));
    if (how == How::kDeadline) reader().set_deadline(kernel_.now() + hours(1));
    Unobserved nobody;
    bool ended = task.start(nobody);
    for (size_t step = 0; !ended; ++step) {
      if (step == cancel_at) {
        note("cancelled after " + std::to_string(step) + " by " +
             std::to_string(static_cast<int>(how)));
        if (how == How::kMoveDestroy) rig_->move_reader();
        if (how == How::kMoveDestroy || how == How::kDestroy) return task.reset();
        if (how == How::kKillInLoop) uring::spawn(ring_, kill(task));
        if (how == How::kLoseRace) race.finish();
        if (how == How::kTimeout || how == How::kDeadline) kernel_.advance(hours(2));
        if (how == How::kInterrupt) reader().interrupt();
        rig_->feed();
        rig_->core().turn();
        if (!task) return;
      } else if (pick(3) == 0) {
        rig_->core().submit();
      } else {
        rig_->feed();
        rig_->core().turn();
      }
      ended = task.ended();
    }
    reader().clear_deadline();
    if (task.result() == Went::kEnd) over_ = true;
  }

  bool cancelled(const absl::Status& status) {
    return absl::IsCancelled(status) || absl::IsDeadlineExceeded(status);
  }

  // Compares, and consumes some.
  void take_view(std::string_view view, size_t wanted) {
    expect(view == rest().substr(0, view.size()), "wrong bytes");
    expect(view.size() >= wanted || (reader().source_ended() && view.size() == rest().size()),
           "a short view that is not the end");
    size_t used = patient_ || pick(2) == 0 ? view.size() : pick(view.size() + 1);
    reader().consume(used);
  }

  static Task<Went> fill_buf(Program& p, size_t n) {
    absl::StatusOr<std::string_view> view = co_await p.reader().fill_buf(n);
    if (p.cancelled(view.status())) co_return Went::kAgain;
    if (!view.ok()) {
      p.expect(absl::IsResourceExhausted(view.status()) && n > p.limit_,
               std::string(view.status().message()));
      co_return Went::kOn;
    }
    p.take_view(*view, n);
    co_return view->empty() && n > 0 && p.patient_ ? Went::kEnd : Went::kOn;
  }

  static Task<Went> fill_more(Program& p, size_t n) {
    size_t wanted = p.reader().available() + std::max<size_t>(n, 1);
    absl::StatusOr<std::string_view> view = co_await p.reader().fill_more(n);
    if (p.cancelled(view.status())) co_return Went::kAgain;
    if (view.ok()) {
      p.take_view(*view, wanted);
    } else {
      p.expect(absl::IsResourceExhausted(view.status()) && wanted > p.limit_,
               std::string(view.status().message()));
    }
    co_return Went::kOn;
  }

  static Task<Went> require(Program& p, size_t n) {
    absl::StatusOr<std::string_view> view = co_await p.reader().require(n);
    if (p.cancelled(view.status())) co_return Went::kAgain;
    if (view.ok()) {
      p.expect(view->size() == n, "require: not as many");
      p.take_view(*view, n);
    } else if (absl::IsOutOfRange(view.status())) {
      p.expect(p.rest().empty() && n > 0, "OutOfRange before the end");
    } else if (absl::IsDataLoss(view.status())) {
      p.expect(!p.rest().empty() && p.rest().size() < n, "DataLoss though enough is there");
    } else {
      p.expect(absl::IsResourceExhausted(view.status()) && n > p.limit_,
               std::string(view.status().message()));
    }
    co_return Went::kOn;
  }

  static Task<Went> read_until(Program& p) {
    std::string delimiter;
    while (delimiter.size() < 1 + p.pick(3)) delimiter += "ab\n\r"[p.pick(4)];
    ReadUntilOptions options = {.max_length = p.pick(2) == 0 ? 0 : 1 + p.pick(200),
                                .keep_delimiter = p.pick(2) == 0};
    absl::StatusOr<Token> token = co_await p.reader().read_until(delimiter, options);
    if (p.cancelled(token.status())) co_return Went::kAgain;
    size_t at = p.rest().find(delimiter);
    bool found = at != std::string_view::npos;
    size_t length = found ? at + delimiter.size() : p.rest().size();
    size_t most =
        options.max_length != 0 ? options.max_length + (found ? delimiter.size() : 0) : p.limit_;
    // The end of a stream that fills the buffer exactly may not have been seen.
    bool either = !found && length == most;
    if (!token.ok()) {
      p.expect(absl::IsResourceExhausted(token.status()) && (length > most || either),
               std::string(token.status().message()));
      p.expect(p.reader().pos() == p.pos_, "consumed though there is no token");
    } else if (length == 0) {
      p.expect(!token->has_value(), "a token behind the end");
    } else {
      p.expect(token->has_value() && (length <= most || either), "no token, or one too long");
      size_t shown = found && !options.keep_delimiter ? at : length;
      if (token->has_value()) p.expect(**token == p.rest().substr(0, shown), "another token");
      p.expect(p.reader().pos() == p.pos_ + length, "consumed something else");
    }
    co_return Went::kOn;
  }

  static Task<Went> read_line(Program& p, bool kept) {
    constexpr LongLine kPolicies[] = {LongLine::kError, LongLine::kTruncate, LongLine::kSkip};
    LineOptions options = {.max_length = p.pick(2) == 0 ? 0 : 1 + p.pick(30),
                           .long_lines = kPolicies[p.pick(3)],
                           .keep_terminator = p.pick(2) == 0};
    // A kept Lines keeps its options.
    if (!kept) {
      absl::StatusOr<Token> line = co_await p.reader().read_line(options);
      p.check_line(line, options);
      co_return Went::kOn;
    }
    if (!p.rig_->lines) {
      p.kept_ = options;
      p.rig_->lines.reset(new Lines(p.reader().lines(options)));
    }
    for (size_t count = 1 + p.pick(4); count > 0; --count) {
      p.pos_ = p.reader().pos();
      Token token = co_await p.rig_->lines->next();
      absl::StatusOr<Token> line = token;
      if (!p.rig_->lines->status().ok()) line = p.rig_->lines->status();
      p.check_line(line, p.kept_);
    }
    co_return Went::kOn;
  }

  // Whether the rest of a line was being dropped at the cursor.
  void check_line(const absl::StatusOr<Token>& line, const LineOptions& options) {
    if (cancelled(line.status())) return;
    std::string_view text = rig_->text();
    size_t most = options.max_length != 0 ? options.max_length : std::max<size_t>(limit_, 3) - 2;
    // Two readings: a line starts at the cursor; or its start was truncated or skipped before.
    std::string mismatch;
    for (bool dropping : {false, true}) {
      if (dropping && (pos_ == 0 || text[pos_ - 1] == '\n')) continue;
      mismatch = compare_line(line, options, most, dropping);
      if (mismatch.empty()) return;
    }
    fail(mismatch + " at " + std::to_string(pos_));
  }

  std::string compare_line(const absl::StatusOr<Token>& line, const LineOptions& options,
                           size_t most, bool dropping) {
    std::string_view text = rig_->text();
    size_t at = pos_;
    for (;;) {
      if (dropping) {
        size_t newline = text.find('\n', at);
        at = newline == std::string_view::npos ? text.size() : newline + 1;
      }
      size_t newline = text.find('\n', at);
      bool whole = newline != std::string_view::npos;
      size_t end = whole ? newline : text.size();
      size_t payload = end - at;
      if (whole && payload > 0 && text[end - 1] == '\r') --payload;
      if (at == text.size()) return line.ok() && !line->has_value() ? "" : "a line behind the end";
      if (payload <= most) {
        size_t behind = whole ? newline + 1 : text.size();
        std::string_view shown = text.substr(at, options.keep_terminator ? behind - at : payload);
        bool same = line.ok() && line->has_value() && **line == shown;
        return same && reader().pos() == behind ? "" : "another line";
      }
      if (options.long_lines == LongLine::kError) {
        return absl::IsResourceExhausted(line.status()) && reader().pos() == at ? ""
                                                                                : "a long line";
      }
      if (options.long_lines == LongLine::kTruncate) {
        bool same = line.ok() && line->has_value() && **line == text.substr(at, most);
        return same && reader().pos() == at + most ? "" : "truncated otherwise";
      }
      dropping = true;
    }
  }

  static Task<Went> read_exact(Program& p, size_t n) {
    std::string into(n, '?');
    absl::Status status = co_await p.reader().read_exact(std::span<char>(into));
    if (p.cancelled(status)) {
      p.expect(p.reader().pos() == p.pos_, "cancelled, and yet consumed");
      co_return Went::kAgain;
    }
    if (status.ok()) {
      p.expect(into == p.rest().substr(0, n), "read_exact: wrong bytes");
    } else {
      p.expect(p.rest().size() < n, std::string(status.message()));
      p.expect(p.rest().empty() ? absl::IsOutOfRange(status) : absl::IsDataLoss(status),
               std::string(status.message()));
    }
    p.expect(p.reader().pos() == p.pos_ + (status.ok() ? n : 0), "consumed something else");
    co_return Went::kOn;
  }

  static Task<Went> read_to_end(Program& p, size_t limit) {
    absl::StatusOr<std::string> all = co_await p.reader().read_to_end(limit);
    if (p.cancelled(all.status())) co_return Went::kAgain;
    if (all.ok()) {
      p.expect(*all == p.rest(), "read_to_end: wrong bytes");
    } else {
      p.expect(absl::IsResourceExhausted(all.status()) && p.rest().size() > limit,
               std::string(all.status().message()));
    }
    p.expect(p.reader().pos() == p.pos_ + (all.ok() ? all->size() : 0), "consumed otherwise");
    co_return Went::kOn;
  }

  static Task<Went> skip(Program& p, size_t n) {
    size_t expected = std::min(n, p.rest().size());
    absl::StatusOr<uint64_t> passed = co_await p.reader().skip(n);
    if (p.cancelled(passed.status())) co_return Went::kAgain;
    p.expect(passed.ok() && *passed == expected, "skip: not as many");
    p.expect(p.reader().pos() == p.pos_ + expected, "skip went elsewhere");
    co_return Went::kOn;
  }

  static Task<Went> close_or_release(Program& p, bool close) {
    if (close) {
      absl::Status status = co_await p.reader().close();
      if (p.cancelled(status)) co_return Went::kAgain;
      p.expect(status.ok(), "close failed");
      co_return Went::kEnd;
    }
    absl::StatusOr<Released> released = co_await p.reader().release();
    if (p.cancelled(released.status())) co_return Went::kAgain;
    p.expect(released.ok(), "release failed");
    if (!released.ok()) co_return Went::kEnd;
    std::string all = released->leftover;
    char bytes[512];
    for (;;) {
      p.rig_->feed();
      ssize_t count = released->fd ? read(released->fd.get(), bytes, sizeof bytes) : 0;
      if (count <= 0) break;
      all.append(bytes, static_cast<size_t>(count));
    }
    bool whole = p.rig_->kind() != SourceKind::kCustom;
    p.expect(released->pos == p.pos_, "released elsewhere");
    p.expect(whole ? all == p.rest() : all == p.rest().substr(0, all.size()),
             "release: wrong bytes");
    co_return Went::kEnd;
  }

  std::mt19937 random_;
  UnrulyKernel& kernel_;
  uring::Ring& ring_;
  StreamRig* rig_ = nullptr;
  size_t limit_ = 0;
  uint64_t pos_ = 0;
  bool patient_ = false;
  bool over_ = false;
  LineOptions kept_;
  std::string failure_;
  std::vector<std::string> trace_;
};

// BUFIO_TEST_SEED=n repeats one program, BUFIO_TEST_PROGRAMS=n runs as many.
void run_programs(size_t programs, uring::RingOptions options) {
  const char* given = std::getenv("BUFIO_TEST_SEED");
  const char* many = std::getenv("BUFIO_TEST_PROGRAMS");
  auto first = given != nullptr ? static_cast<uint32_t>(std::strtoul(given, nullptr, 10))
                                : std::random_device()();
  if (given != nullptr) programs = 1;
  if (many != nullptr) programs = std::strtoul(many, nullptr, 10);
  std::cout << "seeds from " << first << ", " << programs << " programs" << std::endl;
  UnrulyKernel kernel;
  options.entries = 16;
  options.completion_entries = 256;
  options.kernel = &kernel;
  absl::StatusOr<uring::Ring> ring = uring::Ring::create(options);
  ASSERT_TRUE(ring.ok()) << ring.status();
  for (size_t i = 0; i < programs; ++i) {
    uint32_t seed = first + static_cast<uint32_t>(i);
    std::string wrong = Program(*ring, kernel, seed).run();
    ASSERT_EQ(wrong, "") << "BUFIO_TEST_SEED=" << seed;
  }
}

TEST(RandomProgram, AgreesWithTheText) { run_programs(3000, {}); }

TEST(RandomProgram, WritesToNoMemoryThatIsGone) {
  uring::testing::GuardMemory memory;
  uring::RingOptions options;
  options.fixed_buffers = false;
  options.buffer_cache_bytes = 0;
  options.buffer_memory = &memory;
  run_programs(500, options);
  EXPECT_EQ(memory.retired(), memory.allocated());
}

}  // namespace
}  // namespace bufio
