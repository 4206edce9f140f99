// More records cost no more allocations: of lines, frames, netstrings and commands, over a Reader.
// (CSV, HTTP, JSON lines and protobuf count for themselves.)

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "bufio/memory.h"
#include "bufio/messages.h"
#include "bufio/parse/frames.h"
#include "bufio/parse/line_parser.h"
#include "bufio/parse/netstring.h"
#include "bufio/parse/resp.h"
#include "bufio/reader.h"
#include "bufio/testing/run_at_once.h"
#include "tests/allocations.h"
#include "uring/task.h"

namespace bufio {
namespace {

template <class P>
uring::Task<size_t> count(Messages<P>& messages) {
  size_t found = 0;
  for (;;) {
    auto message = co_await messages.next();
    if (!message.has_value()) break;
    ++found;
  }
  co_return found;
}

// `one`: the bytes of a record.
template <class P>
void expect_the_same_for_more(P parser, std::string_view one) {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += one;
  const auto allocations = [&](size_t records) {
    Reader reader = read_view(std::string_view(text).substr(0, records * one.size()));
    Messages<P> messages(reader, parser);
    const uint64_t before = testing::allocations;
    EXPECT_EQ(testing::run_at_once(count(messages)), records);
    EXPECT_TRUE(messages.status().ok()) << messages.status();
    return testing::allocations - before;
  };
  allocations(100);  // which keeps a frame for the others
  EXPECT_EQ(allocations(100), allocations(5000));
}

TEST(ParseAllocationTest, Lines) { expect_the_same_for_more(LineParser(), "some text\r\n"); }

TEST(ParseAllocationTest, Frames) {
  expect_the_same_for_more(FrameParser({.width = 2}), std::string_view("\0\5hello", 7));
  expect_the_same_for_more(FrameParser({.length = FrameLength::kVarint}), "\5hello");
}

TEST(ParseAllocationTest, Netstrings) { expect_the_same_for_more(NetstringParser(), "5:hello,"); }

TEST(ParseAllocationTest, RespCommands) {
  expect_the_same_for_more(RespRequestParser(), "*2\r\n$4\r\nECHO\r\n$5\r\nhello\r\n");
}

}  // namespace
}  // namespace bufio
