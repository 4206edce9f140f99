// Protobuf messages behind their lengths, as protobuf itself writes them.

#include "bufio/parse/protobuf_delimited.h"

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/delimited_message_util.h>
#include <google/protobuf/wrappers.pb.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "bufio/memory.h"
#include "bufio/messages.h"
#include "bufio/parse_memory.h"
#include "bufio/reader.h"
#include "bufio/testing/check_parser_linear.h"
#include "bufio/testing/check_split_invariance.h"
#include "bufio/testing/run_at_once.h"
#include "tests/allocations.h"
#include "uring/task.h"

namespace bufio {
namespace {

using google::protobuf::Duration;
using google::protobuf::StringValue;
using testing::check_parser_linear;
using testing::check_split_invariance;

// Written by protobuf.
template <class M>
std::string delimited(const std::vector<M>& messages) {
  std::ostringstream out;
  for (const M& message : messages) {
    EXPECT_TRUE(google::protobuf::util::SerializeDelimitedToOstream(message, &out));
  }
  return out.str();
}

StringValue text_of(size_t size) {
  StringValue message;
  message.set_value(std::string(size, 'x'));
  return message;
}

std::string print(const StringValue* message) { return message->value(); }

TEST(ProtobufDelimited, ReadsWhatProtobufWrites) {
  google::protobuf::Struct written;
  (*written.mutable_fields())["key"].set_number_value(7);
  const std::string text =
      delimited<google::protobuf::Struct>({written, google::protobuf::Struct(), written});
  ProtobufDelimitedParser<google::protobuf::Struct> parser;
  std::vector<std::string> all;
  const absl::Status status =
      parse_memory(text, parser, [&all](const google::protobuf::Struct* message) {
        all.push_back(message->SerializeAsString());
      });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(all, (std::vector<std::string>{written.SerializeAsString(), "",
                                           written.SerializeAsString()}));
}

TEST(ProtobufDelimited, IsTheSameHoweverItArrives) {
  const std::string three = delimited<StringValue>({text_of(3), text_of(0), text_of(200)});
  const std::vector<std::string> corpus = {
      "",
      three,
      three.substr(0, three.size() - 1),
      "\x05\x0a\x03"
      "abc"
      "\x02\x0a\x05",  // a string that is longer than its message
      "\x80",
      std::string(11, '\x80'),
      "\xff\xff\xff\x7f",
  };
  EXPECT_EQ(
      check_split_invariance([] { return ProtobufDelimitedParser<StringValue>(); }, corpus, print),
      absl::OkStatus());
}

TEST(ProtobufDelimited, AMessageLongerThanAllowedIsRefused) {
  const std::string text = delimited<StringValue>({text_of(10)});
  const auto use = [](const StringValue*) {};
  ProtobufDelimitedParser<StringValue> fits({.max_message = 12});
  EXPECT_TRUE(parse_memory(text, fits, use).ok());
  ProtobufDelimitedParser<StringValue> tight({.max_message = 11});
  EXPECT_EQ(parse_memory(text, tight, use).code(), absl::StatusCode::kResourceExhausted);
}

TEST(ProtobufDelimited, LooksAtEachByteOnce) {
  EXPECT_EQ(check_parser_linear([] { return ProtobufDelimitedParser<StringValue>(); },
                                delimited<StringValue>({text_of(5000)})),
            absl::OkStatus());
}

uring::Task<int64_t> sum_of(Messages<ProtobufDelimitedParser<Duration>>& messages) {
  int64_t sum = 0;
  for (;;) {
    auto message = co_await messages.next();
    if (!message.has_value()) break;
    sum += (*message)->seconds();
  }
  co_return sum;
}

TEST(ProtobufDelimited, AllocatesNothingForAMessage) {
  const auto count = [](size_t messages) {
    Duration one;
    one.set_seconds(1);
    Reader reader = read_string(delimited(std::vector<Duration>(messages, one)));
    Messages<ProtobufDelimitedParser<Duration>> all(reader);
    const uint64_t before = testing::allocations;
    EXPECT_EQ(testing::run_at_once(sum_of(all)), static_cast<int64_t>(messages));
    return testing::allocations - before;
  };
  count(100);  // which keeps a frame for the others
  EXPECT_EQ(count(100), count(10'000));
}

}  // namespace
}  // namespace bufio
