// No byte is lost and none comes twice, whenever and however a call on a Reader is cancelled.
//
// Each test drives the run loop by hand, in small steps: hand over, feed a piece, turn. After step
// k the call that waits is cancelled, for every k until the whole stream was read without getting
// that far; then reading goes on, and what was consumed is compared with the source.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bufio/reader.h"
#include "bufio/scan.h"
#include "gtest/gtest.h"
#include "tests/guard_memory.h"
#include "tests/stream_rig.h"
#include "uring/ring.h"
#include "uring/sleep.h"
#include "uring/spawn.h"
#include "uring/task.h"
#include "uring/timeout.h"
#include "uring/when_any.h"

namespace bufio {
namespace {

using std::chrono::hours;
using testing::ClockKernel;
using testing::kAllSources;
using testing::source_name;
using testing::SourceKind;
using testing::StreamRig;
using testing::Unobserved;
using uring::Task;

// --- the calls
// -------------------------------------------------------------------------------------

// The limit of the Readers that these calls run on.
constexpr size_t kMaxBuffer = 32;

enum class Went { kOn, kEnd, kAgain };

// A call that was cancelled from outside is made again.
Went cancelled_or_fail(const absl::Status& status) {
  if (!absl::IsCancelled(status) && !absl::IsDeadlineExceeded(status)) ADD_FAILURE() << status;
  return Went::kAgain;
}

Went use_view(StreamRig& rig, const absl::StatusOr<std::string_view>& view, size_t most) {
  if (!view.ok()) return cancelled_or_fail(view.status());
  if (view->empty()) return Went::kEnd;
  std::string_view used = view->substr(0, most);
  rig.consumed += used;
  rig.reader().consume(used.size());
  return Went::kOn;
}

Went use_token(StreamRig& rig, const absl::StatusOr<Token>& token) {
  if (!token.ok()) return cancelled_or_fail(token.status());
  if (!token->has_value()) return Went::kEnd;
  rig.consumed += **token;
  rig.tokens.emplace_back(**token);
  return Went::kOn;
}

template <size_t kMin>
Task<Went> fill_buf(StreamRig& rig) {
  absl::StatusOr<std::string_view> view = co_await rig.reader().fill_buf(kMin);
  co_return use_view(rig, view, SIZE_MAX);
}

Task<Went> fill_buf_in_part(StreamRig& rig) {
  absl::StatusOr<std::string_view> view = co_await rig.reader().fill_buf(2);
  co_return use_view(rig, view, 1);
}

Task<Went> fill_more(StreamRig& rig) {
  absl::StatusOr<std::string_view> view = co_await rig.reader().fill_more(2);
  if (absl::IsResourceExhausted(view.status())) {
    // What came while the call was cancelled has filled the buffer.
    EXPECT_GT(rig.reader().available() + 2, kMaxBuffer);
    co_return use_view(rig, rig.reader().buffered(), SIZE_MAX);
  }
  // A byte stays, so that there is something to have more than.
  bool last = !view.ok() || rig.reader().source_ended();
  co_return use_view(rig, view, last ? SIZE_MAX : view->size() - 1);
}

Task<Went> require(StreamRig& rig) {
  constexpr size_t kBytes = 5;
  absl::StatusOr<std::string_view> view = co_await rig.reader().require(kBytes);
  if (absl::IsOutOfRange(view.status())) {
    EXPECT_EQ(rig.reader().available(), 0u);
    co_return Went::kEnd;
  }
  if (absl::IsDataLoss(view.status())) {
    absl::StatusOr<std::string_view> rest = co_await rig.reader().fill_buf();
    EXPECT_LT(rest.ok() ? rest->size() : 0, kBytes);
    co_return use_view(rig, rest, SIZE_MAX);
  }
  EXPECT_EQ(view.ok() ? view->size() : kBytes, kBytes);
  co_return use_view(rig, view, SIZE_MAX);
}

// Ends a token at an 'e', and the last one at the end. No key.
struct UpToE {
  ScanResult operator()(std::string_view view, size_t from, bool final) const {
    size_t at = view.find('e', from);
    if (at != std::string_view::npos) return ScanResult::token(at + 1);
    return final ? ScanResult::token(view.size()) : ScanResult::more(view.size());
  }
};

Task<Went> fill_until(StreamRig& rig) {
  absl::StatusOr<Token> token = co_await rig.reader().fill_until(UpToE());
  Went went = use_token(rig, token);
  if (went == Went::kOn) rig.reader().consume((*token)->size());
  co_return went;
}

Task<Went> fill_until_with_key(StreamRig& rig) {
  absl::StatusOr<Token> token = co_await rig.reader().fill_until(DelimiterScanner("ab"));
  Went went = use_token(rig, token);
  if (went == Went::kOn) rig.reader().consume((*token)->size());
  if (went != Went::kEnd || rig.reader().available() == 0) co_return went;
  absl::StatusOr<std::string_view> rest = co_await rig.reader().fill_buf();
  co_return use_view(rig, rest, SIZE_MAX);
}

constexpr char kDelimiters[] = "\nabcdefgh";

template <size_t kOffset, size_t kLength>
Task<Went> read_until(StreamRig& rig) {
  std::string_view delimiter = std::string_view(kDelimiters).substr(kOffset, kLength);
  absl::StatusOr<Token> token =
      co_await rig.reader().read_until(delimiter, {.keep_delimiter = true});
  co_return use_token(rig, token);
}

Task<Went> read_line(StreamRig& rig) {
  absl::StatusOr<Token> token = co_await rig.reader().read_line({.keep_terminator = true});
  co_return use_token(rig, token);
}

Task<Went> lines_once(StreamRig& rig) {
  Lines lines = rig.reader().lines({.keep_terminator = true});
  Token line = co_await lines.next();
  if (!line && !lines.status().ok()) co_return cancelled_or_fail(lines.status());
  co_return use_token(rig, line);
}

Task<Went> lines_kept(StreamRig& rig) {
  if (!rig.lines) rig.lines.reset(new Lines(rig.reader().lines({.keep_terminator = true})));
  Token line = co_await rig.lines->next();
  if (!line && !rig.lines->status().ok()) co_return cancelled_or_fail(rig.lines->status());
  co_return use_token(rig, line);
}

template <size_t kBytes>
Task<Went> read_exact(StreamRig& rig) {
  std::string into(kBytes, '?');
  absl::Status status = co_await rig.reader().read_exact(std::span<char>(into));
  if (absl::IsOutOfRange(status)) co_return Went::kEnd;
  if (absl::IsDataLoss(status)) {
    absl::StatusOr<std::string_view> rest = co_await rig.reader().fill_buf();
    EXPECT_LT(rest.ok() ? rest->size() : 0, kBytes);
    co_return use_view(rig, rest, SIZE_MAX);
  }
  if (!status.ok()) co_return cancelled_or_fail(status);
  rig.consumed += into;
  co_return Went::kOn;
}

Task<Went> read_to_end(StreamRig& rig) {
  absl::StatusOr<std::string> rest = co_await rig.reader().read_to_end(1000);
  if (!rest.ok()) co_return cancelled_or_fail(rest.status());
  rig.consumed += *rest;
  co_return rest->empty() ? Went::kEnd : Went::kOn;
}

// What was passed over is what pos() says, also when the call is cancelled.
template <uint64_t kBytes>
Task<Went> skip(StreamRig& rig) {
  absl::StatusOr<uint64_t> passed = co_await rig.reader().skip(kBytes);
  if (!passed.ok()) co_return cancelled_or_fail(passed.status());
  co_return *passed == kBytes ? Went::kOn : Went::kEnd;
}

struct NamedCall {
  const char* name;
  Task<Went> (*call)(StreamRig&);
};

constexpr NamedCall kCalls[] = {
    {"FillBuf", fill_buf<1>},
    {"FillBufOfSeven", fill_buf<7>},
    {"FillBufInPart", fill_buf_in_part},
    {"FillMore", fill_more},
    {"Require", require},
    {"FillUntil", fill_until},
    {"FillUntilWithKey", fill_until_with_key},
    {"ReadUntilOneByte", read_until<0, 1>},
    {"ReadUntilTwoBytes", read_until<1, 2>},
    {"ReadUntilThreeBytes", read_until<1, 3>},
    {"ReadUntilEightBytes", read_until<1, 8>},
    {"ReadLine", read_line},
    {"LinesOnce", lines_once},
    {"LinesKept", lines_kept},
    {"ReadExactSmall", read_exact<5>},
    {"ReadExactLarge", read_exact<kMaxBuffer + 1>},
    {"ReadToEnd", read_to_end},
    {"Skip", skip<3>},
    {"SkipFar", skip<20>},
};

// --- the ways to cancel
// -------------------------------------------------------------------------------------

// How a call is cancelled after a step.
enum class How {
  kDestroy,      // its coroutine is destroyed between two turns
  kKillInLoop,   // by another coroutine, resumed in front of it in the same batch
  kLoseRace,     // it loses against another task in when_any
  kTimeout,      // with_timeout
  kDeadline,     // set_deadline
  kInterrupt,    // interrupt()
  kMoveDestroy,  // destroyed, after the Reader was moved
};
constexpr How kAllHows[] = {How::kDestroy,  How::kKillInLoop, How::kLoseRace,   How::kTimeout,
                            How::kDeadline, How::kInterrupt,  How::kMoveDestroy};

class Race {
 public:
  // Ends when `over` is set.
  Task<Went> referee(uring::Ring& ring) {
    while (!over_) co_await uring::yield(ring);
    co_return Went::kAgain;
  }
  Task<Went> run(StreamRig& rig, Task<Went> call) {
    auto first = co_await uring::when_any(std::move(call), referee(rig.ring()));
    co_return first.index() == 0 ? std::get<0>(first) : std::get<1>(first);
  }
  void finish() { over_ = true; }

 private:
  bool over_ = false;
};

Task<Went> within_an_hour(StreamRig& rig, Task<Went> call) {
  absl::StatusOr<Went> went = co_await uring::with_timeout(rig.ring(), hours(1), std::move(call));
  EXPECT_TRUE(went.ok() || absl::IsDeadlineExceeded(went.status())) << went.status();
  co_return went.ok() ? *went : Went::kAgain;
}

Task<void> kill(Task<Went>& victim) {
  if (!victim.ended()) victim.reset();
  co_return;
}

// Makes calls one after the other, in steps.
class Driver {
 public:
  // After a call was cancelled the loop turns `idle_turns` times with nobody waiting.
  Driver(StreamRig& rig, ClockKernel& clock, size_t idle_turns = 0)
      : rig_(rig), clock_(clock), idle_turns_(idle_turns) {}

  // Reads to the end with `call`, and cancels what waits after each step for which `cancel_after`
  // says so. Returns the number of steps.
  template <class CancelAfter>
  size_t read_to_end(Task<Went> (*call)(StreamRig&), How how, CancelAfter cancel_after) {
    for (;;) {
      bool over = make_one(call, how, cancel_after);
      note_skipped();
      if (over) return steps_;
    }
  }

  // Makes one call. True if it came to the end of the stream.
  template <class CancelAfter>
  bool make_one(Task<Went> (*call)(StreamRig&), How how, CancelAfter cancel_after) {
    Race race;
    Task<Went> task = call(rig_);
    if (how == How::kLoseRace) task = race.run(rig_, std::move(task));
    if (how == How::kTimeout) task = within_an_hour(rig_, std::move(task));
    if (how == How::kDeadline) rig_.reader().set_deadline(clock_.now() + hours(1));
    Unobserved nobody;
    bool ended = task.start(nobody);
    while (!ended) {
      if (cancel_after(steps_++)) {
        cancel(task, how, race);
        if (!task) break;
      } else {
        step();
      }
      ended = task.ended();
    }
    rig_.reader().clear_deadline();
    bool cancelled = !task || task.result() == Went::kAgain;
    if (!cancelled) return task.result() == Went::kEnd;
    task.reset();
    for (size_t turn = 0; turn < idle_turns_; ++turn) rig_.idle();
    return false;
  }

 private:
  void step() {
    switch (steps_ % 3) {
      case 0:
        return rig_.core().submit();
      case 1:
        return rig_.feed();
      default:
        // Without this the loop might sleep for ever.
        rig_.feed();
        return rig_.core().turn();
    }
  }

  void cancel(Task<Went>& task, How how, Race& race) {
    switch (how) {
      case How::kMoveDestroy:
        rig_.move_reader();
        [[fallthrough]];
      case How::kDestroy:
        return task.reset();
      case How::kKillInLoop:
        uring::spawn(rig_.ring(), kill(task));
        return rig_.core().turn();
      case How::kLoseRace:
        race.finish();
        break;
      case How::kTimeout:
      case How::kDeadline:
        clock_.advance(hours(2));
        break;
      case How::kInterrupt:
        rig_.reader().interrupt();
        break;
    }
    rig_.feed();
    rig_.core().turn();
  }

  // skip() has no bytes to show; where the cursor is says what it did.
  void note_skipped() {
    uint64_t pos = rig_.reader().pos();
    EXPECT_LE(rig_.consumed.size(), pos);
    rig_.consumed +=
        std::string_view(rig_.text()).substr(rig_.consumed.size(), pos - rig_.consumed.size());
  }

  StreamRig& rig_;
  ClockKernel& clock_;
  size_t idle_turns_;
  size_t steps_ = 0;
};

// Bytes with every delimiter of the calls above, and near misses.
std::string sample(size_t size) {
  constexpr std::string_view kPattern = "abcdefghi\r\nxab\n\nabcdefgabcdefghe abac\r\ryz\n";
  std::string text;
  while (text.size() < size) text += kPattern;
  text.resize(size);
  return text;
}

struct Script {
  std::vector<size_t> pieces;
  size_t read_size;
  size_t text;
};

std::vector<Script> scripts(SourceKind kind) {
  if (testing::is_file(kind)) return {{{0}, 1, 23}, {{0}, 7, 61}, {{0}, 40, 83}};
  return {{{1}, 64, 23}, {{5, 1, 9, 2, 7}, 64, 47}, {{100}, 3, 43}};
}

class EveryCall : public ::testing::TestWithParam<std::tuple<SourceKind, NamedCall>> {
 protected:
  static uring::Ring make_ring(ClockKernel& clock) {
    absl::StatusOr<uring::Ring> ring = uring::Ring::create({.entries = 16, .kernel = &clock});
    EXPECT_TRUE(ring.ok()) << ring.status();
    return *std::move(ring);
  }
};

std::string call_name(const ::testing::TestParamInfo<EveryCall::ParamType>& info) {
  return source_name(std::get<0>(info.param)) + std::get<1>(info.param).name;
}

INSTANTIATE_TEST_SUITE_P(All, EveryCall,
                         ::testing::Combine(::testing::ValuesIn(kAllSources),
                                            ::testing::ValuesIn(kCalls)),
                         call_name);

TEST_P(EveryCall, CancelledAtAnyStepLosesNoByteAndRepeatsNone) {
  const auto& [kind, named] = GetParam();
  ClockKernel clock;
  uring::Ring ring = make_ring(clock);
  for (const Script& script : scripts(kind)) {
    const std::string text = sample(script.text);
    for (How how : kAllHows) {
      // The three that differ in what the Reader sees get every step, the others every third.
      size_t stride = how <= How::kKillInLoop || how == How::kInterrupt ? 1 : 3;
      if (kind == SourceKind::kOffload) stride *= 3;  // waits for another core
      for (size_t k = 0, idle_turns = 0;;) {
        StreamRig rig(ring, kind, text, script.pieces,
                      {.max_buffer_size = kMaxBuffer, .read_size = script.read_size});
        // What is in flight completes with nobody waiting, or with the next call waiting.
        Driver driver(rig, clock, idle_turns);
        size_t steps = driver.read_to_end(named.call, how, [k](size_t step) { return step == k; });
        ASSERT_EQ(rig.consumed, text)
            << "cancelled after step " << k << " by " << static_cast<int>(how) << ", read size "
            << script.read_size << ", pieces of " << script.pieces[0];
        ASSERT_TRUE(rig.dismantle());
        if (steps <= k) break;
        if (idle_turns == 0) {
          idle_turns = 2;
        } else {
          idle_turns = 0;
          k += stride;
        }
      }
    }
  }
}

TEST_P(EveryCall, CancelledAgainAndAgainLosesNoByteAndRepeatsNone) {
  const auto& [kind, named] = GetParam();
  ClockKernel clock;
  uring::Ring ring = make_ring(clock);
  for (const Script& script : scripts(kind)) {
    const std::string text = sample(script.text);
    for (How how : kAllHows) {
      for (size_t period = 2; period < 8; ++period) {
        StreamRig rig(ring, kind, text, script.pieces,
                      {.max_buffer_size = kMaxBuffer, .read_size = script.read_size});
        Driver driver(rig, clock, period % 3);
        // Cancelled in every `period`th step, until the cancelling would go on for ever.
        driver.read_to_end(named.call, how, [period](size_t step) {
          return step < 300 && step % period == period - 1;
        });
        ASSERT_EQ(rig.consumed, text)
            << "cancelled every " << period << " steps by " << static_cast<int>(how)
            << ", read size " << script.read_size << ", pieces of " << script.pieces[0];
        ASSERT_TRUE(rig.dismantle());
      }
    }
  }
}

// --- close and release
// -------------------------------------------------------------------------------------

class EverySource : public ::testing::TestWithParam<SourceKind> {};
INSTANTIATE_TEST_SUITE_P(All, EverySource, ::testing::ValuesIn(kAllSources),
                         [](const auto& each) { return source_name(each.param); });

Task<Went> close_reader(StreamRig& rig) {
  absl::Status status = co_await rig.reader().close();
  co_return status.ok() ? Went::kEnd : cancelled_or_fail(status);
}

// What is left: the bytes that were handed out, and those that the descriptor still has.
Task<Went> release_reader(StreamRig& rig) {
  absl::StatusOr<Released> released = co_await rig.reader().release();
  if (!released.ok()) co_return cancelled_or_fail(released.status());
  EXPECT_EQ(released->pos, rig.consumed.size());
  rig.consumed += released->leftover;
  char bytes[64];
  for (;;) {
    // A source of one's own has no descriptor to give away; its bytes are gone with it.
    rig.feed();
    ssize_t count = released->fd ? read(released->fd.get(), bytes, sizeof bytes) : 0;
    if (count <= 0) break;
    rig.consumed.append(bytes, static_cast<size_t>(count));
  }
  co_return Went::kEnd;
}

// Takes one byte and leaves a read in flight if the source is one that waits.
Task<Went> begin_reading(StreamRig& rig) {
  absl::StatusOr<std::string_view> view = co_await rig.reader().fill_buf();
  use_view(rig, view, 1);
  absl::StatusOr<std::string_view> more = co_await rig.reader().fill_more(10);
  static_cast<void>(more);
  co_return Went::kEnd;
}

void cancel_closing_call_at_every_step(SourceKind kind, Task<Went> (*closing)(StreamRig&),
                                       bool compare_at_end) {
  ClockKernel clock;
  absl::StatusOr<uring::Ring> ring = uring::Ring::create({.entries = 16, .kernel = &clock});
  ASSERT_TRUE(ring.ok()) << ring.status();
  for (const Script& script : scripts(kind)) {
    const std::string text = sample(script.text);
    for (How how : kAllHows) {
      for (size_t lead = 0; lead < 8; ++lead) {
        size_t completed = 0;
        for (size_t k = 0; completed < 3; ++k) {
          StreamRig rig(*ring, kind, text, script.pieces,
                        {.max_buffer_size = kMaxBuffer, .read_size = script.read_size});
          Unobserved nobody;
          {
            Task<Went> task = begin_reading(rig);
            bool ended = task.start(nobody);
            for (size_t step = 0; step < lead && !ended; ++step) {
              if (step % 2 == 0) rig.core().submit();
              if (step % 2 == 1) rig.feed();
              if (step % 2 == 1) rig.core().turn();
              ended = task.ended();
            }
          }
          Driver driver(rig, clock, k % 2);
          bool over = driver.make_one(closing, how, [k](size_t step) { return step == k; });
          if (over) {
            ++completed;
            if (compare_at_end) {
              ASSERT_EQ(rig.consumed, text) << "lead " << lead << ", step " << k;
            }
          } else {
            driver.read_to_end(fill_buf<1>, How::kDestroy, [](size_t) { return false; });
            ASSERT_EQ(rig.consumed, text) << "lead " << lead << ", cancelled after step " << k
                                          << " by " << static_cast<int>(how) << ", read size "
                                          << script.read_size << ", pieces of " << script.pieces[0];
          }
          ASSERT_TRUE(rig.dismantle());
        }
      }
    }
  }
}

TEST_P(EverySource, CancelledCloseLosesNoByte) {
  cancel_closing_call_at_every_step(GetParam(), close_reader, false);
}

TEST_P(EverySource, CancelledReleaseLosesNoByteAndCompletedOneHandsOverTheRest) {
  cancel_closing_call_at_every_step(GetParam(), release_reader, GetParam() != SourceKind::kCustom);
}

// --- the Reader itself
// -------------------------------------------------------------------------------------

Task<absl::Status> wait_for_bytes(StreamRig& rig) {
  absl::StatusOr<std::string_view> view = co_await rig.reader().fill_buf(7);
  co_return view.status();
}

TEST_P(EverySource, DestroyedReaderCancelsWhatIsInFlightThoughNoByteWillCome) {
  absl::StatusOr<uring::Ring> ring = uring::Ring::create();
  ASSERT_TRUE(ring.ok()) << ring.status();
  for (bool waiting : {false, true}) {
    StreamRig rig(*ring, GetParam(), sample(30), {1}, {.read_size = 4});
    Unobserved nobody;
    Task<absl::Status> task = wait_for_bytes(rig);
    static_cast<void>(task.start(nobody));
    rig.core().submit();
    if (!waiting) task.reset();
    // The writer says nothing more: without the cancel this would wait for ever.
    ASSERT_TRUE(rig.dismantle());
    if (waiting) {
      ASSERT_TRUE(task.ended());
      EXPECT_TRUE(absl::IsFailedPrecondition(task.result()));
    }
  }
  const uring::RingStats stats = ring->stats();
  EXPECT_LE(stats.cancels, stats.buried);
  EXPECT_TRUE(testing::is_file(GetParam()) || stats.cancels == 2) << stats.cancels;
}

// --- random programs
// -------------------------------------------------------------------------------------

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
