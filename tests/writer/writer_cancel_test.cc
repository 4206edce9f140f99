// No accepted byte is dropped and none comes twice, whenever and however a call on a Writer is
// cancelled.
//
// Each test drives the run loop by hand, in small steps: hand over, let the peer read a little,
// turn. After step k the call that waits is cancelled, for every k until the program ends without
// getting that far; the program then goes on behind what pos() says was accepted, and what the peer
// got is compared with what was to be written.

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/cord.h"
#include "bufio/writer.h"
#include "gtest/gtest.h"
#include "tests/stream_rig.h"
#include "tests/writer/writer_testing.h"
#include "uring/block_on.h"
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
using testing::SinkKind;
using testing::SinkRig;
using testing::Unobserved;
using uring::Task;

// --- the calls -----------------------------------------------------------------------------------

constexpr size_t kHighWater = 9000;

enum class Went { kOn, kEnd, kAgain };

// Writes what comes next, of a text whose first pos() bytes are accepted.
using Call = Task<Went> (*)(Writer& writer, std::string_view text, uint64_t start);

std::string_view rest_of(Writer& writer, std::string_view text, uint64_t start) {
  return text.substr(writer.pos() - start);
}

Went went(const absl::Status& status, Writer& writer, std::string_view text, uint64_t start) {
  if (absl::IsCancelled(status) || absl::IsDeadlineExceeded(status)) return Went::kAgain;
  if (!status.ok()) ADD_FAILURE() << status;
  return rest_of(writer, text, start).empty() ? Went::kEnd : Went::kOn;
}

template <size_t kBytes>
Task<Went> write(Writer& writer, std::string_view text, uint64_t start) {
  std::string_view rest = rest_of(writer, text, start).substr(0, kBytes);
  absl::Status status = co_await writer.write(rest);
  co_return went(status, writer, text, start);
}

Task<Went> write_all(Writer& writer, std::string_view text, uint64_t start) {
  std::string_view rest = rest_of(writer, text, start);
  absl::Status status = co_await writer.write_all(
      rest.substr(0, 1000), rest.substr(std::min(rest.size(), size_t{1000}), 3000));
  co_return went(status, writer, text, start);
}

template <size_t kBytes>
Task<Went> write_owned(Writer& writer, std::string_view text, uint64_t start) {
  std::string piece(rest_of(writer, text, start).substr(0, kBytes));
  absl::Status status = co_await writer.write_owned(std::move(piece));
  co_return went(status, writer, text, start);
}

Task<Went> write_cord(Writer& writer, std::string_view text, uint64_t start) {
  std::string_view rest = rest_of(writer, text, start);
  absl::Cord cord(std::string(rest.substr(0, 5000)));
  cord.Append(std::string(rest.substr(std::min(rest.size(), size_t{5000}), 3000)));
  absl::Status status = co_await writer.write_owned(std::move(cord));
  co_return went(status, writer, text, start);
}

Task<Went> reserve(Writer& writer, std::string_view text, uint64_t start) {
  absl::StatusOr<std::span<char>> room = co_await writer.reserve(3000);
  if (!room.ok()) co_return went(room.status(), writer, text, start);
  std::string_view piece = rest_of(writer, text, start).substr(0, 2900);
  EXPECT_GE(room->size(), 3000U);
  std::copy(piece.begin(), piece.end(), room->begin());
  writer.commit(piece.size());
  co_return went(absl::OkStatus(), writer, text, start);
}

Task<Went> write_and_flush(Writer& writer, std::string_view text, uint64_t start) {
  absl::Status status = co_await writer.write(rest_of(writer, text, start).substr(0, 7000));
  uint64_t accepted = writer.pos();
  if (status.ok()) status = co_await writer.flush();
  if (status.ok()) {
    EXPECT_EQ(writer.written(), accepted);
  }
  co_return went(status, writer, text, start);
}

struct NamedCall {
  const char* name;
  Call call;
};

constexpr NamedCall kCalls[] = {
    {"WriteSmall", write<900>},         {"WriteLarge", write<8000>},
    {"WriteByParts", write<SIZE_MAX>},  {"WriteAll", write_all},
    {"WriteOwned", write_owned<4000>},  {"WriteOwnedOversized", write_owned<15000>},
    {"WriteCord", write_cord},          {"Reserve", reserve},
    {"WriteAndFlush", write_and_flush},
};

// --- cancelling ----------------------------------------------------------------------------------

enum class How { kDestroy, kKillInLoop, kLoseRace, kTimeout, kDeadline, kInterrupt, kMoveDestroy };
constexpr How kAllHows[] = {How::kDestroy,  How::kKillInLoop, How::kLoseRace,   How::kTimeout,
                            How::kDeadline, How::kInterrupt,  How::kMoveDestroy};

Task<Went> until(uring::Ring& ring, const bool& over) {
  while (!over) co_await uring::yield(ring);
  co_return Went::kAgain;
}

Task<Went> race(uring::Ring& ring, Task<Went> call, const bool& over) {
  auto first = co_await uring::when_any(std::move(call), until(ring, over));
  co_return first.index() == 0 ? std::get<0>(first) : std::get<1>(first);
}

Task<Went> within_an_hour(uring::Ring& ring, Task<Went> call) {
  absl::StatusOr<Went> went = co_await uring::with_timeout(ring, hours(1), std::move(call));
  co_return went.ok() ? *went : Went::kAgain;
}

Task<void> kill(Task<Went>& victim) {
  if (!victim.ended()) victim.reset();
  co_return;
}

// Makes calls one after the other, in steps.
class Driver {
 public:
  Driver(uring::Ring& ring, SinkRig& rig, ClockKernel& clock)
      : ring_(ring), rig_(rig), clock_(clock) {}

  template <class CancelAfter>
  size_t write_to_end(Call call, std::string_view text, How how, CancelAfter cancel_after) {
    for (;;) {
      bool over = false;
      Task<Went> task = call(rig_.writer(), text, rig_.start());
      if (how == How::kLoseRace) task = race(ring_, std::move(task), over);
      if (how == How::kTimeout) task = within_an_hour(ring_, std::move(task));
      if (how == How::kDeadline) rig_.writer().set_deadline(clock_.now() + hours(1));
      Unobserved nobody;
      bool ended = task.start(nobody);
      while (!ended) {
        if (cancel_after(steps_++)) {
          cancel(task, how, over);
          if (!task) break;
        } else {
          step();
        }
        ended = task.ended();
      }
      rig_.writer().clear_deadline();
      if (task && task.result() == Went::kEnd) return steps_;
    }
  }

  // Until all is written.
  void flush() {
    Task<absl::Status> task = [](Writer& writer) -> Task<absl::Status> {
      co_return co_await writer.flush();
    }(rig_.writer());
    Unobserved nobody;
    bool ended = task.start(nobody);
    while (!ended) {
      step();
      ++steps_;
      ended = task.ended();
    }
    EXPECT_EQ(task.result(), absl::OkStatus());
    rig_.catch_up();
  }

  void turn() { uring::block_on(ring_, uring::yield(ring_)); }

 private:
  void step() {
    switch (steps_ % 3) {
      case 0:
        return ring_.core().submit();
      case 1:
        return rig_.read_some(1900);
      default:
        // Without this the loop might sleep for ever.
        rig_.read_some(700);
        return turn();
    }
  }

  void cancel(Task<Went>& task, How how, bool& over) {
    switch (how) {
      case How::kMoveDestroy:
        rig_.move_writer();
        [[fallthrough]];
      case How::kDestroy:
        return task.reset();
      case How::kKillInLoop:
        uring::spawn(ring_, kill(task));
        return turn();
      case How::kLoseRace:
        over = true;
        break;
      case How::kTimeout:
      case How::kDeadline:
        clock_.advance(hours(2));
        break;
      case How::kInterrupt:
        rig_.writer().interrupt();
        break;
    }
    turn();
  }

  uring::Ring& ring_;
  SinkRig& rig_;
  ClockKernel& clock_;
  size_t steps_ = 0;
};

std::string sample(size_t size) {
  std::string text(size, '\0');
  uint32_t state = 1;
  for (char& c : text)
    c = static_cast<char>('a' + ((state = state * 1664525 + 1013904223) >> 24) % 26);
  return text;
}

class EveryCall : public ::testing::TestWithParam<std::tuple<SinkKind, NamedCall>> {
 protected:
  static uring::Ring make_ring(ClockKernel& clock) {
    absl::StatusOr<uring::Ring> ring =
        uring::Ring::create({.entries = 16, .completion_entries = 256, .kernel = &clock});
    EXPECT_TRUE(ring.ok()) << ring.status();
    return *std::move(ring);
  }
  static void expect_all_at_rest(uring::Ring& ring, SinkRig& rig) {
    rig.drop_writer();
    while (ring.stats().in_flight > 0) {
      rig.read_some();
      ring.core().turn();
    }
    EXPECT_EQ(ring.stats().submitted, ring.stats().terminal);
    EXPECT_EQ(ring.stats().orphans, 0U);
    EXPECT_EQ(ring.buffer_stats().live_bytes, 0U);
    EXPECT_TRUE(fcntl(rig.fd(), F_GETFD) < 0) << "the descriptor is still open";
  }
};

std::string call_name(const ::testing::TestParamInfo<EveryCall::ParamType>& info) {
  return testing::sink_name(std::get<0>(info.param)) + std::get<1>(info.param).name;
}

INSTANTIATE_TEST_SUITE_P(
    All, EveryCall,
    ::testing::Combine(::testing::Values(SinkKind::kFileAtOffset, SinkKind::kNonblockingPipe,
                                         SinkKind::kPipe, SinkKind::kUnixSocket,
                                         SinkKind::kNonblockingSocket),
                       ::testing::ValuesIn(kCalls)),
    call_name);

TEST_P(EveryCall, CancelledAfterAnyStepDropsNoByteAndRepeatsNone) {
  const auto& [kind, named] = GetParam();
  ClockKernel clock;
  uring::Ring ring = make_ring(clock);
  const std::string text = sample(24000);
  for (How how : kAllHows) {
    for (size_t k = 0;; k += how == How::kDestroy ? 1 : 3) {
      SinkRig rig(ring, kind, {.high_water = kHighWater, .buffer_size = 4096});
      Driver driver(ring, rig, clock);
      size_t steps =
          driver.write_to_end(named.call, text, how, [k](size_t step) { return step == k; });
      driver.flush();
      ASSERT_TRUE(rig.seen == text)
          << "cancelled after step " << k << " by " << static_cast<int>(how);
      ASSERT_EQ(rig.writer().pos(), rig.start() + text.size());
      expect_all_at_rest(ring, rig);
      if (steps <= k) break;
    }
  }
}

TEST_P(EveryCall, CancelledAgainAndAgainDropsNoByteAndRepeatsNone) {
  const auto& [kind, named] = GetParam();
  ClockKernel clock;
  uring::Ring ring = make_ring(clock);
  const std::string text = sample(24000);
  for (How how : kAllHows) {
    for (size_t period = 2; period < 8; ++period) {
      SinkRig rig(ring, kind, {.high_water = kHighWater, .low_water = 2000, .buffer_size = 4096});
      Driver driver(ring, rig, clock);
      // Cancelled in every `period`th step, until the cancelling would go on for ever.
      driver.write_to_end(named.call, text, how, [period](size_t step) {
        return step < 300 && step % period == period - 1;
      });
      driver.flush();
      ASSERT_TRUE(rig.seen == text)
          << "cancelled every " << period << " steps by " << static_cast<int>(how);
      expect_all_at_rest(ring, rig);
    }
  }
}

// --- the calls that end it -----------------------------------------------------------------------

class EveryEnd : public ::testing::TestWithParam<SinkKind> {};
INSTANTIATE_EVERY_SINK(EveryEnd);

Task<Went> close_writer(Writer& writer, std::string_view, uint64_t) {
  absl::Status status = co_await writer.close();
  if (absl::IsCancelled(status) || absl::IsDeadlineExceeded(status)) co_return Went::kAgain;
  EXPECT_EQ(status, absl::OkStatus());
  co_return Went::kEnd;
}

Task<Went> sync_writer(Writer& writer, std::string_view, uint64_t) {
  absl::Status status = co_await writer.sync();
  if (absl::IsCancelled(status) || absl::IsDeadlineExceeded(status)) co_return Went::kAgain;
  EXPECT_TRUE(status.ok() || absl::IsInvalidArgument(status)) << status;
  co_return Went::kEnd;
}

Task<Went> shut_writer_down(Writer& writer, std::string_view, uint64_t) {
  absl::Status status = co_await writer.shutdown();
  if (absl::IsCancelled(status) || absl::IsDeadlineExceeded(status)) co_return Went::kAgain;
  co_return Went::kEnd;
}

TEST_P(EveryEnd, CancelledAfterAnyStepWritesAllTheSame) {
  ClockKernel clock;
  absl::StatusOr<uring::Ring> ring =
      uring::Ring::create({.entries = 16, .completion_entries = 256, .kernel = &clock});
  ASSERT_TRUE(ring.ok()) << ring.status();
  const std::string text = sample(20000);
  for (Call end : {Call(close_writer), Call(sync_writer), Call(shut_writer_down)}) {
    for (How how : kAllHows) {
      for (size_t k = 0;; ++k) {
        SinkRig rig(*ring, GetParam(), {.high_water = text.size()});
        Driver driver(*ring, rig, clock);
        driver.write_to_end(write<SIZE_MAX>, text, How::kDestroy, [](size_t) { return false; });
        size_t steps = driver.write_to_end(end, text, how, [k](size_t step) { return step == k; });
        rig.drop_writer();
        rig.read_to_end([&driver] { driver.turn(); });
        ASSERT_TRUE(rig.seen == text)
            << "cancelled after step " << k << " by " << static_cast<int>(how);
        if (steps <= k) break;
      }
    }
  }
}

}  // namespace
}  // namespace bufio
