// The outcome table of the Reader's fill-class calls, row by row, for every kind of source.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bufio/descriptor.h"
#include "bufio/open.h"
#include "bufio/reader.h"
#include "bufio/source.h"
#include "tests/reader_testing.h"
#include "uring/status.h"

namespace bufio {
namespace {

using testing::code;
using testing::Ends;
using testing::EverySourceTest;
using ::testing::HasSubstr;
using testing::new_pipe;
using testing::RingTest;
using testing::StrictSource;
using testing::text;
using View = absl::StatusOr<std::string_view>;

constexpr auto kEnd = absl::StatusCode::kOutOfRange;
constexpr auto kCutOff = absl::StatusCode::kDataLoss;
constexpr auto kLimit = absl::StatusCode::kResourceExhausted;
constexpr auto kMisuse = absl::StatusCode::kFailedPrecondition;

class OutcomeTest : public EverySourceTest {};
INSTANTIATE_EVERY_SOURCE(OutcomeTest);

// --- data and the end

TEST_P(OutcomeTest, GivesEveryByteInOrder) {
  std::string bytes = testing::pattern(3000);
  Reader reader = make(bytes);
  EXPECT_EQ(reader.pos(), start());
  EXPECT_EQ(await(testing::drain(reader)), bytes);
  EXPECT_EQ(reader.pos(), start() + 3000);
  EXPECT_TRUE(reader.source_ended());
  EXPECT_TRUE(reader.status().ok());
}

TEST_P(OutcomeTest, AViewHasAtLeastWhatWasAskedFor) {
  std::string bytes = testing::pattern(250);
  Reader reader = make(bytes);
  for (size_t min : {size_t{1}, size_t{2}, size_t{63}, size_t{64}, size_t{250}}) {
    View view = await(reader.fill_buf(min));
    ASSERT_TRUE(view.ok()) << view.status();
    EXPECT_GE(view->size(), min);
    EXPECT_EQ(*view, bytes.substr(0, view->size()));
  }
}

TEST_P(OutcomeTest, AnEmptyViewIsTheEndAndStaysIt) {
  Reader reader = make("abc");
  EXPECT_EQ(text(await(reader.require(3))), "abc");
  reader.consume(3);
  for (int i = 0; i < 3; ++i) {
    View view = await(reader.fill_buf());
    ASSERT_TRUE(view.ok()) << view.status();
    EXPECT_TRUE(view->empty());
    EXPECT_TRUE(reader.source_ended());
  }
  EXPECT_TRUE(reader.status().ok());
}

TEST_P(OutcomeTest, AnEmptyStreamIsTheEndAtOnce) {
  Reader reader = make("");
  EXPECT_EQ(text(await(reader.fill_buf())), "");
  EXPECT_EQ(text(await(reader.fill_buf(0))), "");
  EXPECT_TRUE(reader.source_ended());
  EXPECT_EQ(code(await(reader.require(1))), kEnd);
}

TEST_P(OutcomeTest, AskingForNothingIsNoEndInDisguise) {
  Reader reader = make("abc");
  View view = await(reader.fill_buf(0));
  ASSERT_TRUE(view.ok()) << view.status();
  EXPECT_FALSE(view->empty());
}

TEST_P(OutcomeTest, AShortViewSaysThatTheSourceHasEnded) {
  Reader reader = make("abc");
  View view = await(reader.fill_buf(4));
  EXPECT_EQ(text(view), "abc");
  EXPECT_TRUE(reader.source_ended());
  reader.consume(1);
  EXPECT_EQ(text(await(reader.fill_buf(3))), "bc");
  EXPECT_EQ(text(await(reader.fill_more())), "bc");
}

TEST_P(OutcomeTest, RequireAtTheEndIsOutOfRange) {
  Reader reader = make("abc");
  EXPECT_EQ(text(await(reader.require(3))), "abc");
  reader.consume(3);
  EXPECT_EQ(code(await(reader.require(1))), kEnd);
  EXPECT_EQ(code(await(reader.require(1))), kEnd);
  EXPECT_EQ(text(await(reader.require(0))), "");
  EXPECT_EQ(text(await(reader.fill_buf())), "");
}

TEST_P(OutcomeTest, RequireCutOffByTheEndIsDataLossAndKeepsThePrefix) {
  Reader reader = make("abcde");
  EXPECT_EQ(text(await(reader.require(2))), "ab");
  reader.consume(2);
  EXPECT_EQ(code(await(reader.require(4))), kCutOff);
  EXPECT_EQ(reader.buffered(), "cde");
  EXPECT_EQ(reader.pos(), start() + 2);
  EXPECT_EQ(text(await(reader.require(3))), "cde");
}

TEST_P(OutcomeTest, EveryCallFindsTheEnd) {
  Reader reader = make("");
  std::array<char, 4> into;
  EXPECT_EQ(code(await(reader.read_exact(into))), kEnd);
  absl::StatusOr<std::string> rest = await(reader.read_to_end(10));
  ASSERT_TRUE(rest.ok());
  EXPECT_EQ(*rest, "");
  absl::StatusOr<uint64_t> skipped = await(reader.skip(10));
  ASSERT_TRUE(skipped.ok());
  EXPECT_EQ(*skipped, 0U);
  absl::StatusOr<Token> token = await(reader.read_until("x"));
  ASSERT_TRUE(token.ok());
  EXPECT_FALSE(token->has_value());
  token = await(reader.read_line());
  ASSERT_TRUE(token.ok());
  EXPECT_FALSE(token->has_value());
  Lines lines = reader.lines();
  EXPECT_FALSE(await(lines.next()).has_value());
  EXPECT_TRUE(lines.status().ok());
}

// --- limits

TEST_P(OutcomeTest, MoreThanTheLimitIsResourceExhaustedAndNothingIsLost) {
  if (in_memory() && GetParam().kind != testing::Kind::kCord) GTEST_SKIP() << "never buffers";
  std::string bytes = testing::pattern(200);
  Reader reader = make(bytes, {.max_buffer_size = 100});
  EXPECT_EQ(code(await(reader.fill_buf(101))), kLimit);
  EXPECT_EQ(code(await(reader.require(101))), kLimit);
  EXPECT_EQ(code(await(reader.fill_buf(SIZE_MAX))), kLimit);
  EXPECT_EQ(code(await(reader.fill_more(SIZE_MAX))), kLimit);
  EXPECT_EQ(reader.pos(), start());
  View view = await(reader.fill_buf(100));
  EXPECT_EQ(text(view), bytes.substr(0, 100));
  EXPECT_EQ(code(await(reader.fill_more())), kLimit);
  EXPECT_EQ(reader.buffered(), bytes.substr(0, 100));
  reader.consume(50);
  EXPECT_EQ(text(await(reader.fill_more(50))), bytes.substr(50, 100));
  EXPECT_EQ(await(testing::drain(reader)), bytes.substr(50));
}

TEST_P(OutcomeTest, ABufferOfOneByteStillReadsEverything) {
  std::string bytes = testing::pattern(500);
  Reader reader = make(bytes, {.max_buffer_size = 1});
  EXPECT_EQ(await(testing::drain(reader)), bytes);
}

// --- misuse and closing

TEST_P(OutcomeTest, EveryCallAfterCloseIsRefused) {
  for (bool released : {false, true}) {
    Reader reader = make("abc\n");
    EXPECT_EQ(text(await(reader.require(1))), "a");
    if (released) {
      absl::StatusOr<Released> given = await(reader.release());
      ASSERT_TRUE(given.ok()) << given.status();
    } else {
      absl::Status closed = await(reader.close());
      ASSERT_TRUE(closed.ok()) << closed;
    }
    EXPECT_EQ(reader.available(), 0U);
    std::array<char, 1> into;
    EXPECT_EQ(code(await(reader.fill_buf())), kMisuse);
    EXPECT_EQ(code(await(reader.fill_buf(0))), kMisuse);
    EXPECT_EQ(code(await(reader.fill_more())), kMisuse);
    EXPECT_EQ(code(await(reader.require(1))), kMisuse);
    EXPECT_EQ(code(await(reader.require(0))), kMisuse);
    EXPECT_EQ(code(await(reader.read_exact(into))), kMisuse);
    EXPECT_EQ(code(await(reader.read_exact({}))), kMisuse);
    EXPECT_EQ(code(await(reader.read_to_end(9))), kMisuse);
    EXPECT_EQ(code(await(reader.skip(1))), kMisuse);
    EXPECT_EQ(code(await(reader.read_until("x"))), kMisuse);
    EXPECT_EQ(code(await(reader.read_line())), kMisuse);
    EXPECT_EQ(code(await(reader.fill_until(DelimiterScanner("b")))), kMisuse);
    Lines lines = reader.lines();
    EXPECT_FALSE(await(lines.next()).has_value());
    EXPECT_EQ(code(lines.status()), kMisuse);
    EXPECT_EQ(code(reader.seek(0)), kMisuse);
    EXPECT_EQ(code(await(reader.close())), kMisuse);
    EXPECT_EQ(code(await(reader.release())), kMisuse);
  }
}

TEST_P(OutcomeTest, LinesThatOutliveTheReaderAreRefused) {
  std::optional<Reader> reader(make("abc\ndef\nghi\n"));
  Lines lines = reader->lines();
  Token line = await(lines.next());
  ASSERT_TRUE(line.has_value());
  EXPECT_EQ(*line, "abc");
  reader.reset();
  EXPECT_FALSE(await(lines.next()).has_value());
  EXPECT_EQ(code(lines.status()), kMisuse);
}

TEST_P(OutcomeTest, AMovedReaderGoesOn) {
  Reader first = make("abcdef");
  EXPECT_EQ(text(await(first.require(2))), "ab");
  first.consume(2);
  Reader second(std::move(first));
  EXPECT_EQ(text(await(second.require(4))), "cdef");
  Reader third = make("xyz");
  third = std::move(second);
  EXPECT_EQ(await(testing::drain(third)), "cdef");
}

using OutcomeDeathTest = OutcomeTest;
INSTANTIATE_TEST_SUITE_P(SomeSources, OutcomeDeathTest,
                         ::testing::Values(testing::every_source()[0], testing::every_source()[21]),
                         [](const auto& param) { return std::string(param.param.name); });

TEST_P(OutcomeDeathTest, ConsumingMoreThanIsBufferedIsCaught) {
  Reader reader = make("abc");
  EXPECT_EQ(text(await(reader.require(3))), "abc");
  reader.consume(0);
  EXPECT_DEATH(reader.consume(4), "consume: more than is buffered");
  reader.consume(3);
  EXPECT_DEATH(reader.consume(1), "consume: more than is buffered");
  EXPECT_DEATH(reader.consume(SIZE_MAX), "consume: more than is buffered");
}

TEST_P(OutcomeDeathTest, UsingAMovedFromReaderIsCaught) {
  Reader reader = make("abc");
  Reader other(std::move(reader));
  // NOLINTNEXTLINE(bugprone-use-after-move): that is the point
  EXPECT_DEATH(static_cast<void>(reader.available()), "moved from");
  EXPECT_DEATH(static_cast<void>(reader.fill_buf()), "moved from");
}

TEST_P(OutcomeDeathTest, AnEmptyDelimiterIsCaught) {
  Reader reader = make("abc");
  EXPECT_DEATH(static_cast<void>(reader.read_until("")), "delimiter is empty");
}

// --- errors

class ErrorTest : public RingTest {
 protected:
  // Gives `bytes`, then fails.
  Reader failing(std::string bytes, size_t piece = 0) {
    return read_source(ring(), std::make_unique<StrictSource>(StrictSource::Plan{
                                   .text = std::move(bytes),
                                   .end = uring::errno_status(EIO, "read", "tape"),
                                   .piece = piece}));
  }
};

void expect_io_error(const absl::Status& status) {
  EXPECT_EQ(uring::errno_of(status), EIO) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("read tape"));
}

TEST_F(ErrorTest, ErrorWaitsBehindBufferedBytes) {
  Reader reader = failing("abcde");
  expect_io_error(await(reader.fill_buf(6)).status());
  EXPECT_TRUE(reader.source_ended());
  expect_io_error(reader.status());
  EXPECT_EQ(text(await(reader.fill_buf(5))), "abcde");
  reader.consume(2);
  EXPECT_EQ(text(await(reader.fill_buf())), "cde");
  expect_io_error(await(reader.require(4)).status());
  EXPECT_EQ(text(await(reader.require(3))), "cde");
  expect_io_error(await(reader.fill_more()).status());
  reader.consume(3);
  expect_io_error(await(reader.fill_buf()).status());
}

TEST_F(ErrorTest, ErrorIsStickyForEveryCallAndTheSourceIsNotAskedAgain) {
  Reader reader = failing("abc");
  std::array<char, 4> into;
  expect_io_error(await(reader.read_exact(into)));
  EXPECT_EQ(reader.buffered(), "abc");
  expect_io_error(await(reader.read_to_end(100)).status());
  EXPECT_EQ(reader.buffered(), "abc");
  expect_io_error(await(reader.read_until("x")).status());
  expect_io_error(await(reader.read_line()).status());
  expect_io_error(await(reader.fill_until(DelimiterScanner("x"))).status());
  Lines lines = reader.lines();
  EXPECT_FALSE(await(lines.next()).has_value());
  expect_io_error(lines.status());
  EXPECT_EQ(reader.buffered(), "abc");
  expect_io_error(await(reader.skip(4)).status());
  expect_io_error(await(reader.fill_buf()).status());
}

TEST_F(ErrorTest, TokensInFrontOfAnErrorAreGiven) {
  Reader reader = failing("one\ntwo;three", 1);
  absl::StatusOr<Token> token = await(reader.read_line());
  ASSERT_TRUE(token.ok() && token->has_value()) << token.status();
  EXPECT_EQ(**token, "one");
  token = await(reader.read_until(";"));
  ASSERT_TRUE(token.ok() && token->has_value()) << token.status();
  EXPECT_EQ(**token, "two");
  expect_io_error(await(reader.read_until(";")).status());
  EXPECT_EQ(reader.buffered(), "three");
}

TEST_F(ErrorTest, ErrorNamesSourceAndOffset) {
  Reader reader = failing("abc");
  absl::Status status = await(reader.fill_buf(4)).status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("strict source"));
}

TEST_F(ErrorTest, MissingFileIsNotFoundAndNamed) {
  absl::StatusOr<Reader> reader = await(open(ring(), "/nonexistent/file"));
  EXPECT_EQ(code(reader), absl::StatusCode::kNotFound);
  EXPECT_EQ(uring::errno_of(reader.status()), ENOENT);
  EXPECT_THAT(std::string(reader.status().message()), HasSubstr("/nonexistent/file"));
  EXPECT_THAT(std::string(reader.status().message()), HasSubstr("open"));
}

TEST_F(ErrorTest, DirectoryShowsInTheFirstRead) {
  absl::StatusOr<Reader> reader = await(open(ring(), "/tmp"));
  ASSERT_TRUE(reader.ok()) << reader.status();
  for (int i = 0; i < 2; ++i) {
    absl::Status status = await(reader->fill_buf()).status();
    EXPECT_EQ(uring::errno_of(status), EISDIR) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("read /tmp"));
  }
}

TEST_F(ErrorTest, WriteOnlyDescriptorShowsInTheFirstRead) {
  Ends ends = new_pipe();
  Reader reader = adopt_fd(ring(), ends.write);
  absl::Status status = await(reader.fill_buf()).status();
  EXPECT_EQ(uring::errno_of(status), EBADF) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("fd " + std::to_string(ends.write)));
  close(ends.read);
}

TEST_F(ErrorTest, NumberWithoutDescriptorShowsInTheFirstCall) {
  Ends ends = new_pipe();
  close(ends.read);
  close(ends.write);
  Reader reader = borrow_fd(ring(), ends.read);
  absl::Status status = await(reader.fill_buf()).status();
  EXPECT_EQ(uring::errno_of(status), EBADF) << status;
  EXPECT_EQ(uring::errno_of(await(reader.skip(3)).status()), EBADF);
}

TEST_F(ErrorTest, ReadErrorOfTheKernelKeepsItsErrno) {
  absl::StatusOr<Reader> reader = await(open(ring(), "/proc/self/mem"));
  ASSERT_TRUE(reader.ok()) << reader.status();
  absl::Status status = await(reader->fill_buf()).status();
  EXPECT_EQ(uring::errno_of(status), EIO) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("/proc/self/mem"));
}

}  // namespace
}  // namespace bufio
