// Heads of requests: what is taken, and what is refused and how.

#include "examples/http_head.h"

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"

namespace http {
namespace {

// A head with these lines behind a fine request line and a Host.
std::string with(std::string_view lines) {
  return "GET / HTTP/1.1\r\nHost: a\r\n" + std::string(lines) + "\r\n";
}

TEST(HttpHead, TellsWhatARequestSays) {
  const std::string text =
      "GET /a/b?c HTTP/1.1\r\nHost: example.org:80\r\nX-Empty:\r\nx-spaced: \t two words\t "
      "\r\n\r\n";
  Head head;
  ASSERT_EQ(parse_head(text, head), kFine);
  EXPECT_EQ(head.method, "GET");
  EXPECT_EQ(head.target, "/a/b?c");
  EXPECT_EQ(head.minor_version, 1);
  EXPECT_EQ(head.fields.size(), 3u);
  EXPECT_EQ(head.field("HOST"), "example.org:80");
  EXPECT_EQ(head.field("x-empty"), "");
  EXPECT_EQ(head.field("X-Spaced"), "two words");
  EXPECT_EQ(head.field("X-Other"), std::nullopt);
  EXPECT_TRUE(head.keep_alive);
  EXPECT_EQ(head.content_length, 0u);
}

TEST(HttpHead, NothingIsLeftOfAnEarlierRequest) {
  Head head;
  ASSERT_EQ(
      parse_head(with("Connection: close\r\nContent-Length: 7\r\nExpect: 100-continue\r\n"), head),
      kFine);
  EXPECT_EQ(head.content_length, 7u);
  EXPECT_TRUE(head.expects_continue);
  EXPECT_FALSE(head.keep_alive);
  const std::string plain = with("");
  ASSERT_EQ(parse_head(plain, head), kFine);
  EXPECT_EQ(head.content_length, 0u);
  EXPECT_FALSE(head.expects_continue);
  EXPECT_TRUE(head.keep_alive);
  EXPECT_EQ(head.fields.size(), 1u);
}

struct KeepAliveCase {
  std::string_view text;
  bool keep_alive;
};
TEST(HttpHead, KnowsWhetherTheConnectionIsToStay) {
  for (const auto& [text, keep_alive] : std::vector<KeepAliveCase>{
           {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", true},
           {"GET / HTTP/1.7\r\nHost: a\r\n\r\n", true},
           {"GET / HTTP/1.1\r\nHost: a\r\nConnection: Close\r\n\r\n", false},
           {"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade, close\r\n\r\n", false},
           {"GET / HTTP/1.1\r\nHost: a\r\nConnection: TE\r\nConnection: close\r\n\r\n", false},
           {"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, close\r\n\r\n", false},
           {"GET / HTTP/1.1\r\nHost: a\r\nConnection: enclosed\r\n\r\n", true},
           {"GET / HTTP/1.0\r\n\r\n", false},
           {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true},
       }) {
    Head head;
    EXPECT_EQ(parse_head(text, head), kFine) << text;
    EXPECT_EQ(head.keep_alive, keep_alive) << text;
  }
}

struct RefusedCase {
  int code;
  std::string text;
};
TEST(HttpHead, RefusesWhatIsNotARequest) {
  using std::string_literals::operator""s;
  for (const auto& [code, text] : std::vector<RefusedCase>{
           {400, ""},
           {400, "\r\n"},
           {400, "\r\n\r\n"},
           {400, "GET\r\n\r\n"},
           {400, "GET /\r\n\r\n"},  // HTTP/0.9
           {400, " GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
           {400, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"},
           {400, "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"},
           {400, "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"},
           {400, "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"},
           {400, "GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n"},
           {400, "GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n"},
           {400, "G(T / HTTP/1.1\r\nHost: a\r\n\r\n"},
           {400, "GET / http/1.1\r\nHost: a\r\n\r\n"},
           {400, "GET / HTTP/1.10\r\nHost: a\r\n\r\n"},
           {400, "GET / HTTP/1\r\nHost: a\r\n\r\n"},
           {400, "GET / HTTPS/1.1\r\nHost: a\r\n\r\n"},
           {505, "GET / HTTP/2.0\r\nHost: a\r\n\r\n"},
           {505, "PRI * HTTP/2.0\r\n\r\n"},
           {505, "GET / HTTP/0.9\r\n\r\n"},
           {400, "GET / HTTP/1.1\nHost: a\n\n"},
           {400, "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n"},
           {400, "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n"},
           {400, "GET / HTTP/1.1\r\nHost: a\r\n"},
           {400, "GET / HTTP/1.1\r\nHost: a\r\n\r\nmore"},
           {400, "GET / HTTP/1.1\r\n\r\n"},
           {400, "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"},
           {400, "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"},
           {400, with("no colon\r\n")},
           {400, with(": no name\r\n")},
           {400, with("Name : value\r\n")},
           {400, with("X: a\r\n folded\r\n")},
           {400, with("\tfolded: at once\r\n")},
           {400, with("X: a\0b\r\n"s)},
           {400, with("X: a\x01\r\n")},
           {400, with("X\x80: a\r\n")},
           {400, with("Content-Length: 1\r\nContent-Length: 1\r\n")},
           {400, with("Content-Length: 1, 1\r\n")},
           {400, with("Content-Length:\r\n")},
           {400, with("Content-Length: +1\r\n")},
           {400, with("Content-Length: -1\r\n")},
           {400, with("Content-Length: 0x1\r\n")},
           {400, with("Content-Length: 18446744073709551616\r\n")},
           {400, with("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")},
           {400, with("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n")},
           {400, with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")},
           {400, "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"},
           {501, with("Transfer-Encoding: gzip, chunked\r\n")},
           {417, with("Expect: the-unexpected\r\n")},
           {414, "GET /" + std::string(kMaxTarget, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n"},
       }) {
    Head head;
    EXPECT_EQ(parse_head(text, head), code) << testing::PrintToString(text);
  }
}

TEST(HttpHead, TakesAHundredFieldsAndNoMore) {
  std::string lines;
  for (size_t i = 1; i < kMaxFields; ++i) lines += "X: a\r\n";  // and Host
  Head head;
  EXPECT_EQ(parse_head(with(lines), head), kFine);
  EXPECT_EQ(parse_head(with(lines + "X: a\r\n"), head), 431);
}

// Every prefix of a fine head is refused, and no byte of it may be read behind its end.
TEST(HttpHead, RefusesEachHeadThatIsCutShort) {
  const std::string whole = with("Content-Length: 17\r\nConnection: close\r\n");
  for (size_t size = 0; size < whole.size(); ++size) {
    const std::vector<char> exactly(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size));
    Head head;
    EXPECT_EQ(parse_head({exactly.data(), exactly.size()}, head), 400) << size;
  }
}

bool within(std::string_view part, const std::vector<char>& whole) {
  return part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size();
}

// Whatever comes, what is taken is made of what came and says one thing only.
TEST(HttpHead, TakesNothingThatIsNotThere) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  const std::vector<std::string> originals = {
      with("Content-Length: 17\r\nConnection: close\r\nRange: bytes=0-1\r\n"),
      with("Transfer-Encoding: chunked\r\nX: \t y \r\n"),
      "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
  };
  using std::string_view_literals::operator""sv;
  const std::string_view likely = "\r\n :\t,/\0ab19\xff"sv;
  Head head;
  int taken = 0;
  for (int i = 0; i < 50'000; ++i) {
    std::string text = originals[random() % originals.size()];
    for (size_t changes = random() % 4; changes > 0; --changes) {
      const size_t at = random() % text.size();
      const size_t how = random() % 3;
      const char byte = likely[random() % likely.size()];
      if (how == 0) text[at] = byte;
      if (how == 1) text.insert(at, 1, byte);
      if (how == 2) text.erase(at, 1 + random() % 3);
    }
    const std::vector<char> exactly(text.begin(), text.end());  // nothing readable behind it
    if (parse_head({exactly.data(), exactly.size()}, head) != kFine) continue;
    ++taken;
    ASSERT_TRUE(within(head.method, exactly) && within(head.target, exactly)) << text;
    ASSERT_FALSE(head.method.empty() || head.target.empty()) << text;
    ASSERT_FALSE(head.transfer_coded && head.field("Content-Length").has_value()) << text;
    for (const Field& field : head.fields) {
      ASSERT_TRUE(within(field.name, exactly) && within(field.value, exactly)) << text;
      ASSERT_EQ(field.value.find_first_of("\r\n"), std::string_view::npos) << text;
    }
    const bufio::ScanResult end = HeadEnd()(text, 0, true);
    ASSERT_TRUE(end.found && end.length == text.size()) << text;
  }
  EXPECT_GT(taken, 1000);
}

struct EndCase {
  std::string_view text;
  size_t end;  // 0: not yet
};
TEST(HttpHead, EndsWhereItsEmptyLineDoesHoweverItArrives) {
  for (const auto& [text, end] : std::vector<EndCase>{
           {"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET", 27},
           {"GET / HTTP/1.1\r\nHost: a\r\n", 0},
           {"GET / HTTP/1.1\r\nHost: a\r\n\r", 0},
           {"", 0},
           {"\r", 0},
           {"\r\n", 2},
           {"\r\nGET / HTTP/1.1\r\n\r\n", 2},
           {"\n", 1},
           {"GET / HTTP/1.1\nHost: a\n\n", 15},
           {"GET / HTTP/1.1\r\nHost: a\nX", 24},
           {"GET / HTTP/1.1\r\n\nX", 17},
       }) {
    const HeadEnd scan;
    size_t from = 0;
    size_t found = 0;
    for (size_t size = 0; size <= text.size() && found == 0; ++size) {
      const bufio::ScanResult result = scan(text.substr(0, size), from, false);
      if (result.found) found = result.length;
      from = result.examined;
    }
    EXPECT_EQ(found, end) << text;
    const bufio::ScanResult at_once = scan(text, 0, true);
    EXPECT_EQ(at_once.found ? at_once.length : 0, end) << text;
  }
}

}  // namespace
}  // namespace http
