// The examples that docs/adaptors.md shows, run.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bufio/chain.h"
#include "bufio/lookahead.h"
#include "bufio/memory.h"
#include "bufio/reader.h"
#include "bufio/split.h"
#include "bufio/take.h"
#include "bufio/tee.h"
#include "bufio/until.h"
#include "gtest/gtest.h"
#include "uring/block_on.h"
#include "uring/ring.h"
#include "uring/task.h"

namespace bufio {
namespace {

using uring::Task;

Task<absl::Status> parse(Reader& reader, std::string& seen) {
  absl::StatusOr<Token> line = co_await reader.read_line();
  if (line.ok() && line->has_value()) seen = **line;
  co_return line.status();
}

// Example begin
Task<absl::Status> read_body(Reader& connection, uint64_t length, std::string& seen) {
  Reader body = take_exactly(connection, length);
  absl::Status parsed = co_await parse(body, seen);  // finds the end where the body ends
  if (!parsed.ok()) co_return parsed;
  absl::StatusOr<uint64_t> left = co_await skip_rest(body);
  co_return left.status();  // DataLoss if the connection ended first
}
// Example end

// Example begin
Task<absl::Status> read_and_sum(Reader& connection, std::string& seen, uint32_t& sum) {
  Reader body = tee(take(connection, 1000), [&sum](std::string_view bytes) {
    for (char byte : bytes) sum += static_cast<unsigned char>(byte);
  });
  absl::Status parsed = co_await parse(body, seen);
  if (!parsed.ok()) co_return parsed;
  absl::Status closed = co_await body.close();
  co_return closed;  // now `sum` is that of all that was consumed
}
// Example end

// Example begin
Task<absl::StatusOr<bool>> is_text(Reader& reader) {
  Lookahead ahead(reader);
  absl::StatusOr<Token> line = co_await ahead.reader().read_line({.max_length = 80});
  if (absl::IsResourceExhausted(line.status())) co_return false;
  if (!line.ok()) co_return line.status();
  co_return line->has_value();  // not committed: the line will be read again
}
// Example end

// Example begin
Task<absl::Status> read_parts(Reader& body, std::vector<std::string>& parts) {
  for (;;) {
    absl::StatusOr<std::string_view> any = co_await body.fill_buf();
    if (!any.ok() || any->empty()) co_return any.status();
    Reader part = until(body, "\r\n--part\r\n");
    absl::StatusOr<std::string> text = co_await part.read_to_end(size_t{1} << 20);
    if (!text.ok()) co_return text.status();
    parts.push_back(*std::move(text));
  }
}
// Example end

// Example begin
Task<absl::Status> read_fields(Reader& reader, std::vector<std::string>& fields) {
  Split pieces = split(reader, "; ");
  for (;;) {
    Token piece = co_await pieces.next();
    if (!piece) co_return pieces.status();
    fields.emplace_back(*piece);
  }
}
// Example end

// Example begin
Reader with_header(Reader rest) { return chain(read_string("name,size\n"), std::move(rest)); }
// Example end

TEST(AdaptorExamples, DoWhatTheySay) {
  absl::StatusOr<uring::Ring> ring = uring::Ring::create();
  ASSERT_TRUE(ring.ok()) << ring.status();
  Reader connection = read_string("one\ntwo\nrest");
  std::string seen;
  EXPECT_TRUE(uring::block_on(*ring, read_body(connection, 8, seen)).ok());
  EXPECT_EQ(seen, "one");
  EXPECT_EQ(connection.buffered(), "rest");

  connection = read_string("AB\nrest");
  uint32_t sum = 0;
  EXPECT_TRUE(uring::block_on(*ring, read_and_sum(connection, seen, sum)).ok());
  EXPECT_EQ(seen, "AB");
  EXPECT_EQ(sum, 65u + 66u + 10u);
  EXPECT_EQ(connection.buffered(), "rest");

  absl::StatusOr<bool> text = uring::block_on(*ring, is_text(connection));
  EXPECT_TRUE(text.ok() && *text);
  EXPECT_EQ(connection.buffered(), "rest");

  Reader body = read_string("a\r\n--part\r\nb");
  std::vector<std::string> parts;
  EXPECT_TRUE(uring::block_on(*ring, read_parts(body, parts)).ok());
  EXPECT_EQ(parts, (std::vector<std::string>{"a", "b"}));

  Reader fields = read_string("x; y; z");
  std::vector<std::string> pieces;
  EXPECT_TRUE(uring::block_on(*ring, read_fields(fields, pieces)).ok());
  EXPECT_EQ(pieces, (std::vector<std::string>{"x", "y", "z"}));

  Reader all = with_header(read_string("a,1\n"));
  absl::StatusOr<std::string> both = uring::block_on(*ring, all.read_to_end(100));
  ASSERT_TRUE(both.ok()) << both.status();
  EXPECT_EQ(*both, "name,size\na,1\n");
}

}  // namespace
}  // namespace bufio
