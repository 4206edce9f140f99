// What docs/writing-a-parser.md shows; tests/docs_test.cc sees to it that it is the same.

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bufio/memory.h"
#include "bufio/messages.h"
#include "bufio/parser.h"
#include "bufio/reader.h"
#include "bufio/testing/check_parser_linear.h"
#include "bufio/testing/check_split_invariance.h"
#include "bufio/testing/run_at_once.h"
#include "gtest/gtest.h"
#include "uring/task.h"

namespace {

bool to_number(std::string_view digits, size_t& number) {
  const char* end = digits.data() + digits.size();
  const auto [last, error] = std::from_chars(digits.data(), end, number);
  return error == std::errc() && last == end;
}

bufio::ParseError invalid(const char* what, size_t at = 0) {
  return bufio::ParseError(absl::InvalidArgumentError(what), at);
}

// Step begin
// A bulk string: "$5\r\nhello\r\n".
struct BulkParser {
  using value_type = std::string_view;

  bufio::ParseResult<std::string_view> parse(std::string_view view, size_t, bool) {
    const size_t end = view.find("\r\n");
    if (end == view.npos && view.size() < 12) return bufio::NeedMore();
    size_t size = 0;
    if (view[0] != '$' || end > 10 || !to_number(view.substr(1, end - 1), size)) {
      return invalid("no $LENGTH");
    }
    const size_t whole = end + 2 + size + 2;
    if (view.size() < whole) return bufio::NeedMore(end, whole);
    if (view.substr(whole - 2, 2) != "\r\n") return invalid("no CRLF", whole - 2);
    return {view.substr(end + 2, size), whole};
  }
};
// Step end

// Step begin
// A command as Redis clients send it: "*2\r\n$4\r\nECHO\r\n$2\r\nhi\r\n".
class CommandParser {
 public:
  using value_type = std::span<const std::string_view>;

  bufio::ParseResult<value_type> parse(std::string_view view, size_t examined, bool /*final*/) {
    if (examined == 0) {  // a new command
      at_ = 0;
      words_.clear();
    }
    while (at_ == 0 || words_.size() < count_) {
      const size_t end = view.find("\r\n", at_);
      if (end == view.npos && view.size() - at_ < 12) return bufio::NeedMore(at_);
      size_t number = 0;
      if (view[at_] != (at_ == 0 ? '*' : '$') || end - at_ > 10 ||
          !to_number(view.substr(at_ + 1, end - at_ - 1), number) || number > kMost) {
        return invalid("no *COUNT or $LENGTH", at_);
      }
      if (at_ == 0) {
        count_ = number;
        at_ = end + 2;
        continue;
      }
      const size_t next = end + 2 + number + 2;
      if (view.size() < next) return bufio::NeedMore(at_, next);
      if (view.substr(next - 2, 2) != "\r\n") return invalid("no CRLF", next - 2);
      words_.push_back({end + 2, number});
      at_ = next;
    }
    views_.clear();
    for (auto [start, size] : words_) views_.push_back(view.substr(start, size));
    return {value_type(views_), at_};
  }

 private:
  static constexpr size_t kMost = 1 << 16;  // words of a command, bytes of a word

  size_t at_ = 0;                                 // in the view: up to here all is understood
  size_t count_ = 0;                              // of words
  std::vector<std::pair<size_t, size_t>> words_;  // where they start, and their sizes
  std::vector<std::string_view> views_;
};
// Step end

// Step begin
uring::Task<absl::StatusOr<size_t>> count_words(bufio::Reader& reader) {
  bufio::Messages<CommandParser> commands(reader);
  size_t count = 0;
  for (;;) {
    std::optional<std::span<const std::string_view>> command = co_await commands.next();
    if (!command.has_value()) break;
    count += command->size();
  }
  if (!commands.status().ok()) co_return commands.status();
  co_return count;
}
// Step end

// Step begin
std::string print(std::span<const std::string_view> command) {
  std::string text;
  for (std::string_view word : command) text.append(word).append("|");
  return text;
}

TEST(CommandParserTest, HoweverItsBytesArrive) {
  using bufio::testing::check_parser_linear;
  using bufio::testing::check_split_invariance;
  EXPECT_EQ(check_split_invariance(
                CommandParser(),
                {"*2\r\n$4\r\nECHO\r\n$2\r\nhi\r\n*1\r\n$4\r\nPING\r\n", "*0\r\n*1\r\n$-1\r\n",
                 "*1\r\n$3\r\nab", "*1\r\n$3\r\nabc, ", "PING\r\n", ""},
                print),
            absl::OkStatus());
  EXPECT_EQ(check_parser_linear(CommandParser(), "*1\r\n$900\r\n" + std::string(900, 'x') + "\r\n"),
            absl::OkStatus());
}
// Step end

TEST(BulkParserTest, HoweverItsBytesArrive) {
  EXPECT_EQ(bufio::testing::check_split_invariance(
                BulkParser(),
                {"$1\r\nx, ", "$5\r\nhello\r\n$0\r\n\r\n", "$5\r\nhell", "$x\r\n", "", "hello"}),
            absl::OkStatus());
}

TEST(CommandParserTest, WordsOfAStream) {
  bufio::Reader reader =
      bufio::read_view("*2\r\n$4\r\nECHO\r\n$2\r\nhi\r\n*0\r\n*1\r\n$4\r\nPING\r\n");
  const absl::StatusOr<size_t> count = bufio::testing::run_at_once(count_words(reader));
  ASSERT_TRUE(count.ok()) << count.status();
  EXPECT_EQ(*count, 3U);
  bufio::Reader wrong = bufio::read_view("*1\r\n$4\r\nPING\r\n*1\r\n#\r\n");
  EXPECT_EQ(bufio::testing::run_at_once(count_words(wrong)).status(),
            absl::InvalidArgumentError("memory at offset 18: no *COUNT or $LENGTH"));
}

}  // namespace
