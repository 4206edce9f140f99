// Redis' protocol: values of all types, requests, and what is neither.

#include "bufio/parse/resp.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "bufio/parse_memory.h"
#include "bufio/testing/check_parser_linear.h"
#include "bufio/testing/check_split_invariance.h"
#include "gmock/gmock.h"
#include "uring/status.h"

namespace bufio {
namespace {

using std::string_literals::operator""s;
using std::string_view_literals::operator""sv;
using testing::check_parser_linear;
using testing::check_split_invariance;
using ::testing::HasSubstr;

// "n" for null, "#1" and so on for scalars, "*[…]" for aggregates.
std::string print(const RespValue& value) {
  switch (value.type()) {
    case RespType::kNull:
      return "n";
    case RespType::kInteger:
      return absl::StrCat(":", value.integer());
    case RespType::kBoolean:
      return absl::StrCat("#", value.integer());
    case RespType::kDouble:
      return absl::StrCat(",", value.number());
    case RespType::kVerbatim:
      return absl::StrCat("=", uring::as_absl(value.format()), ":", uring::as_absl(value.text()));
    default:
      break;
  }
  if (!value.is_aggregate()) {
    constexpr std::string_view kMarks = "_+-:$*#,(!";
    return kMarks[static_cast<size_t>(value.type())] + std::string(value.text());
  }
  constexpr std::string_view kMarks = "%~>|";
  std::string text(
      1, value.type() == RespType::kArray
             ? '*'
             : kMarks[static_cast<size_t>(value.type()) - static_cast<size_t>(RespType::kMap)]);
  absl::StrAppend(&text, value.size(), "[");
  for (const RespValue element : value) absl::StrAppend(&text, print(element), ";");
  return text + "]";
}

std::string print_request(const std::span<const std::string_view>& request) {
  std::string text;
  for (std::string_view argument : request) absl::StrAppend(&text, uring::as_absl(argument), "|");
  return text;
}

struct Values {
  std::vector<std::string> values;
  absl::Status status;
};
Values parsed(std::string_view text, RespOptions options = {}) {
  Values all;
  RespParser parser(options);
  all.status = parse_memory(text, parser,
                            [&](const RespValue& value) { all.values.push_back(print(value)); });
  return all;
}
Values requests(std::string_view text, RespOptions options = {}) {
  Values all;
  RespRequestParser parser(options);
  all.status = parse_memory(text, parser, [&](const std::span<const std::string_view>& request) {
    all.values.push_back(print_request(request));
  });
  return all;
}

TEST(Resp, GivesValuesOfAllTypes) {
  struct Case {
    std::string_view text;
    std::string_view expected;
  };
  for (const auto& [text, expected] : std::vector<Case>{
           {"+OK\r\n", "+OK"},
           {"-ERR no\r\n", "-ERR no"},
           {":-42\r\n", ":-42"},
           {":+7\r\n", ":7"},
           {"$5\r\nhe\r\no\r\n", "$he\r\no"},
           {"$0\r\n\r\n", "$"},
           {"$-1\r\n", "n"},
           {"*-1\r\n", "n"},
           {"*0\r\n", "*0[]"},
           {"*2\r\n$1\r\na\r\n*1\r\n:1\r\n", "*2[$a;*1[:1;];]"},
           {"_\r\n", "n"},
           {"#t\r\n", "#1"},
           {"#f\r\n", "#0"},
           {",1.5\r\n", ",1.5"},
           {",-inf\r\n", ",-inf"},
           {"(-123456789012345678901234567890\r\n", "(-123456789012345678901234567890"},
           {"!5\r\nERR x\r\n", "!ERR x"},
           {"=6\r\ntxt:ab\r\n", "=txt:ab"},
           {"%1\r\n+a\r\n:1\r\n", "%2[+a;:1;]"},
           {"~2\r\n+a\r\n+b\r\n", "~2[+a;+b;]"},
           {">1\r\n+a\r\n", ">1[+a;]"},
           {"|1\r\n+a\r\n+b\r\n", "|2[+a;+b;]"},
           {"*2\r\n|1\r\n+a\r\n+b\r\n:1\r\n:2\r\n", "*2[|2[+a;+b;];:1;:2;]"},
           {"*3\r\n*0\r\n*1\r\n*0\r\n+x\r\n", "*3[*0[];*1[*0[];];+x;]"},
       }) {
    const Values all = parsed(text);
    EXPECT_TRUE(all.status.ok()) << all.status << " for " << text;
    EXPECT_EQ(all.values, std::vector<std::string>{std::string(expected)});
  }
}

TEST(Resp, RefusesWhatIsNone) {
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  constexpr auto kLimit = absl::StatusCode::kResourceExhausted;
  std::string deep;
  for (int i = 0; i < 33; ++i) deep += "*1\r\n";
  struct Case {
    std::string text;
    absl::StatusCode code;
    RespOptions options = {};
  };
  for (const auto& [text, code, options] : std::vector<Case>{
           {"OK\r\n", kInvalid},
           {"\r\n", kInvalid},
           {"+OK\n", kInvalid},
           {"+O\rK\r\n", kInvalid},
           {":1x\r\n", kInvalid},
           {":+-1\r\n", kInvalid},
           {":99999999999999999999\r\n", kInvalid},
           {"#x\r\n", kInvalid},
           {",x\r\n", kInvalid},
           {"(1.5\r\n", kInvalid},
           {"_x\r\n", kInvalid},
           {"$-2\r\n", kInvalid},
           {"$?\r\n", kInvalid},
           {"*?\r\n", kInvalid},
           {"%-1\r\n", kInvalid},
           {"$00000000000000000000000000", kInvalid},
           {"$2\r\nabc\r\n", kInvalid},
           {"=3\r\ntxt\r\n", kInvalid},
           {deep, kLimit},
           {"$536870913\r\n", kLimit},
           {"*1048577\r\n", kLimit},
           {"%524289\r\n", kLimit},
           {"*2\r\n*2\r\n+a\r\n+b\r\n", kLimit, {.max_elements = 2}},
           {"+" + std::string(size_t{64} << 10, 'x'), kLimit},
           {"*1\r\n", absl::StatusCode::kDataLoss},
       }) {
    EXPECT_EQ(parsed(text, options).status.code(), code) << text.substr(0, 100);
  }
}

TEST(Resp, GivesRequestsOfBothForms) {
  struct Case {
    std::string_view text;
    std::vector<std::string> expected;
  };
  for (const auto& [text, expected] : std::vector<Case>{
           {"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n", {"GET|key|"}},
           {"*1\r\n$4\r\nPING\r\n*0\r\n*-1\r\nPING\r\n", {"PING|", "PING|"}},
           {"\r\n\n  \r\nSET  a\tb\n", {"SET|a|b|"}},
           {"SET \"a \\x41\\n\\\"\" 'b \\' \\n'\r\n", {"SET|a A\n\"|b ' \\n|"}},
           {"GET \"\"\r\n", {"GET||"}},
           {"GET a\0b \0 c\vd\r\n"sv, {"GET|a\0b|\0|c\vd|"s}},
       }) {
    const Values all = requests(text);
    EXPECT_TRUE(all.status.ok()) << all.status << " for " << text;
    EXPECT_EQ(all.values, expected);
  }
}

TEST(Resp, RefusesWhatIsNoRequest) {
  for (const char* text : {"*1\r\n:1\r\n", "*1\r\n$-1\r\n", "*1\r\n*1\r\n*1\r\n", "GET \"a\r\n",
                           "GET 'a'b\r\n", "*x\r\n"}) {
    EXPECT_FALSE(requests(text).status.ok()) << text;
  }
  const absl::Status unbalanced = requests("GET \"a\r\n").status;
  EXPECT_EQ(unbalanced.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(unbalanced.ToString(), HasSubstr("unbalanced quotes in request"));
  const absl::Status too_big = requests(std::string(size_t{64} << 10, 'x')).status;
  EXPECT_EQ(too_big.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(too_big.ToString(), HasSubstr("too big inline request"));
}

TEST(Resp, IsTheSameHoweverItArrives) {
  const std::vector<std::string> values = {
      "*2\r\n$1\r\na\r\n%1\r\n+k\r\n:1\r\n+x\r\n",
      "*2\r\n|1\r\n+a\r\n+b\r\n:1\r\n:2\r\n",
      "=6\r\ntxt:ab\r\n,1e3\r\n_\r\n$-1\r\n",
      "*2\r\n$3\r\nab\r\n",
      "*2\r\n+a\r\n:x\r\n",
      "$3\r\nabcd\r\n",
      "$1111111111111111111111111",
  };
  EXPECT_EQ(check_split_invariance(RespParser(), values, print), absl::OkStatus());
  const std::vector<std::string> lines = {
      "*2\r\n$3\r\nGET\r\n$3\r\nkey\r\nPING\r\n\r\n*0\r\nGET \"a b\"\r\n",
      "*1\r\n:1\r\n",
      "GET \"a\r\n",
      "GET a",
  };
  EXPECT_EQ(check_split_invariance(RespRequestParser(), lines, print_request), absl::OkStatus());
}

TEST(Resp, LooksAtEachByteOnce) {
  std::string many = "*500\r\n";
  for (int i = 0; i < 500; ++i) many += "$3\r\nabc\r\n";
  EXPECT_EQ(check_parser_linear(RespParser(), many), absl::OkStatus());
  EXPECT_EQ(check_parser_linear(RespRequestParser(), many), absl::OkStatus());
  EXPECT_EQ(check_parser_linear(RespRequestParser(), std::string(5000, 'x') + "\n"),
            absl::OkStatus());
}

}  // namespace
}  // namespace bufio
