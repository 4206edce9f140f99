// parse_one, Messages and parse_memory: what they make of a parser's answers.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bufio/messages.h"
#include "bufio/parse_call.h"
#include "bufio/parse_memory.h"
#include "bufio/parser.h"
#include "bufio/reader.h"
#include "bufio/source.h"
#include "tests/reader_testing.h"
#include "uring/task.h"

namespace bufio {
namespace {

using testing::code;
using testing::EverySourceTest;
using testing::RingTest;
using testing::Started;
using testing::StrictSource;

// Words that end with a dot. '#' and a digit: so many bytes to pass over. '!' is an error, '=' an
// answer without progress. Each byte is looked at once; what was looked at is counted.
struct WordParser {
  using value_type = std::string_view;

  ParseResult<value_type> parse(std::string_view view, size_t examined, bool final) {
    ++calls;
    ends += final && view.empty() ? 1 : 0;
    if (examined == 0 && !view.empty()) {
      if (view[0] == '!') return ParseError(absl::InvalidArgumentError("a bang"), 0);
      if (view[0] == '=') return {view.substr(0, 0), 0};
      if (view[0] == '#') {
        if (view.size() < 2) return NeedMore(0, 2);
        return Skip(2 + static_cast<size_t>(view[1] - '0'));
      }
    }
    for (size_t i = examined; i < view.size(); ++i) {
      ++looked_at;
      if (view[i] == '.') return {view.substr(0, i), i + 1};
    }
    return NeedMore(view.size());
  }

  size_t calls = 0;
  size_t looked_at = 0;
  size_t ends = 0;
};

// A digit and as many bytes, the digit consumed by itself.
struct PrefixParser {
  using value_type = std::string;

  ParseResult<value_type> parse(std::string_view view, size_t, bool) {
    ++calls;
    if (!length.has_value()) {
      if (view.empty()) return NeedMore();
      length = static_cast<size_t>(view[0] - '0');
      return NeedMore::after(1, 1, 1 + *length);
    }
    if (view.size() < *length) return NeedMore(view.size(), *length);
    if (*length == 0) return ParseError(absl::InvalidArgumentError("zero"));
    return {std::string(view.substr(0, *length)), *length};
  }
  void accepted() { length.reset(); }

  std::optional<size_t> length;
  size_t calls = 0;
};

template <class P>
uring::Task<std::vector<std::string>> all_of(Messages<P>& messages) {
  std::vector<std::string> all;
  for (;;) {
    auto message = co_await messages.next();
    if (!message.has_value()) break;
    all.emplace_back(*message);
  }
  co_return all;
}

class MessagesTest : public EverySourceTest {};
INSTANTIATE_EVERY_SOURCE(MessagesTest);

TEST_P(MessagesTest, OneAfterTheOtherToTheEnd) {
  Reader reader = make("one.two.#3xyzthree..");
  Messages<WordParser> messages(reader);
  EXPECT_EQ(await(all_of(messages)), (std::vector<std::string>{"one", "two", "three", ""}));
  EXPECT_TRUE(messages.status().ok()) << messages.status();
  EXPECT_EQ(messages.parser().ends, 1U);
  EXPECT_EQ(messages.parser().looked_at, std::string_view("one.two.three..").size());
  EXPECT_EQ(await(all_of(messages)), std::vector<std::string>());
  EXPECT_EQ(messages.parser().ends, 1U) << "the end is said once";
}

TEST_P(MessagesTest, CutOffIsDataLossAndStaysInFrontOfIt) {
  Reader reader = make("one.tw");
  Messages<WordParser> messages(reader);
  EXPECT_EQ(await(all_of(messages)), std::vector<std::string>{"one"});
  EXPECT_EQ(messages.status().code(), absl::StatusCode::kDataLoss) << messages.status();
  EXPECT_EQ(reader.pos(), start() + 4);
  EXPECT_EQ(reader.buffered(), "tw");
}

TEST_P(MessagesTest, SkippingBeyondTheEndIsDataLoss) {
  Reader reader = make("a.#9.");
  Messages<WordParser> messages(reader);
  EXPECT_EQ(await(all_of(messages)), std::vector<std::string>{"a"});
  EXPECT_EQ(messages.status().code(), absl::StatusCode::kDataLoss) << messages.status();
}

TEST_P(MessagesTest, AnErrorComesBehindItsPredecessorsAndStays) {
  Reader reader = make("one.two.!three.");
  Messages<WordParser> messages(reader);
  EXPECT_EQ(await(all_of(messages)), (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ(messages.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(messages.status().message().find(" at offset " + std::to_string(start() + 8) + ": a"),
            absl::string_view::npos)
      << messages.status();
  EXPECT_EQ(reader.pos(), start() + 8);
  const size_t calls = messages.parser().calls;
  EXPECT_EQ(await(all_of(messages)), std::vector<std::string>());
  EXPECT_EQ(messages.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(messages.parser().calls, calls);
  // Whoever knows how to go on begins anew.
  reader.consume(1);
  Messages<WordParser> others(reader);
  EXPECT_EQ(await(all_of(others)), std::vector<std::string>{"three"});
}

TEST_P(MessagesTest, NoProgressIsReported) {
  Reader reader = make("one.=");
  Messages<WordParser> messages(reader);
  EXPECT_EQ(await(all_of(messages)), std::vector<std::string>{"one"});
  EXPECT_EQ(messages.status().code(), absl::StatusCode::kInternal) << messages.status();
}

TEST_P(MessagesTest, PrefixesThatAreConsumed) {
  Reader reader = make("3abc1d2");
  Messages<PrefixParser> messages(reader);
  EXPECT_EQ(await(all_of(messages)), (std::vector<std::string>{"abc", "d"}));
  EXPECT_EQ(messages.status().code(), absl::StatusCode::kDataLoss) << messages.status();
  EXPECT_EQ(reader.pos(), start() + 7);
}

TEST_P(MessagesTest, ALimitIsOneWhateverTheSplit) {
  for (const size_t limit : {size_t{4}, size_t{5}}) {
    Reader reader = make("1234.ab.");
    Messages<WordParser> messages(reader, WordParser(), {.max_message = limit});
    if (limit == 5) {
      EXPECT_EQ(await(all_of(messages)), (std::vector<std::string>{"1234", "ab"}));
      continue;
    }
    EXPECT_EQ(await(all_of(messages)), std::vector<std::string>());
    EXPECT_EQ(messages.status().code(), absl::StatusCode::kResourceExhausted);
    EXPECT_EQ(reader.pos(), start());
  }
}

TEST_P(MessagesTest, OneAtATime) {
  Reader reader = make("one.two.th");
  WordParser parser;
  for (const char* word : {"one", "two"}) {
    auto message = await(parse_one(reader, parser));
    ASSERT_TRUE(message.ok()) << message.status();
    EXPECT_EQ(message->value_or("nothing"), word);
  }
  EXPECT_EQ(code(await(parse_one(reader, parser))), absl::StatusCode::kDataLoss);
  reader.consume(2);
  auto end = await(parse_one(reader, parser));
  ASSERT_TRUE(end.ok()) << end.status();
  EXPECT_FALSE(end->has_value());
}

TEST_P(MessagesTest, ForEachBuffered) {
  Reader reader = make("one.two.#3xyzthree.four.fi");
  Messages<WordParser> messages(reader);
  std::vector<std::string> all;
  for (;;) {
    auto message = await(messages.next());
    if (!message.has_value()) break;
    all.emplace_back(*message);
    messages.for_each_buffered([&all](std::string_view word) { all.emplace_back(word); });
  }
  EXPECT_EQ(all, (std::vector<std::string>{"one", "two", "three", "four"}));
  EXPECT_EQ(messages.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(messages.parser().looked_at, std::string_view("one.two.three.four.fi").size());
}

TEST_P(MessagesTest, ForEachBufferedKeepsAPrefixThatWasConsumed) {
  Reader reader = make("3abc1d2e");
  Messages<PrefixParser> messages(reader);
  std::vector<std::string> all;
  for (;;) {
    auto message = await(messages.next());
    if (!message.has_value()) break;
    all.push_back(std::move(*message));
    messages.for_each_buffered([&all](std::string& text) { all.push_back(std::move(text)); });
  }
  EXPECT_EQ(all, (std::vector<std::string>{"abc", "d"}));
  EXPECT_EQ(messages.status().code(), absl::StatusCode::kDataLoss) << messages.status();
}

class WaitingMessagesTest : public RingTest {};

TEST_F(WaitingMessagesTest, ResumedOnceAMessageAndNothingLookedAtTwice) {
  Reader reader =
      read_source(ring(), std::make_unique<StrictSource>(StrictSource::Plan{
                              .text = "12345678.abc.", .piece = 1, .waits_on = &ring()}));
  Messages<WordParser> messages(reader);
  EXPECT_EQ(await(all_of(messages)), (std::vector<std::string>{"12345678", "abc"}));
  EXPECT_EQ(messages.parser().looked_at, 13U);
}

TEST_F(WaitingMessagesTest, WhatIsNeededIsWaitedFor) {
  Reader reader =
      read_source(ring(), std::make_unique<StrictSource>(StrictSource::Plan{
                              .text = "#9.........a.", .piece = 1, .waits_on = &ring()}));
  Messages<WordParser> messages(reader);
  EXPECT_EQ(await(all_of(messages)), std::vector<std::string>{"a"});
  // '#', "#9", 'a', "a.", the end.
  EXPECT_EQ(messages.parser().calls, 5U);
}

TEST_F(WaitingMessagesTest, NobodyAsksBeforeWhatIsNeededIsThere) {
  Reader reader = read_source(ring(), std::make_unique<StrictSource>(StrictSource::Plan{
                                          .text = "9abcdefghi3abc", .piece = 1}));
  Messages<PrefixParser> messages(reader);
  EXPECT_EQ(await(all_of(messages)), (std::vector<std::string>{"abcdefghi", "abc"}));
  // Of each message the digit, then all of it; the end.
  EXPECT_EQ(messages.parser().calls, 5U);
}

TEST_F(WaitingMessagesTest, DestroyedAtEveryMomentLosesNothing) {
  const std::string text = "one.#2xxtwo.three.3.";
  for (size_t turns = 0; turns < 60; ++turns) {
    Reader reader = read_source(ring(), std::make_unique<StrictSource>(StrictSource::Plan{
                                            .text = text, .piece = 1, .waits_on = &ring()}));
    Messages<WordParser> messages(reader);
    std::vector<std::string> all;
    {
      Started call(messages.next());
      for (size_t i = 0; i < turns && !call.ended(); ++i) ring().core().turn();
      if (call.ended()) {
        auto message = call.result();
        if (message.has_value()) all.emplace_back(*message);
      }
    }
    for (std::string& rest : await(all_of(messages))) all.push_back(std::move(rest));
    EXPECT_EQ(all, (std::vector<std::string>{"one", "two", "three", "3"})) << turns;
  }
}

TEST_F(WaitingMessagesTest, DestroyedAtEveryMomentBehindAPrefix) {
  for (size_t turns = 0; turns < 60; ++turns) {
    Reader reader = read_source(ring(), std::make_unique<StrictSource>(StrictSource::Plan{
                                            .text = "3abc2de1f", .piece = 1, .waits_on = &ring()}));
    Messages<PrefixParser> messages(reader);
    std::vector<std::string> all;
    for (;;) {
      Started call(messages.next());
      for (size_t i = 0; i < turns && !call.ended(); ++i) ring().core().turn();
      if (turns == 0) {
        turn(2);
      }
      if (!call.ended()) continue;
      auto message = call.result();
      if (!message.has_value()) break;
      all.push_back(std::move(*message));
    }
    EXPECT_EQ(all, (std::vector<std::string>{"abc", "de", "f"})) << turns;
    EXPECT_TRUE(messages.status().ok()) << messages.status();
  }
}

TEST_F(WaitingMessagesTest, AKernelErrorComesBehindWhatIsWhole) {
  Reader reader = read_source(
      ring(), std::make_unique<StrictSource>(StrictSource::Plan{
                  .text = "one.tw", .end = absl::UnavailableError("gone"), .piece = 2}));
  Messages<WordParser> messages(reader);
  EXPECT_EQ(await(all_of(messages)), std::vector<std::string>{"one"});
  EXPECT_EQ(messages.status().code(), absl::StatusCode::kUnavailable) << messages.status();
}

TEST(ParseMemoryTest, TheSameWithoutAReader) {
  std::vector<std::string> all;
  const auto use = [&all](std::string_view word) { all.emplace_back(word); };
  WordParser parser;
  EXPECT_TRUE(parse_memory("one.two.#3xyzthree.", parser, use).ok());
  EXPECT_EQ(all, (std::vector<std::string>{"one", "two", "three"}));
  EXPECT_EQ(parse_memory("one.tw", parser, use).code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(parse_memory("#9.", parser, use).code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(parse_memory("a.=", parser, use).code(), absl::StatusCode::kInternal);
  const absl::Status status = parse_memory("ab.!", parser, use);
  EXPECT_EQ(status.message(), "offset 3: a bang");
  PrefixParser prefixes;
  all.clear();
  EXPECT_TRUE(parse_memory("3abc1d", prefixes, use).ok());
  EXPECT_EQ(all, (std::vector<std::string>{"abc", "d"}));
  EXPECT_EQ(parse_memory("3ab", prefixes, use).code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace bufio
