// No byte is lost and none comes twice, whenever and however a call on a Reader is cancelled.
//
// Each test drives the run loop by hand, in small steps: hand over, feed a piece, turn. After step
// k the call that waits is cancelled, for every k until the whole stream was read without getting
// that far; then reading goes on, and what was consumed is compared with the source.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "bufio/reader.h"
#include "bufio/scan.h"
#include "gtest/gtest.h"
#include "tests/cancelling.h"
#include "tests/stream_rig.h"
#include "uring/ring.h"
#include "uring/spawn.h"
#include "uring/task.h"

namespace bufio {
namespace {

using std::chrono::hours;
using testing::cancelled_or_fail;
using testing::ClockKernel;
using testing::How;
using testing::kAdaptors;
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

// --- the calls -----------------------------------------------------------------------------------

// The limit of the Readers that these calls run on.
constexpr size_t kMaxBuffer = 32;

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
    absl::StatusOr<uring::Ring> ring =
        uring::Ring::create({.entries = 16, .completion_entries = 256, .kernel = &clock});
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

INSTANTIATE_TEST_SUITE_P(Adaptors, EveryCall,
                         ::testing::Combine(::testing::ValuesIn(kAdaptors),
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

// --- close and release ---------------------------------------------------------------------------

class EverySource : public ::testing::TestWithParam<SourceKind> {};
INSTANTIATE_TEST_SUITE_P(All, EverySource, ::testing::ValuesIn(kAllSources),
                         [](const auto& each) { return source_name(each.param); });

INSTANTIATE_TEST_SUITE_P(Adaptors, EverySource, ::testing::ValuesIn(kAdaptors),
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
    // A source of one's own and an adaptor have no descriptor to give away; their bytes are gone
    // with them.
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
  absl::StatusOr<uring::Ring> ring =
      uring::Ring::create({.entries = 16, .completion_entries = 256, .kernel = &clock});
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
  cancel_closing_call_at_every_step(
      GetParam(), release_reader,
      GetParam() != SourceKind::kCustom && !testing::is_adaptor(GetParam()));
}

// --- the Reader itself ---------------------------------------------------------------------------

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

}  // namespace
}  // namespace bufio
