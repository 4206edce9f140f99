// What ends a call that waits, other than its bytes: a deadline, interrupt(), misuse, the end of
// the Reader or of the Ring. The read that is in flight is lost in none of them.

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bufio/descriptor.h"
#include "bufio/memory.h"
#include "bufio/reader.h"
#include "bufio/source.h"
#include "tests/reader_testing.h"

namespace bufio {
namespace {

using testing::code;
using testing::Ends;
using testing::new_pipe;
using testing::RingTest;
using testing::Started;
using testing::StrictSource;
using testing::text;
using testing::write_all;
using View = absl::StatusOr<std::string_view>;

constexpr auto kMisuse = absl::StatusCode::kFailedPrecondition;
constexpr auto kTooLate = absl::StatusCode::kDeadlineExceeded;
constexpr auto kCancelled = absl::StatusCode::kCancelled;

// Readers of descriptors and sources whose bytes come when the test says so.
class WaitingTest : public RingTest {
 protected:
  WaitingTest() : ends_(new_pipe()), reader_(adopt_fd(ring(), ends_.read)) {}
  ~WaitingTest() override {
    if (ends_.write >= 0) close(ends_.write);
  }
  void write_end(std::string_view bytes) {
    write_all(ends_.write, bytes);
    close(std::exchange(ends_.write, -1));
  }

  Ends ends_;
  std::optional<Reader> reader_;
};

TEST_F(WaitingTest, PastDeadlineEndsACallThatWouldWaitAndTheReadStaysInFlight) {
  reader_->set_deadline(std::chrono::steady_clock::now());
  EXPECT_EQ(code(await(reader_->fill_buf())), kTooLate);
  EXPECT_EQ(code(await(reader_->require(3))), kTooLate);
  EXPECT_EQ(code(await(reader_->read_line())), kTooLate);
  EXPECT_EQ(ring().stats().in_flight, 1U);
  EXPECT_EQ(reader_->stats().reads, 1U);
  write_end("abc");
  turn();
  reader_->clear_deadline();
  EXPECT_EQ(text(await(reader_->fill_buf(3))), "abc");
}

TEST_F(WaitingTest, DeadlineThatComesWhileACallWaitsEndsIt) {
  reader_->set_deadline(std::chrono::steady_clock::now() + std::chrono::milliseconds(5));
  absl::StatusOr<Token> line = await(reader_->read_line());
  EXPECT_EQ(code(line), kTooLate);
  EXPECT_EQ(reader_->stats().reads, 1U);
  EXPECT_EQ(ring().stats().in_flight, 1U);
  EXPECT_EQ(ring().stats().cancels, 0U);
  write_end("abc\n");
  reader_->clear_deadline();
  line = await(reader_->read_line());
  ASSERT_TRUE(line.ok() && line->has_value());
  EXPECT_EQ(**line, "abc");
}

TEST_F(WaitingTest, BufferedBytesAreGivenAfterTheDeadline) {
  write_all(ends_.write, "abc");
  EXPECT_EQ(text(await(reader_->fill_buf(3))), "abc");
  reader_->set_deadline(std::chrono::steady_clock::now());
  EXPECT_EQ(text(await(reader_->fill_buf(3))), "abc");
  EXPECT_EQ(code(await(reader_->fill_buf(4))), kTooLate);
  EXPECT_EQ(reader_->buffered(), "abc");
  EXPECT_EQ(text(await(reader_->require(2))), "ab");
}

TEST_F(WaitingTest, DeadlineIsNotStickyAndHoldsUntilItIsSetAgain) {
  reader_->set_deadline(std::chrono::steady_clock::now());
  EXPECT_EQ(code(await(reader_->fill_buf())), kTooLate);
  EXPECT_TRUE(reader_->status().ok());
  EXPECT_FALSE(reader_->source_ended());
  EXPECT_EQ(code(await(reader_->fill_buf())), kTooLate);
  reader_->set_deadline(std::chrono::steady_clock::now() + std::chrono::hours(1));
  write_end("abc");
  EXPECT_EQ(text(await(reader_->fill_buf())), "abc");
  EXPECT_EQ(ring().core().timers().size(), 0U);
}

TEST_F(WaitingTest, InterruptEndsTheCallAndTheReadStaysInFlight) {
  Started call(reader_->fill_buf(3));
  turn();
  EXPECT_FALSE(call.ended());
  reader_->interrupt();
  EXPECT_FALSE(call.ended()) << "resumed from inside interrupt()";
  turn();
  ASSERT_TRUE(call.ended());
  EXPECT_EQ(code(call.result()), kCancelled);
  EXPECT_EQ(ring().stats().in_flight, 1U);
  EXPECT_EQ(ring().stats().cancels, 0U);
  write_end("abc");
  EXPECT_EQ(text(await(reader_->fill_buf(3))), "abc");
  EXPECT_EQ(reader_->stats().bytes, 3U);
}

TEST_F(WaitingTest, InterruptWithoutACallDoesNothing) {
  reader_->interrupt();
  write_end("abc");
  EXPECT_EQ(text(await(reader_->fill_buf())), "abc");
  reader_->interrupt();
  EXPECT_EQ(text(await(reader_->fill_buf())), "abc");
}

TEST_F(WaitingTest, InterruptOfACallThatIsDoneDoesNotSpoilIt) {
  Started call(reader_->fill_buf(3));
  turn();
  write_all(ends_.write, "abc");
  while (reader_->available() < 3) ring().core().turn();  // done; resumed in this turn or the next
  reader_->interrupt();
  finish(call);
  EXPECT_EQ(text(call.result()), "abc");
}

TEST_F(WaitingTest, SecondCallIsRefusedAndTheFirstIsUnaffected) {
  Started first(reader_->require(3));
  turn();
  std::array<char, 1> into;
  EXPECT_EQ(code(await(reader_->fill_buf())), kMisuse);
  EXPECT_EQ(code(await(reader_->fill_buf(0))), kMisuse);
  EXPECT_EQ(code(await(reader_->read_exact(into))), kMisuse);
  EXPECT_EQ(code(await(reader_->read_to_end(9))), kMisuse);
  EXPECT_EQ(code(await(reader_->skip(1))), kMisuse);
  EXPECT_EQ(code(await(reader_->read_until("x"))), kMisuse);
  EXPECT_EQ(code(await(reader_->read_line())), kMisuse);
  EXPECT_EQ(code(await(reader_->close())), kMisuse);
  EXPECT_EQ(code(await(reader_->release())), kMisuse);
  EXPECT_EQ(code(reader_->seek(0)), kMisuse);
  Lines lines = reader_->lines();
  EXPECT_FALSE(await(lines.next()).has_value());
  EXPECT_EQ(code(lines.status()), kMisuse);
  EXPECT_FALSE(first.ended());
  write_end("abcd");
  finish(first);
  EXPECT_EQ(text(first.result()), "abc");
  EXPECT_EQ(await(testing::drain(*reader_)), "abcd");
}

TEST_F(WaitingTest, SecondCallIsRefusedEvenIfBytesAreBuffered) {
  write_all(ends_.write, "ab");
  EXPECT_EQ(text(await(reader_->fill_buf(2))), "ab");
  Started first(reader_->fill_buf(3));
  turn();
  EXPECT_EQ(code(await(reader_->fill_buf(1))), kMisuse);
  write_end("c");
  finish(first);
  EXPECT_EQ(text(first.result()), "abc");
}

TEST_F(WaitingTest, SecondNextOnTheSameLinesIsRefusedAndTheFirstIsUnaffected) {
  Lines lines = reader_->lines();
  Started first(lines.next());
  turn();
  {
    Started second(lines.next());
    turn();
    ASSERT_TRUE(second.ended());
    EXPECT_FALSE(second.result().has_value());
    EXPECT_EQ(code(lines.status()), kMisuse);
  }
  write_end("abc\n");
  turn(20);
  ASSERT_TRUE(first.ended());
  Token line = first.result();
  ASSERT_TRUE(line.has_value());
  EXPECT_EQ(*line, "abc");
}

TEST_F(WaitingTest, DestroyedReaderEndsTheCallThatWaitsInIt) {
  Started call(reader_->require(3));
  turn();
  reader_.reset();
  EXPECT_FALSE(call.ended()) << "resumed from inside the destructor";
  turn();
  ASSERT_TRUE(call.ended());
  EXPECT_EQ(code(call.result()), kMisuse);
}

TEST_F(WaitingTest, DestroyedReaderEndsEveryKindOfCallThatWaitsInIt) {
  std::string into(3000000, '\0');
  auto refused = [this](auto call, auto& result) {
    Started started(std::move(call));
    turn();
    ASSERT_FALSE(started.ended());
    reader_.reset();
    turn();
    ASSERT_TRUE(started.ended());
    result = code(started.result());
    close(ends_.write);
    ends_ = new_pipe();
    reader_.emplace(adopt_fd(ring(), ends_.read));
  };
  absl::StatusCode result = absl::StatusCode::kOk;
  write_all(ends_.write, "abc");
  refused(reader_->read_exact(into), result);
  EXPECT_EQ(result, kMisuse);
  write_all(ends_.write, "abc");
  refused(reader_->skip(1000), result);
  EXPECT_EQ(result, kMisuse);
  write_all(ends_.write, "abc");
  refused(reader_->read_to_end(1000), result);
  EXPECT_EQ(result, kMisuse);
  write_all(ends_.write, "abc");
  refused(reader_->read_until("\n"), result);
  EXPECT_EQ(result, kMisuse);
  write_all(ends_.write, "abc");
  refused(reader_->read_line(), result);
  EXPECT_EQ(result, kMisuse);
}

TEST_F(WaitingTest, ReaderAssignedToEndsTheCallThatWaitsInIt) {
  Started call(reader_->require(3));
  turn();
  *reader_ = read_string("other");
  turn();
  ASSERT_TRUE(call.ended());
  EXPECT_EQ(code(call.result()), kMisuse);
  EXPECT_EQ(reader_->buffered(), "other");
}

TEST_F(WaitingTest, DestroyedCallLosesNoByte) {
  {
    Started call(reader_->require(6));
    turn();
    write_all(ends_.write, "abc");
    turn();
    EXPECT_FALSE(call.ended());
  }
  write_end("def");
  turn();
  EXPECT_EQ(text(await(reader_->require(6))), "abcdef");
}

TEST_F(WaitingTest, RingDestroyedFirstLeavesAReaderThatRefuses) {
  auto call = std::make_optional<Started<FillCall>>(reader_->fill_buf());
  turn();
  destroy_ring();
  EXPECT_FALSE(call->ended());
  call.reset();
  Started later(reader_->fill_buf());
  ASSERT_TRUE(later.ended());
  EXPECT_EQ(code(later.result()), kMisuse);
  Started closing(reader_->close());
  ASSERT_TRUE(closing.ended());
  EXPECT_FALSE(testing::is_open(ends_.read));
  reader_.reset();
}

TEST_F(WaitingTest, BytesThatWereReadOutliveTheRing) {
  write_all(ends_.write, "abcdef");
  EXPECT_EQ(text(await(reader_->fill_buf(6))), "abcdef");
  destroy_ring();
  Started call(reader_->fill_buf(6));
  ASSERT_TRUE(call.ended());
  EXPECT_EQ(text(call.result()), "abcdef");
  reader_->consume(6);
  Started next(reader_->fill_buf());
  ASSERT_TRUE(next.ended());
  EXPECT_EQ(code(next.result()), kMisuse);
}

TEST_F(WaitingTest, SourceThatWaitsOnADestroyedRingRefuses) {
  Reader reader = read_source(ring(), std::make_unique<StrictSource>(StrictSource::Plan{
                                          .text = "abc", .end = {}, .waits_on = &ring()}));
  { Started call(reader.fill_buf()); }
  destroy_ring();
  Started call(reader.fill_buf());
  ASSERT_TRUE(call.ended());
  EXPECT_EQ(code(call.result()), kMisuse);
}

TEST_F(WaitingTest, ReaderAndCallDestroyedAfterTheRingInEveryOrder) {
  auto call = std::make_optional<Started<FillCall>>(reader_->fill_buf());
  turn();
  destroy_ring();
  reader_.reset();
  call.reset();
}

// A source that waits is given up and joined as a descriptor is.
TEST_F(WaitingTest, CustomReadThatWasGivenUpIsJoined) {
  int calls = 0;
  Reader reader =
      read_source(ring(), std::make_unique<StrictSource>(StrictSource::Plan{
                              .text = "abc", .end = {}, .waits_on = &ring(), .calls = &calls}));
  { Started call(reader.fill_buf(3)); }
  EXPECT_EQ(calls, 1);
  turn();
  Started call(reader.fill_buf(3));
  ASSERT_TRUE(call.ended());
  EXPECT_EQ(text(call.result()), "abc");
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(reader.padded(), true);
}

TEST_F(WaitingTest, CustomReadEndsByDeadlineAndInterruptToo) {
  Reader reader = read_source(ring(), std::make_unique<StrictSource>(StrictSource::Plan{
                                          .text = "abc", .end = {}, .waits_on = &ring()}));
  reader.set_deadline(std::chrono::steady_clock::now());
  EXPECT_EQ(code(await(reader.fill_buf())), kTooLate);
  reader.clear_deadline();
  Started call(reader.fill_buf(4));
  reader.interrupt();
  turn();
  ASSERT_TRUE(call.ended());
  EXPECT_EQ(code(call.result()), kCancelled);
  EXPECT_EQ(await(testing::drain(reader)), "abc");
}

}  // namespace
}  // namespace bufio
