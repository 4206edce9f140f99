// What calls on a Reader cost, counted: allocations, system calls, frames, turns, bytes searched,
// bytes copied, and the depth of the stack.

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/cord.h"
#include "absl/strings/string_view.h"
#include "bufio/descriptor.h"
#include "bufio/memory.h"
#include "bufio/reader.h"
#include "bufio/scan.h"
#include "bufio/source.h"
#include "gtest/gtest.h"
#include "tests/allocations.h"
#include "tests/coroutine_testing.h"
#include "tests/stream_rig.h"
#include "tests/watching_kernel.h"
#include "uring/block_on.h"
#include "uring/frame_allocator.h"
#include "uring/ring.h"
#include "uring/spawn.h"
#include "uring/task.h"

namespace bufio {
namespace {

using testing::allocations;
using testing::file_with;
using testing::SourceKind;
using testing::StreamRig;
using testing::Unobserved;
using uring::Task;
using uring::testing::StackProbe;
using uring::testing::WatchingKernel;

#define SKIP_UNLESS_RECYCLED()       \
  if (!uring::frames_are_recycled()) \
  GTEST_SKIP() << "under AddressSanitizer nothing is recycled, so that stale uses show"

struct Costs {
  uint64_t allocations;
  uint64_t enters;
  uint64_t registers;
  uint64_t frames;
  uint64_t turns;
};

class CountingTest : public ::testing::Test {
 protected:
  void SetUp() override {
    uring::RingOptions options;
    options.kernel = &kernel_;
    absl::StatusOr<uring::Ring> ring = uring::Ring::create(options);
    ASSERT_TRUE(ring.ok()) << ring.status();
    ring_ = std::make_unique<uring::Ring>(*std::move(ring));
  }
  Costs now() const {
    uring::FrameAllocatorStats frames = uring::frame_allocator_stats();
    return {allocations, kernel_.enters(), kernel_.registers(), frames.fresh + frames.recycled,
            ring_->core().turn_count()};
  }
  static Costs since(const Costs& a, const Costs& b) {
    return {b.allocations - a.allocations, b.enters - a.enters, b.registers - a.registers,
            b.frames - a.frames, b.turns - a.turns};
  }

  WatchingKernel kernel_;
  std::unique_ptr<uring::Ring> ring_;
};

std::string text_of(size_t size) {
  std::string text;
  text.reserve(size);
  for (size_t i = 0; i < size; ++i) text += i % 50 == 49 ? '\n' : static_cast<char>('a' + i % 26);
  return text;
}

// --- a satisfied call ----------------------------------------------------------------------------

class SatisfiedCall : public CountingTest {
 protected:
  // Through thousands of calls whose bytes are there already.
  Task<void> step_through(Reader& reader, Costs& costs, size_t& failures) {
    absl::StatusOr<std::string_view> first = co_await reader.fill_buf(4000);
    failures += first.ok() ? 0 : 1;
    const Costs before = now();
    for (size_t i = 0; i < 1000; ++i) {
      absl::StatusOr<std::string_view> view = co_await reader.fill_buf();
      failures += view.ok() && view->size() == 4000 - i ? 0 : 1;
      absl::StatusOr<std::string_view> exact = co_await reader.require(7);
      failures += exact.ok() && exact->size() == 7 ? 0 : 1;
      reader.consume(1);
    }
    costs = since(before, now());
  }
  void check(Reader reader) {
    Costs costs = {};
    size_t failures = 0;
    uring::block_on(*ring_, step_through(reader, costs, failures));
    EXPECT_EQ(failures, 0u);
    EXPECT_EQ(costs.allocations, 0u);
    EXPECT_EQ(costs.enters + costs.registers, 0u) << "system calls";
    EXPECT_EQ(costs.frames, 0u) << "coroutine frames";
    EXPECT_EQ(costs.turns, 0u);
  }
};

TEST_F(SatisfiedCall, OnAFileCostsNothing) { check(adopt_fd(*ring_, file_with(text_of(4000)))); }

TEST_F(SatisfiedCall, OnAPipeCostsNothing) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  ASSERT_EQ(write(ends[1], text_of(4000).data(), 4000), 4000);
  check(adopt_fd(*ring_, ends[0]));
  close(ends[1]);
}

TEST_F(SatisfiedCall, OnASocketCostsNothing) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  ASSERT_EQ(write(ends[1], text_of(4000).data(), 4000), 4000);
  check(adopt_fd(*ring_, ends[0]));
  close(ends[1]);
}

TEST_F(SatisfiedCall, OnMemoryCostsNothing) {
  check(read_string(text_of(4000)));
  const std::string kept = text_of(4000);
  check(read_view(kept));
  check(read_cord(absl::Cord(absl::string_view(kept))));
}

// --- steady state --------------------------------------------------------------------------------

class SteadyState : public CountingTest {
 protected:
  static constexpr size_t kWarmUp = 200;
  static constexpr size_t kFills = 5000;

  // Each fill finds an empty window, after the writer, if any, wrote a piece.
  Task<void> fill_again_and_again(Reader& reader, int writer, Costs& costs, size_t& failures) {
    const std::string piece(100, 'x');
    Costs before = {};
    for (size_t i = 0; i < kWarmUp + kFills; ++i) {
      if (i == kWarmUp) before = now();
      if (writer >= 0 && write(writer, piece.data(), piece.size()) != 100) ++failures;
      absl::StatusOr<std::string_view> view = co_await reader.fill_buf();
      failures += view.ok() && !view->empty() ? 0 : 1;
      if (view.ok()) reader.consume(view->size());
    }
    costs = since(before, now());
  }
  void check(Reader reader, int writer, uint64_t most_allocations = 0) {
    Costs costs = {};
    size_t failures = 0;
    uring::block_on(*ring_, fill_again_and_again(reader, writer, costs, failures));
    EXPECT_EQ(failures, 0u);
    EXPECT_LE(costs.allocations, most_allocations);
    EXPECT_EQ(costs.registers, 0u);
    EXPECT_GE(reader.stats().reads, kFills);
    EXPECT_LE(costs.enters, costs.turns);
    if (writer >= 0) close(writer);
  }
};

TEST_F(SteadyState, FillsFromAFileAllocateNothing) {
  SKIP_UNLESS_RECYCLED();
  const std::string text = text_of((kWarmUp + kFills + 1) * 512);
  for (BufferKind kind : {BufferKind::kHeap, BufferKind::kFixed, BufferKind::kMirrored}) {
    check(
        adopt_fd(*ring_, file_with(text), {.read_size = 512, .max_read_ahead = 0, .buffers = kind}),
        -1);
  }
}

TEST_F(SteadyState, FillsThatAreReadAheadAllocateNothing) {
  SKIP_UNLESS_RECYCLED();
  const std::string text = text_of((kWarmUp + kFills + 1) * 512);
  // How many of them pile up depends on the other core; the most so far may come after the warm-up.
  constexpr uint64_t kPeak = 10;
  check(adopt_fd(*ring_, file_with(text), {.read_size = 512, .offload = true}), -1, kPeak);
}

TEST_F(SteadyState, FillsFromAPipeAllocateNothing) {
  SKIP_UNLESS_RECYCLED();
  for (BufferKind kind : {BufferKind::kHeap, BufferKind::kFixed, BufferKind::kMirrored}) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    check(adopt_fd(*ring_, ends[0], {.buffers = kind}), ends[1]);
  }
}

TEST_F(SteadyState, FillsFromASocketAllocateNothing) {
  SKIP_UNLESS_RECYCLED();
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  check(adopt_fd(*ring_, ends[0]), ends[1]);
}

class LineCosts : public CountingTest {
 protected:
  Task<void> count_lines(Reader& reader, size_t warm_up, Costs& costs, size_t& lines_seen) {
    Lines lines = reader.lines();
    Costs before = {};
    for (;;) {
      if (lines_seen == warm_up) before = now();
      Token line = co_await lines.next();
      if (!line) break;
      ++lines_seen;
    }
    costs = since(before, now());
  }
};

TEST_F(LineCosts, LinesAllocateNothing) {
  SKIP_UNLESS_RECYCLED();
  constexpr size_t kLines = 100000;
  const std::string text = text_of(kLines * 50);
  for (bool from_file : {false, true}) {
    Reader reader =
        from_file ? adopt_fd(*ring_, file_with(text), {.read_size = 16384, .max_read_ahead = 0})
                  : read_view(text);
    Costs costs = {};
    size_t lines = 0;
    uring::block_on(*ring_, count_lines(reader, kLines / 10, costs, lines));
    EXPECT_EQ(lines, kLines);
    EXPECT_EQ(costs.allocations, 0u);
  }
}

// --- turns ---------------------------------------------------------------------------------------

Task<void> read_all(Reader& reader, size_t& total) {
  for (;;) {
    absl::StatusOr<std::string_view> view = co_await reader.fill_buf();
    if (!view.ok() || view->empty()) break;
    total += view->size();
    reader.consume(view->size());
  }
}

TEST_F(CountingTest, ATurnEntersTheKernelAtMostOnce) {
  const std::string text = text_of(40000);
  std::vector<std::unique_ptr<StreamRig>> rigs;
  size_t total = 0;
  for (SourceKind kind : testing::kAllSources) {
    rigs.push_back(std::make_unique<StreamRig>(*ring_, kind, text, std::vector<size_t>{1000},
                                               ReaderOptions{.read_size = 700}));
    uring::spawn(*ring_, read_all(rigs.back()->reader(), total));
  }
  while (!ring_->core().spawned().empty()) {
    for (auto& rig : rigs) rig->feed();
    const Costs before = now();
    ring_->core().turn();
    const Costs turn = since(before, now());
    ASSERT_EQ(turn.turns, 1u);
    ASSERT_LE(turn.enters, 1u);
  }
  EXPECT_EQ(total, rigs.size() * text.size());
}

// --- a token that comes one byte at a time -------------------------------------------------------

constexpr size_t kToken = 5000;

// Ends a token at '\n' and counts what it looks at.
struct CountingScanner {
  size_t* examined;
  size_t* calls;

  ScanResult operator()(std::string_view view, size_t from, bool) const {
    ++*calls;
    *examined += view.size() - from;
    size_t at = view.find('\n', from);
    return at == std::string_view::npos ? ScanResult::more(view.size()) : ScanResult::token(at + 1);
  }
  uint64_t key() const { return 1; }
};

Task<size_t> scan_token(Reader& reader, CountingScanner scanner) {
  absl::StatusOr<Token> token = co_await reader.fill_until(scanner);
  co_return token.ok() && token->has_value() ? (*token)->size() : 0;
}

// Feeds one byte per turn; `drop_every` > 0: the call is dropped and made again that often.
TEST_F(CountingTest, AScannerLooksAtEachByteOnceThoughTheyComeOneByOne) {
  for (size_t drop_every : {0u, 1u, 3u, 100u}) {
    StreamRig rig(*ring_, SourceKind::kPipe, std::string(kToken, 'x') + "\n", {1});
    size_t examined = 0;
    size_t calls = 0;
    Unobserved nobody;
    Task<size_t> task = scan_token(rig.reader(), {&examined, &calls});
    bool ended = task.start(nobody);
    for (size_t step = 1; !ended; ++step) {
      rig.feed();
      rig.core().turn();
      ended = task.ended();
      if (!ended && drop_every > 0 && step % drop_every == 0) {
        task = scan_token(rig.reader(), {&examined, &calls});
        ended = task.start(nobody);
      }
    }
    EXPECT_EQ(task.result(), kToken + 1);
    EXPECT_EQ(examined, kToken + 1) << "dropped every " << drop_every;
    EXPECT_GE(calls, kToken) << "the bytes came in lumps";
    EXPECT_LE(rig.reader().stats().copied_bytes, 4 * kToken) << "moved again and again";
  }
}

Task<size_t> read_until(StreamRig& rig, std::string_view delimiter) {
  absl::StatusOr<Token> token =
      co_await rig.reader().read_until(delimiter, {.keep_delimiter = true});
  co_return token.ok() && token->has_value() ? (*token)->size() : 0;
}
Task<size_t> read_line(StreamRig& rig, std::string_view) {
  absl::StatusOr<Token> token = co_await rig.reader().read_line({.keep_terminator = true});
  co_return token.ok() && token->has_value() ? (*token)->size() : 0;
}
Task<size_t> next_line(StreamRig& rig, std::string_view) {
  if (!rig.lines) rig.lines.reset(new Lines(rig.reader().lines({.keep_terminator = true})));
  Token token = co_await rig.lines->next();
  co_return token ? token->size() : 0;
}

// What was searched is overwritten with delimiters, behind the Reader's back: whoever looked at it
// again would find one.
TEST_F(CountingTest, NoCallSearchesTheSameByteTwiceThoughTheyComeOneByOne) {
  struct Case {
    const char* name;
    Task<size_t> (*call)(StreamRig&, std::string_view);
    std::string delimiter;
  };
  const Case cases[] = {
      {"read_until 1", read_until, "\n"},    {"read_until 2", read_until, "ab"},
      {"read_until 5", read_until, "abcde"}, {"read_until 9", read_until, "abcdefghi"},
      {"read_line", read_line, "\n"},        {"lines", next_line, "\n"},
  };
  for (const Case& c : cases) {
    for (size_t drop_every : {0u, 1u, 7u}) {
      const std::string text = std::string(kToken, 'x') + c.delimiter;
      StreamRig rig(*ring_, SourceKind::kPipe, text, {1});
      Unobserved nobody;
      Task<size_t> task = c.call(rig, c.delimiter);
      bool ended = task.start(nobody);
      size_t turns = 0;
      while (!ended) {
        ++turns;
        rig.feed();
        rig.core().turn();
        ended = task.ended();
        if (ended) break;
        // The last bytes may be the start of a delimiter: those are looked at again.
        std::string_view seen = rig.reader().buffered();
        if (seen.size() >= 2 * c.delimiter.size()) {
          size_t keep = c.delimiter.size() - 1;
          char* at = const_cast<char*>(seen.data()) + seen.size() - keep - c.delimiter.size();
          c.delimiter.copy(at, c.delimiter.size());
        }
        if (drop_every > 0 && turns % drop_every == 0) {
          task = c.call(rig, c.delimiter);
          ended = task.start(nobody);
        }
      }
      EXPECT_EQ(task.result(), text.size()) << c.name << ", dropped every " << drop_every;
      EXPECT_GE(turns, kToken) << "the bytes came in lumps";
      EXPECT_LE(rig.reader().stats().copied_bytes, 4 * kToken) << c.name;
    }
  }
}

// --- the stack -----------------------------------------------------------------------------------

constexpr size_t kMillion = 1000000;
// A few frames; a million of the smallest would be tens of megabytes.
constexpr size_t kAFewFrames = 8192;

Task<size_t> step_bytewise(Reader& reader, StackProbe& probe) {
  size_t count = 0;
  for (;;) {
    absl::StatusOr<std::string_view> view = co_await reader.fill_buf();
    probe.note();
    if (!view.ok() || view->empty()) break;
    reader.consume(1);
    ++count;
  }
  co_return count;
}

// Completes at once, one byte at a time.
class Dripping final : public Source {
 public:
  Task<absl::StatusOr<size_t>> read(std::span<char> into) override {
    into[0] = 'x';
    size_t count = left_ > 0 ? 1 : 0;
    left_ -= count;
    co_return count;
  }

 private:
  size_t left_ = kMillion;
};

class StackDepth : public CountingTest {
 protected:
  void check(Reader reader) {
    StackProbe probe;
    EXPECT_EQ(uring::block_on(*ring_, step_bytewise(reader, probe)), kMillion);
    EXPECT_LT(probe.spread(), kAFewFrames);
  }
};

TEST_F(StackDepth, AMillionReadyReadsFromMemoryDoNotGrowTheStack) {
  const std::string million(kMillion, 'x');
  check(read_string(million));
  check(read_cord(absl::Cord(absl::string_view(million))));
}

TEST_F(StackDepth, AMillionReadyReadsFromAFileDoNotGrowTheStack) {
  check(adopt_fd(*ring_, file_with(std::string(kMillion, 'x'))));
}

TEST_F(StackDepth, AMillionReadsThatSuspendDoNotGrowTheStack) {
  check(adopt_fd(*ring_, file_with(std::string(kMillion, 'x')), {.read_size = 1}));
}

TEST_F(StackDepth, AMillionReadsOfASourceThatCompletesAtOnceDoNotGrowTheStack) {
  check(read_source(std::make_unique<Dripping>()));
  check(read_source(*ring_, std::make_unique<Dripping>()));
}

}  // namespace
}  // namespace bufio
