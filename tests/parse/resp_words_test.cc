// The words of a request to Redis that is a line.

#include "bufio/parse/resp_words.h"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"

namespace bufio {
namespace {

using std::string_literals::operator""s;
using std::string_view_literals::operator""sv;
using Words = std::vector<std::string>;

// Nothing: its quotes do not match.
std::optional<Words> words(std::string_view line) {
  Words all;
  for (;;) {
    std::string text;
    const size_t before = line.size();
    const RespWord found = take_resp_word(line, text);
    EXPECT_LE(text.size(), before - line.size());
    if (found == RespWord::kNone) return all;
    if (found == RespWord::kUnbalanced) return std::nullopt;
    all.push_back(text);
  }
}

// What a redis-server 7.0.15 understood; //tests/apps:resp_server_test asks the one at hand.
TEST(RespWords, AreThoseOfRedis) {
  struct Case {
    std::string_view line;
    std::optional<Words> expected;
  };
  for (const auto& [line, expected] : std::vector<Case>{
           {"", Words{}},
           {" \t\r\v\f ", Words{}},
           {"PING", Words{"PING"}},
           {"  ECHO\ta \rb\r", Words{"ECHO", "a", "b"}},
           {"ECHO \v\fa", Words{"ECHO", "a"}},
           {"a\vb a\fb c\v", Words{"a\vb", "a\fb", "c\v"}},
           {"\"a\"\vb 'c'\f", Words{"a", "b", "c"}},
           {"\xa0 \x85"sv, Words{"\xa0", "\x85"}},
           {R"("" '')", Words{"", ""}},
           {R"("a \"b\" 'c'" 'd "e" \'f\'')", Words{"a \"b\" 'c'", "d \"e\" 'f'"}},
           {R"("\n\r\t\a\b\\\q" '\n\\ ')", Words{"\n\r\t\a\b\\q", "\\n\\\\ "}},
           {R"("\x41\xfF\x00\x4g\x4" '\x41')", Words{"A\xff\0x4gx4"s, "\\x41"}},
           {R"(a"b c" d'e f')", Words{"ab c", "de f"}},
           {R"(a\"b")", Words{"a\\b"}},
           {R"("open)", std::nullopt},
           {R"("open\")", std::nullopt},
           {R"("open\)", std::nullopt},
           {R"('open)", std::nullopt},
           {R"('open\')", std::nullopt},
           {R"('open\\')", std::nullopt},
           {R"(it's)", std::nullopt},
           {R"("a"b)", std::nullopt},
           {R"('a''b')", std::nullopt},
           {R"(fine "a"'b')", std::nullopt},
       }) {
    EXPECT_EQ(words(line), expected) << line;
  }
}

// It neither ends the line, so that what is behind it were lost, nor a word.
TEST(RespWords, HaveNulAsAByteLikeOthers) {
  EXPECT_EQ(words("\0"sv), (Words{"\0"s}));
  EXPECT_EQ(words("ECHO a\0b \0 'c\0d' \"e\0f\" g"sv),
            (Words{"ECHO", "a\0b"s, "\0"s, "c\0d"s, "e\0f"s, "g"}));
  EXPECT_EQ(words("\"\\\0\""sv), (Words{"\0"s}));
  EXPECT_EQ(words("\"a\"\0"sv), std::nullopt);
}

TEST(RespWords, AreAppended) {
  std::string_view line = "a 'b c'";
  std::string text = "before ";
  EXPECT_EQ(take_resp_word(line, text), RespWord::kWord);
  EXPECT_EQ(text, "before a");
  EXPECT_EQ(take_resp_word(line, text), RespWord::kWord);
  EXPECT_EQ(text, "before ab c");
  EXPECT_EQ(take_resp_word(line, text), RespWord::kNone);
  EXPECT_EQ(text, "before ab c");
}

}  // namespace
}  // namespace bufio
