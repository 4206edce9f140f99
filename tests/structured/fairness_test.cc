// A stream that always has more does not starve the others: counted in bytes that are read between
// two turns of somebody who wants no more than his turn.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bufio/copy.h"
#include "bufio/descriptor.h"
#include "bufio/memory_writer.h"
#include "bufio/reader.h"
#include "bufio/source.h"
#include "bufio/writer.h"
#include "gtest/gtest.h"
#include "tests/sim/descriptors.h"
#include "tests/structured/virtual_time.h"
#include "uring/block_on.h"
#include "uring/scope.h"
#include "uring/sleep.h"
#include "uring/task.h"

namespace uring {
namespace {

using std::chrono::milliseconds;

constexpr size_t kBytes = size_t{2} << 20;
constexpr size_t kReadSize = size_t{16} << 10;
constexpr std::string_view kLine = "a line of thirty-two characters\n";

std::string lines() {
  std::string text;
  while (text.size() < kBytes) text += kLine;
  return text;
}

// What the greedy one took between two turns of the others.
struct Share {
  uint64_t taken = 0;
  uint64_t taken_since_turn = 0;
  uint64_t most = 0;
  uint64_t turns = 0;
  bool done = false;

  void take(size_t bytes) {
    taken += bytes;
    taken_since_turn += bytes;
    most = std::max(most, taken_since_turn);
  }
};

Task<void> take_turns(Ring& ring, Share& share) {
  while (!share.done) {
    ++share.turns;
    share.taken_since_turn = 0;
    co_await yield(ring);
  }
}

Task<absl::Status> read_lines(bufio::Reader& reader, Share& share) {
  bufio::Lines found = reader.lines();
  for (;;) {
    const bufio::Token line = co_await found.next();
    if (!line.has_value()) break;
    share.take(line->size() + 1);
  }
  share.done = true;
  co_return found.status();
}

// Always has as much as it is asked for, at once. Counts what is read in a turn of the loop.
class Endless final : public bufio::Source {
 public:
  explicit Endless(Ring& ring) : ring_(ring) {}
  Task<absl::StatusOr<size_t>> read(std::span<char> into) override {
    const size_t count = std::min(into.size(), kBytes - given_);
    for (size_t i = 0; i < count; ++i) into[i] = kLine[(given_ + i) % kLine.size()];
    given_ += count;
    const uint64_t turn = ring_.core().turn_count();
    in_turn_ = turn == turn_ ? in_turn_ + count : count;
    turn_ = turn;
    most_ = std::max(most_, in_turn_);
    co_return count;
  }
  size_t most() const { return most_; }

 private:
  Ring& ring_;
  size_t given_ = 0;
  uint64_t turn_ = 0;
  size_t in_turn_ = 0;
  size_t most_ = 0;
};

class FairnessTest : public testing::VirtualTimeTest {
 protected:
  // Runs `greedy` beside somebody who takes turns.
  void run_beside(Task<absl::Status> greedy) {
    Scope scope(ring());
    scope.spawn(take_turns(ring(), share_));
    scope.spawn(std::move(greedy));
    EXPECT_EQ(block_on(ring(), scope.join()), absl::OkStatus());
  }
  Share& share() { return share_; }

  static bufio::ReaderOptions small_reads() {
    bufio::ReaderOptions options;
    options.read_size = kReadSize;
    return options;
  }

 private:
  Share share_;
};

TEST_F(FairnessTest, ASocketThatIsNeverEmptyGivesOneReadATurn) {
  OwnedFd socket = testing::make_sockets().first;
  const auto stream = kernel().attach_stream(socket.get());
  stream->feed(lines());
  stream->end();
  bufio::Reader reader = bufio::read_descriptor(ring(), socket.take(), small_reads());
  run_beside(read_lines(reader, share()));
  EXPECT_EQ(share().taken, kBytes);
  EXPECT_LE(share().most, kReadSize + kLine.size());
  EXPECT_GE(share().turns, kBytes / kReadSize);
}

TEST_F(FairnessTest, AFileThatIsReadAheadDoesToo) {
  OwnedFd file = testing::empty_file();
  kernel().attach_file(file.get(), lines());
  bufio::Reader reader = bufio::read_descriptor(ring(), file.take(), small_reads());
  run_beside(read_lines(reader, share()));
  EXPECT_EQ(share().taken, kBytes);
  EXPECT_LE(share().most, 2 * kReadSize);
}

TEST_F(FairnessTest, ASourceThatIsAlwaysReadyGivesSixteenReadsATurn) {
  auto source = std::make_unique<Endless>(ring());
  const Endless& endless = *source;
  bufio::Reader reader = bufio::read_source(ring(), std::move(source), small_reads());
  run_beside(read_lines(reader, share()));
  EXPECT_EQ(share().taken, kBytes);
  EXPECT_GE(share().turns, kBytes / kReadSize / 16);
  EXPECT_LE(endless.most(), 16 * kReadSize);
}

Task<absl::Status> skip_all(bufio::Reader& reader, Share& share) {
  const absl::StatusOr<uint64_t> skipped = co_await reader.skip(kBytes);
  share.done = true;
  co_return skipped.status();
}

TEST_F(FairnessTest, EvenWithinOneCall) {
  auto source = std::make_unique<Endless>(ring());
  const Endless& endless = *source;
  bufio::Reader reader = bufio::read_source(ring(), std::move(source), small_reads());
  run_beside(skip_all(reader, share()));
  EXPECT_EQ(reader.pos(), kBytes);
  EXPECT_GE(share().turns, kBytes / kReadSize / 16);
  EXPECT_LE(endless.most(), 16 * kReadSize);
}

Task<absl::Status> copy_all(bufio::Reader& reader, bufio::Writer& writer, Share& share) {
  const auto copied = co_await bufio::copy(reader, writer);
  share.done = true;
  co_return copied.status();
}

TEST_F(FairnessTest, AndWithinACopy) {
  auto source = std::make_unique<Endless>(ring());
  const Endless& endless = *source;
  bufio::Reader reader = bufio::read_source(ring(), std::move(source), small_reads());
  std::string copied;
  bufio::Writer writer = bufio::write_to_string(copied);
  run_beside(copy_all(reader, writer, share()));
  EXPECT_EQ(reader.pos(), kBytes);
  EXPECT_LE(endless.most(), 16 * kReadSize);
}

Task<absl::Status> one_line(bufio::Reader& reader, Share& share, uint64_t& after) {
  absl::StatusOr<bufio::Token> line = co_await reader.read_line();
  after = share.taken;
  co_return line.status();
}

Task<void> one_timer(Ring& ring, Share& share, uint64_t& after) {
  co_await sleep_for(ring, milliseconds(1));
  after = share.taken;
}

TEST_F(FairnessTest, AnotherConnectionAndATimerAreServedMeanwhile) {
  OwnedFd full = testing::make_sockets().first;
  OwnedFd other = testing::make_sockets().first;
  const auto flood = kernel().attach_stream(full.get());
  flood->feed(lines());
  flood->end();
  const auto trickle = kernel().attach_stream(other.get());
  bufio::Reader greedy = bufio::read_descriptor(ring(), full.take(), small_reads());
  bufio::Reader modest = bufio::read_descriptor(ring(), other.take(), small_reads());
  uint64_t at_line = kBytes;
  uint64_t at_timer = kBytes;
  Scope scope(ring());
  scope.spawn(read_lines(greedy, share()));
  scope.spawn(one_line(modest, share(), at_line));
  scope.spawn(one_timer(ring(), share(), at_timer));
  for (int i = 0; i < 4; ++i) ring().core().turn();
  EXPECT_GT(share().taken, 0u);
  const uint64_t before = share().taken;
  trickle->feed("a word\n");
  kernel().advance(milliseconds(1));
  EXPECT_EQ(block_on(ring(), scope.join()), absl::OkStatus());
  EXPECT_EQ(share().taken, kBytes);
  EXPECT_LE(at_line, before + 3 * kReadSize);
  EXPECT_LE(at_timer, before + 3 * kReadSize);
}

}  // namespace
}  // namespace uring
