#include "examples/resp_request.h"

#include <algorithm>
#include <cstddef>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace resp {
namespace {

using std::string_literals::operator""s;
using Outcome = RequestParser::Outcome;
using Words = std::vector<std::string>;

struct Parsed {
  std::vector<Words> requests;
  Outcome end = Outcome::kMore;
  std::string refusal;

  friend bool operator==(const Parsed&, const Parsed&) = default;
};

std::string bulk(std::string_view bytes) {
  return "$" + std::to_string(bytes.size()) + "\r\n" + std::string(bytes) + "\r\n";
}
std::string request(const Words& words) {
  std::string text = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string& word : words) text += bulk(word);
  return text;
}

// What a connection does, on a stream that comes in pieces which end at `ends`.
class Feeder {
 public:
  Feeder(std::string_view stream, std::vector<size_t> ends, const Limits& limits)
      : stream_(stream), ends_(std::move(ends)), parser_(limits) {
    ends_.push_back(stream.size());
  }

  Parsed run() {
    while (step()) {
    }
    return parsed_;
  }
  size_t most_unconsumed() const { return most_unconsumed_; }
  size_t most_memory() const { return most_memory_; }

 private:
  bool step() {
    const bool final = next_ == ends_.size();
    // Memory of just that size, so that AddressSanitizer sees who looks behind it.
    const std::vector<char> view(stream_.begin() + static_cast<ptrdiff_t>(consumed_),
                                 stream_.begin() + static_cast<ptrdiff_t>(arrived_));
    const Outcome outcome = parser_.parse({view.data(), view.size()}, final);
    if (outcome == Outcome::kRequest) {
      Words words;
      for (size_t i = 0; i < parser_.arguments().size(); ++i) {
        words.emplace_back(parser_.arguments()[i]);
        const std::string* given = parser_.given(i);
        if (given != nullptr) {
          EXPECT_EQ(*given, words.back());
        }
      }
      if (!words.empty()) parsed_.requests.push_back(std::move(words));
    }
    most_memory_ = std::max(most_memory_, parser_.memory());
    EXPECT_LE(parser_.consumed(), view.size());
    consumed_ += parser_.consumed();
    most_unconsumed_ = std::max(most_unconsumed_, arrived_ - consumed_);
    if (outcome == Outcome::kRequest) return true;
    if (outcome == Outcome::kMore) {
      EXPECT_FALSE(final);
      EXPECT_GE(parser_.needed(), 1u);
      const size_t wanted = arrived_ + parser_.needed();
      do {
        arrived_ = ends_[next_++];
      } while (arrived_ < wanted && next_ < ends_.size());
      return true;
    }
    if (outcome == Outcome::kBig) {
      const size_t end = consumed_ + parser_.big_size();
      if (end > stream_.size()) {
        parsed_.end = Outcome::kTruncated;
        return false;
      }
      parser_.give(std::string(stream_.substr(consumed_, parser_.big_size())));
      consumed_ = end;
      while (arrived_ < consumed_) arrived_ = ends_[next_++];
      return true;
    }
    parsed_.end = outcome;
    parsed_.refusal = parser_.refusal();
    return false;
  }

  std::string_view stream_;
  std::vector<size_t> ends_;
  RequestParser parser_;
  Parsed parsed_;
  size_t next_ = 0;
  size_t arrived_ = 0;
  size_t consumed_ = 0;
  size_t most_unconsumed_ = 0;
  size_t most_memory_ = 0;
};

Parsed parse(std::string_view stream, std::vector<size_t> ends = {}, const Limits& limits = {}) {
  return Feeder(stream, std::move(ends), limits).run();
}

std::vector<size_t> every_byte(std::string_view stream) {
  std::vector<size_t> ends;
  for (size_t i = 1; i < stream.size(); ++i) ends.push_back(i);
  return ends;
}

struct Case {
  std::string stream;
  std::vector<Words> requests;
  Outcome end = Outcome::kEnd;
  std::string refusal;
};
const std::vector<Case>& corpus() {
  static const std::vector<Case> cases = {
      {"", {}},
      {"*1\r\n$4\r\nPING\r\n", {{"PING"}}},
      {"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n*1\r\n$4\r\nPING\r\n", {{"GET", "key"}, {"PING"}}},
      {request({"SET", "", "a\r\nb\0c"s, std::string(40, 'x'), "", std::string(7, 'y')}),
       {{"SET", "", "a\r\nb\0c"s, std::string(40, 'x'), "", std::string(7, 'y')}}},
      {request({"", ""}) + request({std::string(100, 'z')}) + "PING\r\n",
       {{"", ""}, {std::string(100, 'z')}, {"PING"}}},
      {"*0\r\n*-1\r\n\r\n\n*-100\r\nPING\n", {{"PING"}}},
      {"PING\r\nECHO  two\twords \r\n", {{"PING"}, {"ECHO", "two", "words"}}},
      {R"(SET "a \"key\"" 'it\'s \n' "\x41\x4g\n\\" "" end)"
       "\r\n",
       {{"SET", "a \"key\"", "it's \\n", "Ax4g\n\\", "", "end"}}},
      {"a\"b c\"\n", {{"ab c"}}},
      {"ECHO a\0b \0 c\vd\r\n"s, {{"ECHO", "a\0b"s, "\0"s, "c\vd"}}},

      {"*", {}, Outcome::kTruncated},
      {"*1\r\n", {}, Outcome::kTruncated},
      {"*1\r\n$4\r\nPIN", {}, Outcome::kTruncated},
      {"*1\r\n$4\r\nPING\r", {}, Outcome::kTruncated},
      {"*2\r\n$4\r\nECHO\r\n$50\r\nshort", {}, Outcome::kTruncated},
      {"PING\r\nPIN", {{"PING"}}, Outcome::kTruncated},

      {"*x\r\n", {}, Outcome::kRefused, "invalid multibulk length"},
      {"*01\r\n", {}, Outcome::kRefused, "invalid multibulk length"},
      {"*+1\r\n", {}, Outcome::kRefused, "invalid multibulk length"},
      {"*-0\r\n", {}, Outcome::kRefused, "invalid multibulk length"},
      {"*-\r\n", {}, Outcome::kRefused, "invalid multibulk length"},
      {"*\r\n", {}, Outcome::kRefused, "invalid multibulk length"},
      {"*1\n$4", {}, Outcome::kRefused, "invalid multibulk length"},
      {"*1\rx", {}, Outcome::kRefused, "invalid multibulk length"},
      {"*1048577\r\n", {}, Outcome::kRefused, "invalid multibulk length"},
      {"*9223372036854775808\r\n", {}, Outcome::kRefused, "invalid multibulk length"},
      {"*1" + std::string(100, '0'), {}, Outcome::kRefused, "invalid multibulk length"},
      {"PING\r\n*1\r\n:4\r\n", {{"PING"}}, Outcome::kRefused, "expected '$', got ':'"},
      {"*1\r\n\r\n", {}, Outcome::kRefused, "expected '$', got ' '"},
      {"*1\r\n$-1\r\n", {}, Outcome::kRefused, "invalid bulk length"},
      {"*1\r\n$536870913\r\n", {}, Outcome::kRefused, "invalid bulk length"},
      {"*1\r\n$999999999999999999999\r\n", {}, Outcome::kRefused, "invalid bulk length"},
      {"*1\r\n$4 \r\nPING\r\n", {}, Outcome::kRefused, "invalid bulk length"},
      {"*1\r\n$4\r\nPINGxx", {}, Outcome::kRefused, "expected CRLF"},
      {"*1\r\n$4\r\nPINGx", {}, Outcome::kRefused, "expected CRLF"},
      {"*1\r\n$4\r\nPING\rx", {}, Outcome::kRefused, "expected CRLF"},
      {"SET \"open\r\n", {}, Outcome::kRefused, "unbalanced quotes in request"},
      {"SET 'open\\'\r\n", {}, Outcome::kRefused, "unbalanced quotes in request"},
      {"SET \"a\"b\r\n", {}, Outcome::kRefused, "unbalanced quotes in request"},
  };
  return cases;
}

class RespRequestLimits : public testing::TestWithParam<size_t> {
 protected:
  static Limits limits() {
    Limits limits;
    limits.big_argument = GetParam();
    return limits;
  }
};
// With small ones, arguments are copied, and given, where otherwise they are shown where they are.
INSTANTIATE_TEST_SUITE_P(BigArgument, RespRequestLimits, testing::Values(1, 8, 64, 32 << 10));

TEST_P(RespRequestLimits, SaysTheSameHoweverBytesArrive) {
  for (const Case& each : corpus()) {
    SCOPED_TRACE(testing::PrintToString(each.stream));
    const Parsed expected = {each.requests, each.end, each.refusal};
    EXPECT_EQ(parse(each.stream, {}, limits()), expected);
    EXPECT_EQ(parse(each.stream, every_byte(each.stream), limits()), expected);
    for (size_t a = 0; a <= each.stream.size(); ++a) {
      for (size_t b = a; b <= each.stream.size(); ++b)
        ASSERT_EQ(parse(each.stream, {a, b}, limits()), expected) << a << " " << b;
    }
  }
}

TEST_P(RespRequestLimits, TakesManyRequestsInPiecesOfAnySize) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int i = 0; i < 200; ++i) {
    Parsed expected;
    expected.end = Outcome::kEnd;
    std::string stream;
    for (size_t count = random() % 20; count > 0; --count) {
      Words words(1 + random() % 5);
      for (std::string& word : words) word.assign(random() % 200, static_cast<char>(random()));
      stream += request(words);
      expected.requests.push_back(std::move(words));
    }
    std::vector<size_t> ends;
    for (size_t at = 0; at < stream.size(); at += 1 + random() % 300) ends.push_back(at);
    ASSERT_EQ(parse(stream, ends, limits()), expected);
  }
}

TEST(RespRequest, RefusesWhatIsAboveItsLimits) {
  Limits limits;
  limits.max_arguments = 3;
  limits.max_bulk = 10;
  limits.max_line = 20;
  limits.max_request = 3 * kArgumentCost + 25;
  EXPECT_EQ(parse(request({"1", "2", "3"}), {}, limits).end, Outcome::kEnd);
  EXPECT_EQ(parse(request({"1", "2", "3", "4"}), {}, limits).refusal, "invalid multibulk length");
  EXPECT_EQ(parse(request({std::string(10, 'a')}), {}, limits).end, Outcome::kEnd);
  EXPECT_EQ(parse(request({std::string(11, 'a')}), {}, limits).refusal, "invalid bulk length");
  const std::string ten(10, 'a');
  EXPECT_EQ(parse(request({ten, ten, "12345"}), {}, limits).end, Outcome::kEnd);
  EXPECT_EQ(parse(request({ten, ten, "123456"}), {}, limits).refusal, "too big request");
  EXPECT_EQ(parse(std::string(19, 'a') + "\n", {}, limits).end, Outcome::kEnd);
  EXPECT_EQ(parse(std::string(20, 'a') + "\n", {}, limits).refusal, "too big inline request");
  EXPECT_EQ(parse(std::string(20, 'a'), {}, limits).refusal, "too big inline request");
}

// A request of very many words is taken, and neither the caller's window nor ours grows beyond it.
TEST(RespRequest, TakesAsManyArgumentsAsAreAllowedInASmallWindow) {
  Limits limits;
  limits.max_arguments = size_t{1} << 17;
  Words words(limits.max_arguments, "x");
  const std::string stream = request(words);
  std::vector<size_t> ends;
  for (size_t at = 0; at < stream.size(); at += 16 << 10) ends.push_back(at);
  Feeder feeder(stream, ends, limits);
  const Parsed parsed = feeder.run();
  ASSERT_EQ(parsed.end, Outcome::kEnd);
  ASSERT_EQ(parsed.requests.size(), 1u);
  EXPECT_EQ(parsed.requests[0], words);
  EXPECT_LE(feeder.most_unconsumed(), limits.big_argument + (16 << 10));
  EXPECT_LE(feeder.most_memory(), limits.max_arguments * kArgumentCost * 2);
}

TEST(RespRequest, ForgetsTheMemoryOfALargeRequest) {
  RequestParser parser;
  const std::string large = request(Words(100'000, "some word"));
  std::string_view rest = large;
  Outcome outcome = Outcome::kMore;
  for (size_t n = 1000; outcome == Outcome::kMore; n += 1000) {
    outcome = parser.parse(rest.substr(0, n), false);
    rest.remove_prefix(parser.consumed());
    n -= std::min(n, parser.consumed());
  }
  ASSERT_EQ(outcome, Outcome::kRequest);
  EXPECT_GT(parser.memory(), 1'000'000u);
  EXPECT_EQ(parser.parse("", false), Outcome::kMore);
  EXPECT_LT(parser.memory(), 100'000u);
}

// What came before an argument that is announced but does not come costs what it has.
TEST(RespRequest, AnAnnouncementCostsNothing) {
  RequestParser parser;
  EXPECT_EQ(parser.parse("*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$500000000\r\nabc", false),
            Outcome::kBig);
  EXPECT_EQ(parser.big_size(), 500'000'000u);
  EXPECT_LT(parser.memory(), 1000u);
  EXPECT_TRUE(parser.within_request());
}

// Whatever comes, it ends, and how it came makes no difference.
TEST(RespRequest, SaysOneThingAboutGarbage) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  using std::string_view_literals::operator""sv;
  const std::string_view likely = "*$\r\n0123-\"' x\0\xff"sv;
  Limits limits;
  limits.big_argument = 8;
  for (int i = 0; i < 20'000; ++i) {
    std::string stream = corpus()[random() % corpus().size()].stream;
    for (size_t changes = random() % 4; changes > 0; --changes) {
      const size_t at = random() % (stream.size() + 1);
      stream.insert(at, 1, likely[random() % likely.size()]);
      if (random() % 2 == 0) stream.erase(random() % stream.size(), 1);
    }
    const Parsed parsed = parse(stream, {}, limits);
    ASSERT_NE(parsed.end, Outcome::kMore);
    ASSERT_EQ(parse(stream, every_byte(stream), limits), parsed) << testing::PrintToString(stream);
  }
}

}  // namespace
}  // namespace resp
