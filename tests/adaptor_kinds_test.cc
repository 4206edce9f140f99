// What each kind of adaptor adds to its parent: take, tee, Lookahead, until, split, chain.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bufio/chain.h"
#include "bufio/descriptor.h"
#include "bufio/lookahead.h"
#include "bufio/memory.h"
#include "bufio/memory_writer.h"
#include "bufio/reader.h"
#include "bufio/source.h"
#include "bufio/split.h"
#include "bufio/take.h"
#include "bufio/tee.h"
#include "bufio/until.h"
#include "bufio/writer.h"
#include "bufio/writer_descriptor.h"
#include "tests/reader_testing.h"
#include "uring/status.h"

namespace bufio {
namespace {

using testing::code;
using testing::drain;
using testing::Ends;
using testing::new_pipe;
using testing::Started;
using testing::text;
using testing::write_all;

constexpr auto kMisuse = absl::StatusCode::kFailedPrecondition;
constexpr auto kLimit = absl::StatusCode::kResourceExhausted;

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

// --- take ----------------------------------------------------------------------------------------

TEST_F(AdaptorTest, AStreamThatEndsTooEarlyIsCutOffOnlyWhereThatWasAsked) {
  Reader few = take(read_string("abc"), 5);
  EXPECT_EQ(await(drain(few)), "abc");
  Reader exact = take_exactly(read_string("abc"), 5);
  EXPECT_EQ(text(await(exact.fill_buf())), "abc");
  EXPECT_EQ(code(await(exact.fill_buf(4))), absl::StatusCode::kDataLoss);
  EXPECT_EQ(code(await(exact.read_line())), absl::StatusCode::kDataLoss);
  EXPECT_EQ(code(await(skip_rest(exact))), absl::StatusCode::kDataLoss);
  Reader just = take_exactly(read_string("abc"), 3);
  EXPECT_EQ(await(drain(just)), "abc");
  Reader nothing = take_exactly(read_string(""), 0);
  EXPECT_EQ(await(drain(nothing)), "");
}

// --- tee -----------------------------------------------------------------------------------------

TEST_F(AdaptorTest, TheSinkGetsWhatIsConsumedAndNoMore) {
  Reader parent = read_string("abcdefgh");
  std::string sink;
  {
    Reader teed = tee(parent, [&](std::string_view bytes) { sink += bytes; });
    EXPECT_EQ(text(await(teed.fill_buf())), "abcdefgh");
    teed.consume(2);
    std::array<char, 3> into;
    EXPECT_TRUE(await(teed.read_exact(into)).ok());
  }
  EXPECT_EQ(sink, "abcde");
  EXPECT_EQ(parent.buffered(), "fgh");
}

TEST_F(AdaptorTest, WhatIsPutBackIsNotGivenAgain) {
  std::string bytes = testing::pattern(200);
  Reader parent = piped({.max_buffer_size = 20, .read_size = 7});
  write_all(pipe_, bytes);
  std::string sink;
  {
    Reader teed = tee(parent, [&](std::string_view piece) { sink += piece; });
    EXPECT_EQ(text(await(teed.require(3))), bytes.substr(0, 3));
    teed.consume(3);
    std::string into(1000, '?');
    for (int i = 0; i < 3; ++i) {
      Started call(teed.read_exact(into));
      turn(5);
      call.destroy();
      EXPECT_EQ(teed.pos(), 3u);
    }
    absl::StatusOr<std::string> most = await(take(teed, 150).read_to_end(1000));
    ASSERT_TRUE(most.ok()) << most.status();
    EXPECT_EQ(*most, bytes.substr(3, 150));
    close(std::exchange(pipe_, -1));
    EXPECT_EQ(await(teed.read_to_end(100)).value(), bytes.substr(153));
  }
  EXPECT_EQ(sink, bytes);
}

TEST_F(AdaptorTest, AWriterGetsWhatIsConsumed) {
  std::string bytes = testing::pattern(100000);
  std::string sink;
  Writer writer = write_to_string(sink);
  {
    Reader teed = tee(read_string(bytes, {.read_size = 1000}), writer);
    EXPECT_EQ(await(drain(teed)), bytes);
  }
  EXPECT_TRUE(await(writer.flush()).ok());
  EXPECT_EQ(sink, bytes);
}

TEST_F(AdaptorTest, ASlowWriterIsWaitedForAndCancellingLosesNothing) {
  constexpr size_t kSize = 300000;
  std::string bytes = testing::pattern(kSize);
  Ends out = new_pipe();
  Writer writer = adopt_fd_for_writing(ring(), out.write, {.high_water = 5000});
  std::string file = new_file(bytes);
  Reader teed = tee(adopt_fd(ring(), ::open(file.c_str(), O_RDONLY | O_CLOEXEC),
                             {.read_size = 1000, .max_read_ahead = 0}),
                    writer);
  std::string seen;
  std::string sunk;
  std::array<char, 4096> into;
  fcntl(out.read, F_SETFL, O_NONBLOCK);
  while (seen.size() < kSize) {
    Started call(teed.fill_buf());
    turn(1);
    if (!call.ended() && seen.size() % 3 != 0) call.destroy();
    while (!call.ended() && seen.size() % 3 == 0) {
      ssize_t count = ::read(out.read, into.data(), into.size());
      if (count > 0) sunk.append(into.data(), static_cast<size_t>(count));
      turn(1);
    }
    EXPECT_LE(writer.unwritten(), 5000u + 1000u);
    ssize_t count = ::read(out.read, into.data(), into.size());
    if (count > 0) sunk.append(into.data(), static_cast<size_t>(count));
    size_t step = std::min<size_t>(teed.available(), 997);
    seen += teed.buffered().substr(0, step);
    teed.consume(step);
  }
  EXPECT_EQ(seen, bytes);
  EXPECT_TRUE(await(teed.close()).ok());
  Started flush(writer.flush());
  while (!flush.ended() || sunk.size() < kSize) {
    ssize_t count = ::read(out.read, into.data(), into.size());
    if (count > 0) sunk.append(into.data(), static_cast<size_t>(count));
    turn(1);
  }
  EXPECT_EQ(sunk, bytes);
  ::close(out.read);
}

TEST_F(AdaptorTest, TheWritersErrorIsTheReaders) {
  Reader parent = piped();
  write_all(pipe_, "abc");
  std::string sink;
  std::optional<Writer> writer(write_to_string(sink));
  Reader teed = tee(parent, *writer);
  EXPECT_EQ(text(await(teed.fill_buf())), "abc");
  writer.reset();
  EXPECT_EQ(code(await(teed.fill_buf(4))), kMisuse);
  EXPECT_EQ(teed.buffered(), "abc");
}

// --- look-ahead ----------------------------------------------------------------------------------

TEST_F(AdaptorTest, ALookAheadRollsBackUnlessItIsCommitted) {
  Reader parent = piped({.read_size = 2});
  write_all(pipe_, "abcdefghij");
  {
    Lookahead ahead(parent);
    absl::StatusOr<std::string_view> view = await(ahead.reader().require(3));
    EXPECT_EQ(text(view), "abc");
    ahead.reader().consume(3);
    EXPECT_EQ(text(await(ahead.reader().require(2))), "de");
    ahead.reader().consume(1);
    EXPECT_EQ(ahead.reader().pos(), 4u);
    ahead.roll_back();
    EXPECT_EQ(ahead.reader().pos(), 0u);
    EXPECT_EQ(text(await(ahead.reader().require(5))), "abcde");
    ahead.reader().consume(5);
  }
  EXPECT_EQ(parent.pos(), 0u);
  EXPECT_EQ(text(await(parent.require(1))), "a");
  {
    Lookahead ahead(parent);
    EXPECT_EQ(text(await(ahead.reader().require(4))), "abcd");
    ahead.reader().consume(2);
    ahead.commit();
    ahead.reader().consume(2);
    Started more(ahead.reader().fill_buf(9));
    turn();
  }
  EXPECT_EQ(parent.pos(), 2u);
  EXPECT_EQ(text(await(parent.require(8))), "cdefghij");
}

TEST_F(AdaptorTest, ALookAheadKeepsToTheParentsLimit) {
  std::string bytes = testing::pattern(100);
  Reader parent = piped({.max_buffer_size = 50, .read_size = 8});
  write_all(pipe_, bytes);
  {
    Lookahead ahead(parent);
    Reader& reader = ahead.reader();
    for (int i = 0; i < 5; ++i) {
      EXPECT_EQ(text(await(reader.require(10))), bytes.substr(static_cast<size_t>(i) * 10, 10));
      reader.consume(10);
    }
    EXPECT_EQ(code(await(reader.fill_buf())), kLimit);
    EXPECT_EQ(code(await(reader.require(1))), kLimit);
    EXPECT_TRUE(reader.status().ok());
    ahead.commit();
    EXPECT_EQ(text(await(reader.require(10))), bytes.substr(50, 10));
    reader.consume(10);
  }
  EXPECT_EQ(text(await(parent.require(50))), bytes.substr(50));
}

TEST_F(AdaptorTest, WhatALookAheadPutsBackStaysThere) {
  std::string bytes = testing::pattern(60);
  Reader parent = piped({.max_buffer_size = 20, .read_size = 8});
  write_all(pipe_, bytes);
  {
    Lookahead ahead(parent);
    EXPECT_EQ(text(await(ahead.reader().require(5))), bytes.substr(0, 5));
    ahead.reader().consume(5);
    std::string into(30, '?');
    EXPECT_EQ(code(await(ahead.reader().read_exact(into))), kLimit);
    EXPECT_EQ(ahead.reader().pos(), 5u);
  }
  EXPECT_EQ(await(take(parent, 60).read_to_end(100)).value(), bytes);
}

TEST_F(AdaptorTest, LookAheadsNest) {
  Reader parent = piped({.read_size = 1});
  write_all(pipe_, "abcdef");
  {
    Lookahead outer(parent);
    EXPECT_EQ(text(await(outer.reader().require(1))), "a");
    outer.reader().consume(1);
    {
      Lookahead inner(outer.reader());
      EXPECT_EQ(text(await(inner.reader().require(3))), "bcd");
      inner.reader().consume(3);
    }
    EXPECT_EQ(outer.reader().pos(), 1u);
    {
      Lookahead inner(outer.reader());
      EXPECT_EQ(text(await(inner.reader().require(2))), "bc");
      inner.reader().consume(2);
      inner.commit();
    }
    EXPECT_EQ(text(await(outer.reader().require(3))), "def");
  }
  EXPECT_EQ(text(await(parent.require(6))), "abcdef");
}

// --- until and split -----------------------------------------------------------------------------

TEST_F(AdaptorTest, PartsAreReadOneAfterTheOther) {
  for (size_t read_size : {1u, 2u, 3u, 7u, 100u}) {
    Reader body = piped({.read_size = read_size});
    write_all(pipe_, "one\r\n\r--\r\n--two\r\n--\r\n--\r\n-end");
    close(std::exchange(pipe_, -1));
    std::vector<std::string> parts;
    while (!await(body.fill_buf())->empty()) {
      Reader part = until(body, "\r\n--");
      parts.push_back(await(drain(part)));
    }
    EXPECT_EQ(parts, (std::vector<std::string>{"one\r\n\r--", "two", "", "\r\n-end"}))
        << "reads of " << read_size;
  }
}

TEST_F(AdaptorTest, APartThatIsLeftEarlyLeavesTheParentWhereItWas) {
  Reader body = read_string("one;two;three");
  {
    Reader part = until(body, ";");
    EXPECT_EQ(part.buffered(), "one");
    part.consume(1);
  }
  EXPECT_EQ(body.buffered(), "ne;two;three");
  {
    Reader part = until(body, ";");
    absl::StatusOr<uint64_t> left = await(skip_rest(part));
    EXPECT_EQ(left.value(), 2u);
    EXPECT_TRUE(await(part.close()).ok());
  }
  EXPECT_EQ(body.buffered(), "two;three");
  {
    Reader part = until(body, "; ", {.required = true});
    EXPECT_EQ(code(await(part.read_to_end(100))), absl::StatusCode::kDataLoss);
    EXPECT_EQ(part.buffered(), "two;three");
  }
  EXPECT_DEATH(static_cast<void>(until(body, "")), "delimiter is empty");
}

TEST_F(AdaptorTest, BytesThatMayBeTheDelimiterAreHeldBackAndOthersAreNot) {
  Reader body = piped();
  Reader part = until(body, "--x");
  write_all(pipe_, "ab-");
  EXPECT_EQ(text(await(part.fill_buf())), "ab");
  write_all(pipe_, "-");
  Started more(part.fill_buf(3));
  turn();
  EXPECT_FALSE(more.ended());
  write_all(pipe_, "y-");
  finish(more);
  EXPECT_EQ(text(more.result()), "ab--y");
  write_all(pipe_, "-x!");
  EXPECT_EQ(text(await(part.fill_buf(6))), "ab--y");
  EXPECT_TRUE(part.source_ended());
}

TEST_F(AdaptorTest, PiecesBetweenDelimiters) {
  for (std::string_view delimiter : {";", ", ", "a delimiter of more than a few bytes"}) {
    for (size_t read_size : {1u, 3u, 1000u}) {
      Reader reader = piped({.read_size = read_size});
      std::string d(delimiter);
      write_all(pipe_, "one" + d + d + "three" + d + "four");
      close(std::exchange(pipe_, -1));
      Split pieces = split(reader, delimiter);
      std::vector<std::string> seen;
      for (;;) {
        Token piece = await(pieces.next());
        if (!piece) break;
        seen.emplace_back(*piece);
      }
      EXPECT_TRUE(pieces.status().ok()) << pieces.status();
      EXPECT_EQ(seen, (std::vector<std::string>{"one", "", "three", "four"}));
    }
  }
  Reader reader = read_string("one;two");
  Split pieces = split(reader, ";", {.max_length = 2});
  EXPECT_FALSE(await(pieces.next()).has_value());
  EXPECT_EQ(code(pieces.status()), kLimit);
  EXPECT_EQ(reader.buffered(), "one;two");
}

// --- chain ---------------------------------------------------------------------------------------

TEST_F(AdaptorTest, TokensAndPositionsGoThroughAllParts) {
  Reader middle = piped({.read_size = 2});
  write_all(pipe_, "e\ntwo\nthr");
  close(std::exchange(pipe_, -1));
  Reader all = chain(read_string(""), read_string("on"), std::move(middle), read_string(""),
                     read_view("ee\nfour"));
  EXPECT_EQ(all.pos(), 0u);
  std::vector<std::string> seen;
  Lines lines = all.lines();
  for (;;) {
    Token line = await(lines.next());
    if (!line) break;
    seen.emplace_back(*line);
  }
  EXPECT_TRUE(lines.status().ok()) << lines.status();
  EXPECT_EQ(seen, (std::vector<std::string>{"one", "two", "three", "four"}));
  EXPECT_EQ(all.pos(), 18u);
  Reader nothing = chain(std::vector<Reader>());
  EXPECT_EQ(await(drain(nothing)), "");
}

TEST_F(AdaptorTest, OnlyTheTokenAtASeamIsCopied) {
  const std::string large = testing::pattern(1 << 20);
  Reader all = chain(read_string("half a token"), read_view(large));
  EXPECT_EQ(text(await(all.require(20))), "half a token" + large.substr(0, 8));
  all.consume(20);
  while (all.available() > 0) all.consume(all.available());
  absl::StatusOr<std::string_view> view = await(all.fill_buf());
  ASSERT_TRUE(view.ok());
  EXPECT_EQ(view->data() + view->size(), large.data() + large.size());
  EXPECT_LE(all.stats().copied_bytes, 10000u);
}

TEST_F(AdaptorTest, AnErrorOfAPartIsThatOfTheWhole) {
  Reader bad = read_source(std::make_unique<testing::StrictSource>(
      testing::StrictSource::Plan{.text = "bc", .end = uring::errno_status(EIO, "read", "tape")}));
  Reader all = chain(read_string("a"), std::move(bad), read_string("d"));
  EXPECT_EQ(uring::errno_of(await(all.fill_buf(4)).status()), EIO);
  EXPECT_EQ(text(await(all.fill_buf(3))), "abc");
  all.consume(3);
  EXPECT_EQ(uring::errno_of(await(all.fill_buf()).status()), EIO);
}

}  // namespace
}  // namespace bufio
