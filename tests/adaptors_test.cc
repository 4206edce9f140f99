// Readers over Readers, and what becomes of the parent. What each kind adds is in
// adaptor_kinds_test.cc; that they are Readers like others is tested where others are
// (reader_testing.h, stream_rig.h).

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bufio/chain.h"
#include "bufio/descriptor.h"
#include "bufio/memory.h"
#include "bufio/reader.h"
#include "bufio/source.h"
#include "bufio/take.h"
#include "tests/reader_testing.h"
#include "uring/status.h"

namespace bufio {
namespace {

using testing::code;
using testing::drain;
using testing::Ends;
using ::testing::HasSubstr;
using testing::new_pipe;
using testing::Started;
using testing::text;
using testing::write_all;

constexpr auto kMisuse = absl::StatusCode::kFailedPrecondition;

class AdaptorTest : public testing::RingTest {
 protected:
  // A pipe whose write end is `pipe_`.
  Reader piped(ReaderOptions options = {}) {
    Ends ends = new_pipe();
    pipe_ = ends.write;
    return adopt_fd(ring(), ends.read, options);
  }
  void TearDown() override {
    if (pipe_ >= 0) close(pipe_);
  }
  int pipe_ = -1;
};

// --- the parent ----------------------------------------------------------------------------------

TEST_F(AdaptorTest, TheParentStandsBehindWhatWasConsumed) {
  Reader parent = piped();
  write_all(pipe_, "headbodytail");
  EXPECT_EQ(text(await(parent.require(4))), "head");
  parent.consume(4);
  {
    Reader body = take(parent, 4);
    EXPECT_EQ(body.pos(), 4u);
    EXPECT_EQ(body.buffered(), "body");
    EXPECT_TRUE(body.source_ended());
    body.consume(3);
  }
  EXPECT_EQ(parent.pos(), 7u);
  EXPECT_EQ(parent.buffered(), "ytail");
  EXPECT_FALSE(parent.source_ended());
}

TEST_F(AdaptorTest, WhatIsLeftIsDrained) {
  Reader parent = piped({.read_size = 3});
  write_all(pipe_, "bodytail");
  {
    Reader body = take_exactly(parent, 4);
    absl::StatusOr<uint64_t> left = await(skip_rest(body));
    ASSERT_TRUE(left.ok()) << left.status();
    EXPECT_EQ(*left, 4u);
  }
  EXPECT_EQ(parent.pos(), 4u);
  EXPECT_EQ(text(await(parent.require(4))), "tail");
}

TEST_F(AdaptorTest, WhatIsLeftOfAFileIsNotRead) {
  std::string bytes = testing::pattern(1 << 20);
  Reader parent = adopt_fd(ring(), ::open(new_file(bytes).c_str(), O_RDONLY | O_CLOEXEC),
                           {.read_size = 4096, .max_read_ahead = 0});
  {
    Reader inner = take(parent, 1 << 19);
    Reader body = take(inner, 1 << 19);
    absl::StatusOr<uint64_t> left = await(skip_rest(body));
    ASSERT_TRUE(left.ok()) << left.status();
    EXPECT_EQ(*left, 1u << 19);
    EXPECT_TRUE(body.source_ended());
  }
  EXPECT_LE(parent.stats().bytes, 4096u);
  EXPECT_EQ(text(await(parent.require(9))), bytes.substr(1 << 19, 9));
}

TEST_F(AdaptorTest, CallsOnAParentThatIsLentAreRefused) {
  Reader parent = read_string("abcdef\n");
  std::optional<Reader> body(take(parent, 2));
  std::array<char, 1> into;
  EXPECT_EQ(code(await(parent.fill_buf())), kMisuse);
  EXPECT_EQ(code(await(parent.require(0))), kMisuse);
  EXPECT_EQ(code(await(parent.read_line())), kMisuse);
  EXPECT_EQ(code(await(parent.read_exact(into))), kMisuse);
  EXPECT_EQ(code(await(parent.skip(1))), kMisuse);
  EXPECT_EQ(code(parent.seek(0)), kMisuse);
  EXPECT_EQ(code(await(parent.close())), kMisuse);
  EXPECT_EQ(code(await(parent.release())), kMisuse);
  EXPECT_EQ(parent.available(), 0u);
  EXPECT_DEATH(parent.consume(1), "more than is buffered");
  Reader second = take(parent, 2);
  EXPECT_EQ(code(await(second.fill_buf())), kMisuse);
  EXPECT_EQ(await(drain(*body)), "ab");
  body.reset();
  EXPECT_EQ(text(await(second.fill_buf())), "cd");
}

TEST_F(AdaptorTest, LinesThatKnowTheParentsWindowAskAgain) {
  Reader parent = read_string("one\ntwo\nthree\n");
  Lines lines = parent.lines();
  EXPECT_EQ(await(lines.next()), "one");
  {
    Reader body = take(parent, 4);
    EXPECT_FALSE(await(lines.next()).has_value());
    EXPECT_EQ(code(lines.status()), kMisuse);
    EXPECT_EQ(await(drain(body)), "two\n");
  }
  EXPECT_EQ(await(lines.next()), "three");
}

TEST_F(AdaptorTest, TheParentMayBeMoved) {
  Reader parent = piped();
  write_all(pipe_, "abcdef");
  Reader body = take(parent, 4);
  Reader elsewhere(std::move(parent));
  EXPECT_EQ(await(drain(body)), "abcd");
  EXPECT_EQ(code(await(body.close())), absl::StatusCode::kOk);
  EXPECT_EQ(text(await(elsewhere.require(2))), "ef");
}

TEST_F(AdaptorTest, TheParentMayGoFirst) {
  for (bool waiting : {false, true}) {
    std::optional<Reader> parent(piped());
    write_all(pipe_, "abc");
    Reader body = take(*parent, 100);
    absl::StatusOr<std::string_view> view = await(body.fill_buf());
    ASSERT_EQ(text(view), "abc");
    {
      Started more(body.fill_more());
      if (!waiting) more.destroy();
      parent.reset();
      EXPECT_EQ(*view, "abc");  // until the next call
      if (waiting) {
        finish(more);
        EXPECT_EQ(code(more.result()), kMisuse);
      }
    }
    EXPECT_EQ(body.available(), 0u);
    EXPECT_EQ(code(await(body.fill_buf())), kMisuse);
    EXPECT_EQ(code(await(body.read_line())), kMisuse);
    EXPECT_TRUE(body.status().ok());
    close(std::exchange(pipe_, -1));
  }
}

TEST_F(AdaptorTest, OneInTheMiddleMayGoFirstAndNothingIsLost) {
  Reader parent = piped();
  write_all(pipe_, "abcdef");
  std::optional<Reader> middle(take(parent, 5));
  Reader top = take(*middle, 4);
  EXPECT_EQ(text(await(top.fill_buf())), "abcd");
  top.consume(1);
  middle.reset();
  EXPECT_EQ(top.available(), 0u);
  EXPECT_EQ(parent.buffered(), "bcdef");
  EXPECT_EQ(code(await(top.fill_buf())), kMisuse);
  EXPECT_EQ(text(await(parent.require(5))), "bcdef");
}

TEST_F(AdaptorTest, TheOneAtTheBottomMayGoFirstThoughAllWasThere) {
  std::optional<Reader> parent(read_string("abcdef"));
  Reader middle = take(*parent, 5);
  Reader top = take(middle, 4);
  EXPECT_EQ(await(top.read_until("b", {.keep_delimiter = true})).value(), "ab");
  EXPECT_TRUE(top.source_ended());
  parent.reset();
  EXPECT_EQ(code(await(top.fill_buf())), kMisuse);
  EXPECT_EQ(code(await(top.read_line())), kMisuse);
}

TEST_F(AdaptorTest, CallsThatWaitAreInTheWayUntilTheyEnd) {
  Reader parent = piped();
  std::optional<Started<FillCall>> first(std::in_place, parent.fill_buf());
  Reader body = take(parent, 2);
  EXPECT_EQ(code(await(body.fill_buf())), kMisuse);
  first.reset();
  write_all(pipe_, "abc");
  EXPECT_EQ(text(await(body.fill_buf())), "ab");
}

TEST_F(AdaptorTest, ACallThatWasLetGoOfMovesNoBytes) {
  Reader parent = piped();
  write_all(pipe_, "ab");
  Reader body = take(parent, 10);
  absl::StatusOr<std::string_view> view = await(body.fill_buf());
  ASSERT_EQ(text(view), "ab");
  Started more(body.fill_more());
  turn();
  more.destroy();
  write_all(pipe_, "cd");
  turn(5);
  EXPECT_EQ(body.buffered().data(), view->data());
  EXPECT_EQ(body.available(), 2u);
  EXPECT_EQ(text(await(body.fill_more(2))), "abcd");
}

TEST_F(AdaptorTest, TheParentsDeadlineAndInterruptEndTheCall) {
  Reader parent = piped();
  Reader body = take(take(parent, 10), 10);
  parent.set_deadline(std::chrono::steady_clock::now());
  EXPECT_EQ(code(await(body.fill_buf())), absl::StatusCode::kDeadlineExceeded);
  parent.clear_deadline();
  Started call(body.fill_buf());
  parent.interrupt();
  finish(call);
  EXPECT_EQ(code(call.result()), absl::StatusCode::kCancelled);
  body.set_deadline(std::chrono::steady_clock::now());
  EXPECT_EQ(code(await(body.fill_buf())), absl::StatusCode::kDeadlineExceeded);
  body.clear_deadline();
  write_all(pipe_, "ab");
  EXPECT_EQ(text(await(body.fill_buf())), "ab");
}

TEST_F(AdaptorTest, TheParentsErrorComesBehindItsBytesAndKeepsItsName) {
  Reader parent = read_source(
      ring(), std::make_unique<testing::StrictSource>(testing::StrictSource::Plan{
                  .text = "abc", .end = uring::errno_status(EIO, "read", "tape"), .piece = 2}));
  {
    Reader body = take_exactly(take(parent, 3), 9);
    for (int i = 0; i < 2; ++i) {
      absl::Status status = await(body.fill_buf(4)).status();
      EXPECT_EQ(code(status), absl::StatusCode::kDataLoss) << status;
      EXPECT_THAT(std::string(status.message()), HasSubstr("strict source at offset"));
      EXPECT_EQ(text(await(body.fill_buf(3))), "abc");
    }
  }
  Reader body = take_exactly(parent, 9);
  for (int i = 0; i < 2; ++i) {
    absl::Status status = await(body.fill_buf(4)).status();
    EXPECT_EQ(uring::errno_of(status), EIO) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("read tape"));
    EXPECT_EQ(text(await(body.fill_buf())), "abc");
  }
}

TEST_F(AdaptorTest, ClosingOneThatBorrowsLetsGoAndOneThatOwnsCloses) {
  Ends ends = new_pipe();
  write_all(ends.write, "abcdef");
  Reader parent = adopt_fd(ring(), ends.read);
  Reader body = take(parent, 4);
  EXPECT_EQ(text(await(body.fill_buf())), "abcd");
  body.consume(1);
  EXPECT_TRUE(await(body.close()).ok());
  EXPECT_EQ(text(await(parent.require(5))), "bcdef");
  body = take(parent, 4);
  absl::StatusOr<Released> released = await(body.release());
  ASSERT_TRUE(released.ok()) << released.status();
  EXPECT_EQ(released->leftover, "bcde");
  EXPECT_FALSE(released->fd);
  EXPECT_EQ(text(await(parent.require(1))), "f");
  Reader owner = take(take(std::move(parent), 10), 10);
  Started more(owner.fill_more());  // leaves a read in flight
  turn();
  more.destroy();
  EXPECT_TRUE(await(owner.close()).ok());
  EXPECT_FALSE(testing::is_open(ends.read));
  close(ends.write);
}

TEST_F(AdaptorTest, ReleaseAfterAnErrorTellsItAndKeepsTheDescriptor) {
  for (const bool chained : {false, true}) {
    SCOPED_TRACE(chained ? "chain" : "take");
    Ends ends = new_pipe();
    Reader unreadable = adopt_fd(ring(), ends.write);
    Reader body =
        chained ? chain(read_string(""), std::move(unreadable)) : take(std::move(unreadable), 4);
    EXPECT_EQ(uring::errno_of(await(body.fill_buf()).status()), EBADF);
    absl::StatusOr<Released> released = await(body.release());
    EXPECT_EQ(uring::errno_of(released.status()), EBADF) << released.status();
    EXPECT_TRUE(testing::is_open(ends.write));
    EXPECT_TRUE(await(body.close()).ok());
    EXPECT_FALSE(testing::is_open(ends.write));
    close(ends.read);
  }
}

}  // namespace
}  // namespace bufio
