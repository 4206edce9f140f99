// read_line and lines, against an oracle that looks at the whole text.

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bufio/open.h"
#include "bufio/reader.h"
#include "bufio/source.h"
#include "tests/reader_testing.h"
#include "uring/status.h"

namespace bufio {
namespace {

using testing::EverySourceTest;
using testing::RingTest;
using testing::Started;
using testing::StrictSource;

constexpr auto kLimit = absl::StatusCode::kResourceExhausted;
using Texts = std::vector<std::string>;

// What lines are, in the plainest way. With LongLine::kError a line that is too long ends the list.
Texts oracle(std::string_view text, LineOptions options = {}) {
  Texts lines;
  while (!text.empty()) {
    size_t newline = text.find('\n');
    bool terminated = newline != std::string_view::npos;
    size_t end = terminated ? newline + 1 : text.size();
    std::string_view whole = text.substr(0, end);
    text.remove_prefix(end);
    std::string_view line = whole;
    if (terminated) line.remove_suffix(1);
    if (terminated && line.ends_with('\r')) line.remove_suffix(1);
    if (options.max_length != 0 && line.size() > options.max_length) {
      if (options.long_lines == LongLine::kError) break;
      if (options.long_lines == LongLine::kTruncate)
        lines.emplace_back(line.substr(0, options.max_length));
      continue;
    }
    lines.emplace_back(options.keep_terminator ? whole : line);
  }
  return lines;
}

// By lines().
uring::Task<Texts> all_lines(Reader& reader, LineOptions options) {
  Texts texts;
  Lines lines = reader.lines(options);
  for (;;) {
    Token line = co_await lines.next();
    if (!line.has_value()) break;
    texts.emplace_back(*line);
  }
  if (!lines.status().ok()) {
    EXPECT_EQ(lines.status().code(), kLimit) << lines.status();
  }
  co_return texts;
}

// By read_line().
uring::Task<Texts> each_line(Reader& reader, LineOptions options) {
  Texts texts;
  for (;;) {
    absl::StatusOr<Token> line = co_await reader.read_line(options);
    if (!line.ok()) {
      EXPECT_EQ(line.status().code(), kLimit) << line.status();
    }
    if (!line.ok() || !line->has_value()) break;
    texts.emplace_back(**line);
  }
  co_return texts;
}

// By both in turn, with a new Lines now and then.
uring::Task<Texts> mixed_lines(Reader& reader, LineOptions options) {
  Texts texts;
  for (int step = 0;; ++step) {
    Lines lines = reader.lines(options);
    for (int i = 0; i <= step % 3; ++i) {
      Token line = co_await lines.next();
      if (!line.has_value()) co_return texts;
      texts.emplace_back(*line);
    }
    absl::StatusOr<Token> line = co_await reader.read_line(options);
    if (!line.ok() || !line->has_value()) break;
    texts.emplace_back(**line);
    Token next = co_await lines.next();
    if (!next.has_value()) break;
    texts.emplace_back(*next);
  }
  co_return texts;
}

// By waiting for one line and taking the others that came with it.
uring::Task<Texts> batches_of_lines(Reader& reader, LineOptions options) {
  Texts texts;
  Lines lines = reader.lines(options);
  for (;;) {
    Token line = co_await lines.next();
    if (!line.has_value()) break;
    texts.emplace_back(*line);
    size_t before = texts.size();
    size_t count =
        lines.for_each_buffered([&texts](std::string_view each) { texts.emplace_back(each); });
    EXPECT_EQ(texts.size(), before + count);
    size_t again = lines.for_each_buffered([](std::string_view) {});
    EXPECT_EQ(again, 0U);
  }
  co_return texts;
}

// The same, but never more than two of those: the next one stays where it is.
uring::Task<Texts> small_batches_of_lines(Reader& reader, LineOptions options) {
  Texts texts;
  Lines lines = reader.lines(options);
  for (;;) {
    Token line = co_await lines.next();
    if (!line.has_value()) break;
    texts.emplace_back(*line);
    size_t before = texts.size();
    size_t count = lines.for_each_buffered([&texts, before](std::string_view each) {
      if (texts.size() == before + 2) return false;
      texts.emplace_back(each);
      return true;
    });
    EXPECT_EQ(texts.size(), before + count);
  }
  co_return texts;
}

class LinesTest : public EverySourceTest {
 protected:
  // Reads the text in one of the five ways; all of them if no way is named.
  void expect_lines(const std::string& text, LineOptions options = {}, int way = -1) {
    for (int each = 0; each < 5; ++each) {
      if (way >= 0 && each != way % 5) continue;
      Reader reader = make(text);
      Texts lines;
      if (each == 0) lines = await(all_lines(reader, options));
      if (each == 1) lines = await(each_line(reader, options));
      if (each == 2) lines = await(mixed_lines(reader, options));
      if (each == 3) lines = await(batches_of_lines(reader, options));
      if (each == 4) lines = await(small_batches_of_lines(reader, options));
      EXPECT_EQ(lines, oracle(text, options)) << ::testing::PrintToString(text) << ", way " << each;
    }
  }
};
INSTANTIATE_EVERY_SOURCE(LinesTest);

TEST_P(LinesTest, TerminatorsOfEveryKind) {
  for (std::string text : {"",          "\n",       "\r\n",
                           "\r",        "a",        "a\n",
                           "a\r\n",     "a\r",      "\n\n",
                           "\r\n\r\n",  "\n\r\n",   "\r\r\n",
                           "\r\n\n",    "a\nb",     "a\r\nb\nc\r\n",
                           "a\rb\r\nc", "a\r\r\nb", "\ra\n",
                           "a\n\rb\n",  "a\n\r",    "one\n\ntwo\r\n\r\nthree",
                           "\r\r\r",    "a\n\n\n"}) {
    expect_lines(text);
    expect_lines(text, {.keep_terminator = true});
  }
}

TEST_P(LinesTest, LineThatThrowsIsConsumedAndTheOthersAreThere) {
#if defined(__cpp_exceptions)
  Reader reader = make("a\nb\nc\nd\n");
  Lines lines = reader.lines();
  Token first = await(lines.next());
  ASSERT_EQ(first, "a");
  Texts texts;
  auto stop_at_b = [&texts](std::string_view line) {
    texts.emplace_back(line);
    if (line == "b") throw 1;
  };
  for (int i = 0; i < 2; ++i) {
    try {
      lines.for_each_buffered(stop_at_b);
    } catch (int) {
    }
  }
  for (const std::string& rest : await(all_lines(reader, {}))) texts.push_back(rest);
  EXPECT_EQ(texts, (Texts{"b", "c", "d"}));
#endif
}

TEST_P(LinesTest, LinesOfEveryLengthAroundReads) {
  std::string text;
  for (size_t length = 0; length < 80; ++length) {
    text += testing::pattern(length) + (length % 3 == 0 ? "\r\n" : "\n");
  }
  expect_lines(text);
  expect_lines(text + "tail");
}

TEST_P(LinesTest, LimitsAtTheirBoundaryUnderEveryPolicy) {
  int way = 0;
  for (size_t limit : {size_t{1}, size_t{4}}) {
    for (LongLine policy : {LongLine::kError, LongLine::kTruncate, LongLine::kSkip}) {
      for (std::string end : {"\n", "\r\n", "\r", ""}) {
        for (size_t length : {limit - 1, limit, limit + 1, limit + 2, 3 * limit + 5}) {
          std::string text = "s\n" + std::string(length, 'x') + end;
          LineOptions options = {.max_length = limit, .long_lines = policy};
          expect_lines(text, options, way++);
          expect_lines(text + "\nt\n", options, way++);
          options.keep_terminator = true;
          expect_lines(text + "\n\nu", options, way++);
          ++way;
        }
      }
    }
  }
}

TEST_P(LinesTest, LongLineUnderErrorIsNotConsumedAndCanBeReadWithAHigherLimit) {
  Reader reader = make("ab\nabcdef\r\ngh\n");
  Lines lines = reader.lines({.max_length = 3});
  Token line = await(lines.next());
  ASSERT_TRUE(line.has_value());
  EXPECT_EQ(*line, "ab");
  for (int i = 0; i < 2; ++i) {
    EXPECT_FALSE(await(lines.next()).has_value());
    EXPECT_EQ(lines.status().code(), kLimit);
    EXPECT_EQ(reader.pos(), start() + 3);
  }
  absl::StatusOr<Token> whole = await(reader.read_line({.max_length = 6}));
  ASSERT_TRUE(whole.ok() && whole->has_value()) << whole.status();
  EXPECT_EQ(**whole, "abcdef");
  line = await(lines.next());
  ASSERT_TRUE(line.has_value());
  EXPECT_EQ(*line, "gh");
  EXPECT_TRUE(lines.status().ok());
}

TEST_P(LinesTest, LongLineUnderErrorCanBeSkippedOrTruncatedInstead) {
  for (LongLine policy : {LongLine::kTruncate, LongLine::kSkip}) {
    Reader reader = make("abcdef\nghi\n");
    absl::StatusOr<Token> line = await(reader.read_line({.max_length = 3}));
    EXPECT_EQ(line.status().code(), kLimit);
    LineOptions options = {.max_length = 3, .long_lines = policy};
    EXPECT_EQ(await(all_lines(reader, options)), oracle("abcdef\nghi\n", options));
  }
}

TEST_P(LinesTest, LinesFarLongerThanTheBufferAreDroppedWithoutBeingKept) {
  std::string text = "a\n" + std::string(20000, 'x') + "\nb\n" + std::string(15000, 'y');
  for (LongLine policy : {LongLine::kTruncate, LongLine::kSkip}) {
    LineOptions options = {.max_length = 10, .long_lines = policy};
    Reader reader = make(text, {.max_buffer_size = 100});
    EXPECT_EQ(await(all_lines(reader, options)), oracle(text, options));
    Reader other = make(text, {.max_buffer_size = 100});
    EXPECT_EQ(await(each_line(other, options)), oracle(text, options));
  }
}

TEST_P(LinesTest, LimitAboveTheBufferIsHonoured) {
  std::string text = std::string(3000, 'x') + "\r\n" + std::string(3001, 'y') + "\nz\n";
  Reader reader = make(text, {.max_buffer_size = 100});
  LineOptions options = {.max_length = 3000, .long_lines = LongLine::kSkip};
  EXPECT_EQ(await(all_lines(reader, options)), oracle(text, options));
}

TEST_P(LinesTest, LargestLimitIsNoLimit) {
  std::string text = std::string(3000, 'x') + "\r\n" + std::string(3001, 'y') + "\nz\n";
  Reader reader = make(text, {.max_buffer_size = 100});
  EXPECT_EQ(await(all_lines(reader, {.max_length = SIZE_MAX})), oracle(text));
  Reader other = make(text, {.max_buffer_size = 100});
  EXPECT_EQ(await(each_line(other, {.max_length = SIZE_MAX})), oracle(text));
}

TEST_P(LinesTest, DefaultLimitLeavesRoomForTheTerminator) {
  for (std::string end : {"\n", "\r\n"}) {
    std::string text = std::string(98, 'x') + end + std::string(99, 'y') + end;
    Reader reader = make(text, {.max_buffer_size = 100});
    EXPECT_EQ(await(all_lines(reader, {})), Texts{std::string(98, 'x')});
    EXPECT_EQ(await(testing::drain(reader)), std::string(99, 'y') + end);
  }
}

TEST_P(LinesTest, OtherCallsMayComeBetweenLines) {
  Reader reader = make("head\nrest of header\n12345body\nlast\n;end");
  Lines lines = reader.lines();
  auto next = [&] {
    Token line = await(lines.next());
    return line.has_value() ? std::string(*line) : std::string("nothing");
  };
  EXPECT_EQ(next(), "head");
  absl::StatusOr<uint64_t> skipped = await(reader.skip(5));
  EXPECT_EQ(*skipped, 5U);
  EXPECT_EQ(next(), "of header");
  std::string into(5, '\0');
  EXPECT_TRUE(await(reader.read_exact(into)).ok());
  EXPECT_EQ(into, "12345");
  absl::StatusOr<std::string_view> view = await(reader.fill_buf(7));
  ASSERT_TRUE(view.ok());
  reader.consume(2);
  EXPECT_EQ(next(), "dy");
  absl::StatusOr<Token> token = await(reader.read_until(";"));
  ASSERT_TRUE(token.ok() && token->has_value());
  EXPECT_EQ(**token, "last\n");
  Lines others = reader.lines();
  Token other = await(others.next());
  ASSERT_TRUE(other.has_value());
  EXPECT_EQ(*other, "end");
  EXPECT_EQ(next(), "nothing");
  EXPECT_TRUE(lines.status().ok());
}

TEST_P(LinesTest, WhatOthersReadOfATruncatedLineIsNotDroppedTwice) {
  Reader reader = make("AAAAAAAAAA\nbody\nnext\n");
  LineOptions options = {.max_length = 3, .long_lines = LongLine::kTruncate};
  absl::StatusOr<Token> line = await(reader.read_line(options));
  ASSERT_TRUE(line.ok() && line->has_value());
  EXPECT_EQ(**line, "AAA");
  std::string into(8, '\0');
  EXPECT_TRUE(await(reader.read_exact(into)).ok());
  EXPECT_EQ(into, "AAAAAAA\n");
  EXPECT_EQ(await(all_lines(reader, {})), (Texts{"body", "next"}));
}

TEST_P(LinesTest, FailedSeekDoesNotForgetThatALineIsToBeDropped) {
  if (seekable()) GTEST_SKIP();
  Reader reader = make("AAAAAAAAAA\nbody\n");
  LineOptions options = {.max_length = 3, .long_lines = LongLine::kTruncate};
  absl::StatusOr<Token> line = await(reader.read_line(options));
  ASSERT_TRUE(line.ok() && line->has_value());
  EXPECT_FALSE(reader.seek(0).ok());
  line = await(reader.read_line());
  ASSERT_TRUE(line.ok() && line->has_value());
  EXPECT_EQ(**line, "body");
}

TEST_P(LinesTest, SeveralLinesObjectsTakeTurns) {
  std::string text;
  Texts expected;
  for (int i = 0; i < 40; ++i) {
    expected.push_back("line " + std::to_string(i));
    text += expected.back() + "\n";
  }
  Reader reader = make(text);
  Lines first = reader.lines();
  Lines second = reader.lines({.keep_terminator = true});
  Texts seen;
  for (int i = 0; i < 40; ++i) {
    Token line = await(i % 3 == 0 ? first.next() : second.next());
    ASSERT_TRUE(line.has_value());
    seen.emplace_back(*line);
    if (seen.back().ends_with('\n')) seen.back().pop_back();
  }
  EXPECT_EQ(seen, expected);
}

TEST_P(LinesTest, LineLivesUntilTheNextCall) {
  Reader reader = make("first\nsecond\nthird\n");
  Lines lines = reader.lines();
  Token line = await(lines.next());
  ASSERT_TRUE(line.has_value());
  reader.consume(0);
  Reader moved(std::move(reader));
  EXPECT_EQ(*line, "first");
  line = await(lines.next());
  ASSERT_TRUE(line.has_value());
  EXPECT_EQ(*line, "second");
}

// --- errors

class LineErrorTest : public RingTest {};

TEST_F(LineErrorTest, ErrorThatCutsTheLastLineOffComesInItsPlace) {
  for (bool terminated : {false, true}) {
    std::string text = std::string("one\ntwo") + (terminated ? "\n" : "");
    Reader reader = read_source(
        ring(), std::make_unique<StrictSource>(StrictSource::Plan{
                    .text = text, .end = uring::errno_status(EIO, "read", "tape"), .piece = 1}));
    Lines lines = reader.lines();
    Token line = await(lines.next());
    ASSERT_TRUE(line.has_value());
    EXPECT_EQ(*line, "one");
    line = await(lines.next());
    EXPECT_EQ(line.has_value(), terminated);
    line = await(lines.next());
    EXPECT_FALSE(line.has_value());
    EXPECT_EQ(uring::errno_of(lines.status()), EIO);
    EXPECT_EQ(reader.buffered(), terminated ? "" : "two");
  }
}

TEST_F(LineErrorTest, ErrorWhileALongLineIsDroppedIsReported) {
  Reader reader = read_source(
      ring(),
      std::make_unique<StrictSource>(StrictSource::Plan{
          .text = "abcdefgh", .end = uring::errno_status(EIO, "read", "tape"), .piece = 3}));
  Lines lines = reader.lines({.max_length = 2, .long_lines = LongLine::kSkip});
  EXPECT_FALSE(await(lines.next()).has_value());
  EXPECT_EQ(uring::errno_of(lines.status()), EIO);
}

// Whether "ab\r" is too long depends on a byte that nobody can read any more.
TEST_F(LineErrorTest, CarriageReturnInFrontOfAnErrorMakesNoLineTooLong) {
  for (LongLine policy : {LongLine::kError, LongLine::kTruncate, LongLine::kSkip}) {
    Reader reader = read_source(
        ring(), std::make_unique<StrictSource>(StrictSource::Plan{
                    .text = "ab\r", .end = uring::errno_status(EIO, "read", "tape"), .piece = 3}));
    Lines lines = reader.lines({.max_length = 2, .long_lines = policy});
    EXPECT_FALSE(await(lines.next()).has_value());
    EXPECT_EQ(uring::errno_of(lines.status()), EIO) << lines.status();
    EXPECT_EQ(reader.buffered(), "ab\r");
  }
}

// --- buffers that come back at the same address

class LineFileTest : public RingTest {};

TEST_F(LineFileTest, OtherBytesAtTheSameAddressAreNotTakenForTheOldOnes) {
  // Two reads' worth of text with newlines at different places.
  std::string text = "0123456789\n";
  while (text.size() < 4096) text += "abc\n";
  text.resize(4096, 'x');
  std::string second(4096, 'y');
  second[500] = '\n';
  second[4095] = '\n';
  Reader reader = *await(
      open(ring(), new_file(text + second + second), {.read_size = 4096, .max_read_ahead = 0}));
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(reader.seek(0).ok());
    Lines lines = reader.lines();
    Token line = await(lines.next());
    ASSERT_TRUE(line.has_value());
    EXPECT_EQ(*line, "0123456789");
    // Consumed by others, refilled in the same memory, and the cursor where it was.
    reader.consume(reader.available());
    absl::StatusOr<std::string_view> view = await(reader.fill_buf(4096));
    ASSERT_TRUE(view.ok());
    reader.consume(11);
    line = await(lines.next());
    ASSERT_TRUE(line.has_value());
    EXPECT_EQ(*line, std::string(489, 'y'));
  }
}

TEST_F(LineFileTest, SeekingAwayAndOnIsNoticed) {
  std::string text = "0123456789\n";
  while (text.size() < 4096) text += "abc\n";
  text.resize(4096, 'x');
  std::string second(4096, 'y');
  second[500] = '\n';
  second[4095] = '\n';
  Reader reader =
      *await(open(ring(), new_file(text + second), {.read_size = 4096, .max_read_ahead = 0}));
  Lines lines = reader.lines();
  Token line = await(lines.next());
  ASSERT_TRUE(line.has_value());
  ASSERT_TRUE(reader.seek(4096 + 4096).ok());
  ASSERT_TRUE(reader.seek(4096).ok());
  absl::StatusOr<std::string_view> view = await(reader.fill_buf(4096));
  ASSERT_TRUE(view.ok());
  reader.consume(11);
  line = await(lines.next());
  ASSERT_TRUE(line.has_value());
  EXPECT_EQ(*line, std::string(489, 'y'));
}

TEST_F(LineFileTest, SeekingBackGivesTheLinesAgain) {
  std::string text = "one\ntwo\nthree\n";
  Reader reader = *await(open(ring(), new_file(text)));
  Lines lines = reader.lines();
  for (int i = 0; i < 3; ++i) {
    for (std::string expected : {"one", "two", "three"}) {
      Token line = await(lines.next());
      ASSERT_TRUE(line.has_value());
      EXPECT_EQ(*line, expected);
    }
    EXPECT_FALSE(await(lines.next()).has_value());
    ASSERT_TRUE(reader.seek(0).ok());
  }
}

// --- random texts

class RandomLinesTest : public RingTest {};

TEST_F(RandomLinesTest, AgreesWithAnOracleForAnyText) {
  std::mt19937 random(testing::announced_seed());
  auto pick = [&random](size_t low, size_t high) {
    return std::uniform_int_distribution<size_t>(low, high)(random);
  };
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    size_t rarity = pick(1, 40);
    for (size_t size = pick(0, 300); text.size() < size;) {
      size_t what = pick(0, 2 * rarity);
      text += what == 0 ? "\n" : what == 1 ? "\r\n" : what == 2 ? "\r" : "x";
    }
    LineOptions options = {.max_length = pick(0, 3) == 0 ? pick(1, 30) : 0,
                           .long_lines = static_cast<LongLine>(pick(0, 2)),
                           .keep_terminator = pick(0, 1) == 1};
    StrictSource::Plan plan = {.text = text,
                               .end = {},
                               .piece = pick(1, 50),
                               .seed = static_cast<uint32_t>(round),
                               .waits_on = pick(0, 1) == 0 ? nullptr : &ring()};
    ReaderOptions sizes = {.max_buffer_size = pick(0, 1) == 0 ? pick(500, 1000) : 1 << 20,
                           .read_size = pick(1, 60)};
    Reader reader = read_source(ring(), std::make_unique<StrictSource>(plan), sizes);
    size_t how = pick(0, 2);
    Texts lines;
    if (how == 0) lines = await(all_lines(reader, options));
    if (how == 1) lines = await(each_line(reader, options));
    if (how == 2) lines = await(mixed_lines(reader, options));
    ASSERT_EQ(lines, oracle(text, options))
        << ::testing::PrintToString(text) << " in pieces of " << plan.piece << ", limit "
        << options.max_length << ", policy " << static_cast<int>(options.long_lines) << ", way "
        << how;
  }
}

TEST_F(RandomLinesTest, CallsThatAreGivenUpAtAnyTimeLoseNothing) {
  std::mt19937 random(testing::announced_seed());
  for (int round = 0; round < 300; ++round) {
    std::string text;
    for (int i = 0; i < 200; ++i)
      text += random() % 9 == 0 ? "\r\n" : random() % 9 == 1 ? "\n" : "x";
    LineOptions options;
    if (round % 2 == 1) options = {.max_length = 4, .long_lines = LongLine::kTruncate};
    Reader reader = read_source(
        ring(), std::make_unique<StrictSource>(StrictSource::Plan{
                    .text = text, .end = {}, .piece = 5, .seed = random(), .waits_on = &ring()}));
    Texts lines;
    std::unique_ptr<Lines> these(new Lines(reader.lines(options)));
    for (bool over = false; !over;) {
      if (random() % 5 == 0) these.reset(new Lines(reader.lines(options)));
      Started call(these->next());
      if (random() % 2 == 0) turn(static_cast<int>(random() % 3));
      if (!call.ended()) continue;
      Token line = call.result();
      if (line.has_value()) lines.emplace_back(*line);
      over = !line.has_value();
    }
    ASSERT_EQ(lines, oracle(text, options)) << ::testing::PrintToString(text);
  }
}

}  // namespace
}  // namespace bufio
