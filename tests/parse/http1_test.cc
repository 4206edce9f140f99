// Heads of HTTP/1: what is taken, and what is refused and how, however they arrive.

#include "bufio/parse/http1.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bufio/memory.h"
#include "bufio/messages.h"
#include "bufio/reader.h"
#include "bufio/testing/check_parser_linear.h"
#include "bufio/testing/check_split_invariance.h"
#include "bufio/testing/run_at_once.h"
#include "tests/allocations.h"
#include "uring/status.h"
#include "uring/task.h"

namespace bufio {
namespace {

using testing::check_parser_linear;
using testing::check_split_invariance;

constexpr size_t kMaxTarget = HttpOptions().max_target;
constexpr size_t kMaxFields = HttpOptions().max_fields;
constexpr int kFine = 0;

// What `parser` makes of a text that should be a head: kFine and the head, or the code that refuses
// it. What is cut off is 400, and so is what is more than a head.
template <class P, class Head>
int parse_head(P& parser, std::string_view text, Head& head) {
  auto result = parser.parse(text, 0, true);
  if (result.kind() == ParseKind::kError) return parser.refusal();
  if (!result.is_value() || result.consumed() != text.size()) return 400;
  head = result.value();
  return kFine;
}

// A head with these lines behind a fine request line and a Host.
std::string with(std::string_view lines) {
  return "GET / HTTP/1.1\r\nHost: a\r\n" + std::string(lines) + "\r\n";
}

TEST(Http1, TellsWhatARequestSays) {
  const std::string text =
      "GET /a/b?c HTTP/1.1\r\nHost: example.org:80\r\nX-Empty:\r\nx-spaced: \t two words\t "
      "\r\n\r\n";
  HttpRequestParser parser;
  HttpRequest head;
  ASSERT_EQ(parse_head(parser, text, head), kFine);
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

TEST(Http1, NothingIsLeftOfAnEarlierRequest) {
  HttpRequestParser parser;
  HttpRequest head;
  ASSERT_EQ(
      parse_head(parser, with("Connection: close\r\nContent-Length: 7\r\nExpect: 100-continue\r\n"),
                 head),
      kFine);
  EXPECT_EQ(head.content_length, 7u);
  EXPECT_TRUE(head.expects_continue);
  EXPECT_FALSE(head.keep_alive);
  const std::string plain = with("");
  ASSERT_EQ(parse_head(parser, plain, head), kFine);
  EXPECT_EQ(head.content_length, 0u);
  EXPECT_FALSE(head.expects_continue);
  EXPECT_TRUE(head.keep_alive);
  EXPECT_EQ(head.fields.size(), 1u);
}

struct KeepAliveCase {
  std::string_view text;
  bool keep_alive;
};
TEST(Http1, KnowsWhetherTheConnectionIsToStay) {
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
    HttpRequestParser parser;
    HttpRequest head;
    EXPECT_EQ(parse_head(parser, text, head), kFine) << text;
    EXPECT_EQ(head.keep_alive, keep_alive) << text;
  }
}

struct RefusedCase {
  int code;
  std::string text;
};
TEST(Http1, RefusesWhatIsNotARequest) {
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
           {400, with("Transfer-Encoding: gzip\r\n")},
           {400, with("Transfer-Encoding: chunked, gzip\r\n")},
           {400, with("Transfer-Encoding: chunked, chunked\r\n")},
           {400, with("Transfer-Encoding: xchunked\r\n")},
           {400, with("Transfer-Encoding:\r\n")},
           {400, with("Transfer-Encoding : chunked\r\n")},
           {400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"},
           {400, "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n"},
           {400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"},
           {431, with("X: " + std::string(size_t{64} << 10, 'x') + "\r\n")},
           {414, "GET /" + std::string(size_t{64} << 10, 'x')},
           {417, with("Expect: the-unexpected\r\n")},
           {414, "GET /" + std::string(kMaxTarget, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n"},
       }) {
    HttpRequestParser parser;
    HttpRequest head;
    EXPECT_EQ(parse_head(parser, text, head), code) << ::testing::PrintToString(text);
  }
}

TEST(Http1, TakesAHundredFieldsAndNoMore) {
  std::string lines;
  for (size_t i = 1; i < kMaxFields; ++i) lines += "X: a\r\n";  // and Host
  HttpRequestParser parser;
  HttpRequest head;
  EXPECT_EQ(parse_head(parser, with(lines), head), kFine);
  EXPECT_EQ(parse_head(parser, with(lines + "X: a\r\n"), head), 431);
}

// Every prefix of a fine head is refused, and no byte of it may be read behind its end.
TEST(Http1, RefusesEachHeadThatIsCutShort) {
  const std::string whole = with("Content-Length: 17\r\nConnection: close\r\n");
  for (size_t size = 0; size < whole.size(); ++size) {
    const std::vector<char> exactly(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size));
    HttpRequestParser parser;
    HttpRequest head;
    EXPECT_EQ(parse_head(parser, {exactly.data(), exactly.size()}, head), 400) << size;
  }
}

bool within(std::string_view part, const std::vector<char>& whole) {
  return part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size();
}

// Whatever comes, what is taken is made of what came and says one thing only.
TEST(Http1, TakesNothingThatIsNotThere) {
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
  HttpRequestParser parser;
  HttpRequest head;
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
    if (parse_head(parser, {exactly.data(), exactly.size()}, head) != kFine) continue;
    ++taken;
    ASSERT_TRUE(within(head.method, exactly) && within(head.target, exactly)) << text;
    ASSERT_FALSE(head.method.empty() || head.target.empty()) << text;
    ASSERT_FALSE(head.body == HttpBody::kChunked && head.field("Content-Length").has_value())
        << text;
    for (const HttpField& field : head.fields) {
      ASSERT_TRUE(within(field.name, exactly) && within(field.value, exactly)) << text;
      ASSERT_EQ(field.value.find_first_of("\r\n"), std::string_view::npos) << text;
    }
  }
  EXPECT_GT(taken, 1000);
}

TEST(Http1, SaysWhatBodyFollowsARequest) {
  HttpRequestParser parser;
  HttpRequest head;
  ASSERT_EQ(parse_head(parser, with(""), head), kFine);
  EXPECT_EQ(head.body, HttpBody::kNone);
  ASSERT_EQ(parse_head(parser, with("Content-Length: 0\r\n"), head), kFine);
  EXPECT_EQ(head.body, HttpBody::kNone);
  ASSERT_EQ(parse_head(parser, with("Content-Length: 5\r\n"), head), kFine);
  EXPECT_EQ(head.body, HttpBody::kLength);
  EXPECT_EQ(head.content_length, 5u);
  ASSERT_EQ(parse_head(parser, with("transfer-encoding: Chunked\r\n"), head), kFine);
  EXPECT_EQ(head.body, HttpBody::kChunked);
}

struct ResponseCase {
  std::string text;
  int status;
  HttpBody body;
  bool keep_alive;
  std::string_view method = "GET";
};
TEST(Http1, SaysWhatBodyFollowsAResponse) {
  for (const auto& [text, status, body, keep_alive, method] : std::vector<ResponseCase>{
           {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", 200, HttpBody::kLength, true},
           {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", 200, HttpBody::kNone, true, "HEAD"},
           {"HTTP/1.1 200 OK\r\n\r\n", 200, HttpBody::kUntilClose, false},
           {"HTTP/1.1 200 OK\r\n\r\n", 200, HttpBody::kNone, true, "CONNECT"},
           {"HTTP/1.1 404 \r\n\r\n", 404, HttpBody::kUntilClose, false, "CONNECT"},
           {"HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n", 200, HttpBody::kChunked, true},
           {"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n", 200, HttpBody::kLength, false},
           {"HTTP/1.1 304 Not\tModified\r\nContent-Length: 3\r\n\r\n", 304, HttpBody::kNone, true},
           {"HTTP/1.1 204 No\r\nConnection: close\r\n\r\n", 204, HttpBody::kNone, false},
           {"HTTP/1.1 100 Continue\r\n\r\n", 100, HttpBody::kNone, true},
       }) {
    HttpResponseParser parser;
    parser.set_request_method(method);
    HttpResponse head;
    ASSERT_EQ(parse_head(parser, text, head), kFine) << text;
    EXPECT_EQ(head.status, status) << text;
    EXPECT_EQ(head.body, body) << text;
    EXPECT_EQ(head.keep_alive, keep_alive) << text;
  }
}

TEST(Http1, RefusesWhatIsNotAResponse) {
  for (const char* text :
       {"", "HTTP/1.1\r\n\r\n", "HTTP/1.1 20\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1  200 OK\r\n\r\n", "HTTP/1.1 099 OK\r\n\r\n", "HTTP/1.1 200 O\x01K\r\n\r\n",
        "HTTP/1.1 200 OK\n\n", "\r\nHTTP/1.1 200 OK\r\n\r\n", "ICY 200 OK\r\n\r\n",
        "HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n"}) {
    HttpResponseParser parser;
    HttpResponse head;
    EXPECT_EQ(parse_head(parser, text, head), 400) << text;
  }
}

std::string print_request(const HttpRequest& request) {
  std::string text = absl::StrCat(uring::as_absl(request.method), " ",
                                  uring::as_absl(request.target), " ", request.content_length);
  for (const HttpField& field : request.fields) {
    absl::StrAppend(&text, "|", uring::as_absl(field.name), "=", uring::as_absl(field.value));
  }
  return text;
}

TEST(Http1, IsTheSameHoweverItArrives) {
  const std::string two = with("Content-Length: 0\r\n") + with("Connection: close\r\n");
  std::vector<std::string> corpus = {
      two,
      "\r\n" + two,
      "\r\n\r\n" + two + "\r\n",
      two + "\r",
      std::string(18, '\r'),
      two + "G",
      "GET / HTTP/1.1\nHost: a\n\n",
      "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
      "\n",
      "GET / HTTP/3.1\r\nHost: a\r\n\r\n",
      with("Content-Length: 1\r\nContent-Length: 2\r\n"),
  };
  std::string empty_lines;
  for (int i = 0; i < 12; ++i) empty_lines += "\r\n";
  corpus.push_back(empty_lines + two);
  EXPECT_EQ(check_split_invariance(HttpRequestParser(), corpus, print_request), absl::OkStatus());
  const HttpOptions small = {.max_head = 40, .max_fields = 2};
  corpus = {with("X: a\r\n"), with("X: aaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n"), with("X:\r\nX:\r\n"),
            "GET /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
  EXPECT_EQ(check_split_invariance(HttpRequestParser(small), corpus, print_request),
            absl::OkStatus());
  corpus = {"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n"};
  EXPECT_EQ(check_split_invariance(HttpResponseParser(), corpus,
                                   [](const HttpResponse& response) {
                                     return absl::StrCat(response.status, " ",
                                                         uring::as_absl(response.reason));
                                   }),
            absl::OkStatus());
}

TEST(Http1, LooksAtEachByteOnce) {
  std::string lines;
  for (int i = 0; i < 50; ++i) lines += "X-Some-Field: with a value of some length\r\n";
  EXPECT_EQ(check_parser_linear(HttpRequestParser(), with(lines)), absl::OkStatus());
}

uring::Task<size_t> count_fields(Messages<HttpRequestParser>& requests) {
  size_t fields = 0;
  for (;;) {
    auto request = co_await requests.next();
    if (!request.has_value()) break;
    fields += request->fields.size();
  }
  co_return fields;
}

TEST(Http1, AllocatesNothingForAHead) {
  const std::string one = with("Accept: */*\r\nUser-Agent: none of them\r\n");
  std::string text;
  for (int i = 0; i < 5000; ++i) text += one;
  const auto count = [&](size_t heads) {
    Reader reader = read_view(std::string_view(text).substr(0, heads * one.size()));
    Messages<HttpRequestParser> requests(reader);
    const uint64_t before = testing::allocations;
    EXPECT_EQ(testing::run_at_once(count_fields(requests)), heads * 3);
    return testing::allocations - before;
  };
  count(100);  // which keeps a frame for the others
  EXPECT_EQ(count(100), count(5000));
}

}  // namespace
}  // namespace bufio
