// From targets to paths, and which part of a file a request asks for.

#include "examples/http_target.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bufio/parse/http1.h"
#include "examples/http_range.h"
#include "gtest/gtest.h"

namespace http {
namespace {

struct PathCase {
  std::string_view target;
  std::string_view path;  // empty: refused
  bool directory = false;
};
TEST(HttpTarget, LeadsBelowTheRootOrNowhere) {
  for (const auto& [target, path, directory] : std::vector<PathCase>{
           {"/", ".", true},
           {"/a", "a"},
           {"/a/b.txt", "a/b.txt"},
           {"/a/", "a", true},
           {"//a///b", "a/b"},
           {"/./a/./b", "a/b"},
           {"/a/../b", "b"},
           {"/a/..", ".", true},
           {"/a/b/..", "a", true},
           {"/a/.", "a", true},
           {"/...", "..."},
           {"/..a", "..a"},
           {"/a%20b", "a b"},
           {"/%61%2f%62", "a/b"},
           {"/%2525", "%25"},
           {"/a?/../../b", "a"},
           {"/a%3Fb", "a?b"},
           {"/a\\b", "a\\b"},
           {"http://host/a", "a"},
           {"HTTP://host:80/a?b", "a"},
           {"http://host", ".", true},
           {"http://host?a", ".", true},
           {"", ""},
           {"a", ""},
           {"*", ""},
           {"host:80", ""},
           {"https://host/", ""},
           {"/..", ""},
           {"/../a", ""},
           {"/a/../../b", ""},
           {"/%2e%2e/a", ""},
           {"/.%2E/a", ""},
           {"/a%2f..%2f..%2fb", ""},
           {"/%00", ""},
           {"/a%00.txt", ""},
           {"/%", ""},
           {"/%2", ""},
           {"/%zz", ""},
           {"/%-1", ""},
           {"/a#b", ""},
       }) {
    const std::optional<TargetPath> found = path_of_target(target);
    EXPECT_EQ(found.has_value() ? found->path : "", path) << target;
    EXPECT_EQ(found.has_value() && found->directory, directory) << target;
  }
}

TEST(HttpTarget, ASuffixSaysWhatAFileHolds) {
  EXPECT_EQ(content_type("a/index.html"), "text/html; charset=utf-8");
  EXPECT_EQ(content_type("PHOTO.JPG"), "image/jpeg");
  EXPECT_EQ(content_type("archive.tar.gz"), "application/gzip");
  EXPECT_EQ(content_type("html"), "application/octet-stream");
  EXPECT_EQ(content_type(""), "application/octet-stream");
}

// 1,000 bytes, last changed at 08:49:37.
const Validators kFile = {"\"tag\"", 784111777};

Part part(std::string_view fields, std::string_view method = "GET") {
  const std::string text =
      std::string(method) + " / HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n";
  bufio::HttpRequestParser parser;
  auto head = parser.parse(text, 0, true);
  EXPECT_TRUE(head.is_value()) << head.status();
  return part_of(head.value(), 1000, kFile);
}

const Part kAll = {200, 0, 1000};

TEST(HttpRange, OneRangeIsAPart) {
  EXPECT_EQ(part(""), kAll);
  EXPECT_EQ(part("Range: bytes=0-0\r\n"), (Part{206, 0, 1}));
  EXPECT_EQ(part("Range: bytes=10-19\r\n"), (Part{206, 10, 10}));
  EXPECT_EQ(part("range: Bytes=990-\r\n"), (Part{206, 990, 10}));
  EXPECT_EQ(part("Range: bytes=990-5000\r\n"), (Part{206, 990, 10}));
  EXPECT_EQ(part("Range: bytes=-10\r\n"), (Part{206, 990, 10}));
  EXPECT_EQ(part("Range: bytes=-5000\r\n"), (Part{206, 0, 1000}));
  EXPECT_EQ(part("Range: bytes=5-99999999999999999999999\r\n"), (Part{206, 5, 995}));
}

TEST(HttpRange, APartThatIsNotThereIs416) {
  for (std::string_view range : {"1000-", "1000-1001", "5000-", "99999999999999999999999-", "-0"})
    EXPECT_EQ(part("Range: bytes=" + std::string(range) + "\r\n"), (Part{416, 0, 0})) << range;
}

TEST(HttpRange, WhatIsNoSingleRangeIsPassedOver) {
  for (std::string_view range :
       {"bytes=", "bytes=-", "bytes=a-b", "bytes=5-4", "bytes=0-1,5-6", "bytes=1", "bytes=0 - 1",
        "bytes=--1", "bytes=+1-2", "lines=0-1", "0-1"}) {
    EXPECT_EQ(part("Range: " + std::string(range) + "\r\n"), kAll) << range;
  }
  EXPECT_EQ(part("Range: bytes=0-1\r\n", "HEAD"), kAll);
}

TEST(HttpRange, AppliesOnlyIfTheFileIsTheSame) {
  const std::string range = "Range: bytes=0-9\r\nIf-Range: ";
  const Part some = {206, 0, 10};
  EXPECT_EQ(part(range + "\"tag\"\r\n"), some);
  EXPECT_EQ(part(range + "\"other\"\r\n"), kAll);
  EXPECT_EQ(part(range + "W/\"tag\"\r\n"), kAll);  // weak: not the same bytes
  EXPECT_EQ(part(range + "Sun, 06 Nov 1994 08:49:37 GMT\r\n"), some);
  EXPECT_EQ(part(range + "Sun, 06 Nov 1994 08:49:38 GMT\r\n"), kAll);
  EXPECT_EQ(part(range + "nonsense\r\n"), kAll);
}

TEST(HttpRange, WhatThePeerHasIsNotSentAgain) {
  const Part nothing = {304, 0, 0};
  EXPECT_EQ(part("If-None-Match: \"tag\"\r\n"), nothing);
  EXPECT_EQ(part("If-None-Match: \"a\", W/\"tag\"\r\n"), nothing);
  EXPECT_EQ(part("If-None-Match: *\r\n"), nothing);
  EXPECT_EQ(part("If-None-Match: \"a tag\"\r\n"), kAll);
  EXPECT_EQ(part("If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n"), nothing);
  EXPECT_EQ(part("If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT\r\n"), nothing);
  EXPECT_EQ(part("If-Modified-Since: Sun Nov  6 08:49:37 1994\r\n"), nothing);
  EXPECT_EQ(part("If-Modified-Since: Sun, 06 Nov 1994 08:49:36 GMT\r\n"), kAll);
  EXPECT_EQ(part("If-Modified-Since: yesterday\r\n"), kAll);
  // The tag knows better than the clock.
  EXPECT_EQ(part("If-None-Match: \"a\"\r\nIf-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n"),
            kAll);
  EXPECT_EQ(part("If-None-Match: \"tag\"\r\nRange: bytes=0-9\r\n"), nothing);
}

TEST(HttpDate, IsWrittenAsItIsRead) {
  EXPECT_EQ(http_date(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(parse_http_date(http_date(0)), 0);
  EXPECT_EQ(parse_http_date(""), std::nullopt);
}

}  // namespace
}  // namespace http
