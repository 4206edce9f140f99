// What each call on a Writer gives, on every kind of descriptor.

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/cord.h"
#include "bufio/writer.h"
#include "tests/reader_testing.h"
#include "tests/writer/writer_testing.h"
#include "uring/status.h"
#include "uring/task.h"

namespace bufio {
namespace {

using testing::code;
using testing::pattern;
using testing::RingTest;
using testing::SinkKind;
using testing::SinkRig;
using testing::Started;
using uring::Task;

class EverySink : public RingTest, public ::testing::WithParamInterface<SinkKind> {
 protected:
  // Runs the call to its end while the peer reads.
  template <class A>
  auto serve(SinkRig& rig, A&& awaitable) {
    Started call(std::forward<A>(awaitable));
    while (!call.ended()) {
      rig.read_some();
      turn(1);
    }
    rig.catch_up();
    return call.result();
  }
};
INSTANTIATE_EVERY_SINK(EverySink);

Task<absl::Status> write_pieces(Writer& writer, std::string_view text, size_t piece) {
  for (size_t at = 0; at < text.size(); at += piece) {
    absl::Status status = co_await writer.write(text.substr(at, piece));
    if (!status.ok()) co_return status;
  }
  co_return co_await writer.flush();
}

TEST_P(EverySink, WritesOfAnySizeArriveInOrder) {
  for (size_t piece : {size_t{1}, size_t{7}, size_t{100}, size_t{5000}, size_t{300000}}) {
    SinkRig rig(ring(), GetParam(), {.high_water = 20000, .buffer_size = 4096});
    std::string text = pattern(piece == 1 ? 3000 : 300000);
    EXPECT_EQ(serve(rig, write_pieces(rig.writer(), text, piece)), absl::OkStatus());
    EXPECT_TRUE(rig.seen == text) << piece;
    EXPECT_EQ(rig.writer().pos(), rig.start() + text.size());
    EXPECT_EQ(rig.writer().written(), rig.writer().pos());
    EXPECT_EQ(rig.writer().unwritten(), 0U);
  }
}

TEST_P(EverySink, EveryWayToGiveBytesKeepsTheirOrder) {
  SinkRig rig(ring(), GetParam());
  std::string expected;
  auto write_all_ways = [&](Writer& writer) -> Task<absl::Status> {
    absl::Status status;
    for (size_t i = 0; i < 50 && status.ok(); ++i) {
      std::string text = pattern(i * 97 + 1);
      status = co_await writer.write(text);
      expected += text;
      std::string large = pattern(3000 + i);
      expected += large;
      if (status.ok()) status = co_await writer.write_owned(large);
      std::vector<char> bytes(large.begin(), large.begin() + 2100);
      expected.append(bytes.begin(), bytes.end());
      if (status.ok()) status = co_await writer.write_owned(std::move(bytes));
      if (status.ok()) status = co_await writer.write_owned(std::string("short"));
      expected += "short";
      absl::Cord cord("a chunk; ");
      cord.Append(absl::Cord(large));
      expected += "a chunk; " + large;
      if (status.ok()) status = co_await writer.write_owned(std::move(cord));
      if (status.ok()) status = co_await writer.write_owned(absl::Cord("tiny"));
      expected += "tiny";
      if (status.ok()) status = co_await writer.write_all("a", std::string_view("bc"), text, "");
      expected += "abc" + text;
      std::array<std::string_view, 2> parts = {"x", "yz"};
      if (status.ok()) status = co_await writer.write_all(parts);
      expected += "xyz";
      absl::StatusOr<std::span<char>> room = co_await writer.reserve(10);
      if (!room.ok()) co_return room.status();
      room->front() = '!';
      writer.commit(1);
      expected += "!";
    }
    if (!status.ok()) co_return status;
    co_return co_await writer.flush();
  };
  EXPECT_EQ(serve(rig, write_all_ways(rig.writer())), absl::OkStatus());
  EXPECT_TRUE(rig.seen == expected);
  EXPECT_EQ(rig.writer().pos(), rig.start() + expected.size());
}

TEST_P(EverySink, TryWriteAcceptsAllOfItOrNothing) {
  SinkRig rig(ring(), GetParam(), {.high_water = 10000, .buffer_size = 4096});
  const std::string text = pattern(300000);
  size_t refused = 0;
  auto write_by_trying = [&text, &refused](Writer& writer) -> Task<absl::Status> {
    size_t size = 1;
    for (size_t at = 0; at < text.size(); size = size * 7 % 3001) {
      const std::string_view piece = std::string_view(text).substr(at, size);
      const std::string_view head = piece.substr(0, piece.size() / 3);
      const std::string_view tail = piece.substr(head.size());
      const uint64_t before = writer.pos();
      absl::Status status;
      if (!writer.try_write(head, tail)) {
        EXPECT_EQ(writer.pos(), before);
        ++refused;
        status = co_await writer.write_all(head, tail);
      }
      if (!status.ok()) co_return status;
      EXPECT_EQ(writer.pos(), before + piece.size());
      at += piece.size();
    }
    co_return co_await writer.flush();
  };
  EXPECT_EQ(serve(rig, write_by_trying(rig.writer())), absl::OkStatus());
  EXPECT_TRUE(rig.seen == text);
  EXPECT_GT(refused, 0U);
  EXPECT_TRUE(rig.writer().try_write(""));
  EXPECT_EQ(serve(rig, rig.writer().close()), absl::OkStatus());
  EXPECT_FALSE(rig.writer().try_write("x"));
  EXPECT_FALSE(rig.writer().try_write(""));
}

TEST_P(EverySink, CloseWritesWhatIsLeftAndShowsTheEnd) {
  SinkRig rig(ring(), GetParam());
  std::string text = pattern(100000);
  EXPECT_EQ(await(rig.writer().write(text)), absl::OkStatus());
  EXPECT_EQ(serve(rig, rig.writer().close()), absl::OkStatus());
  rig.read_to_end();
  EXPECT_TRUE(rig.seen == text);
  EXPECT_EQ(rig.ended(), !testing::is_file(GetParam()));
  EXPECT_FALSE(testing::is_open(rig.fd()));
  EXPECT_EQ(code(await(rig.writer().write("x"))), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(code(await(rig.writer().flush())), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(code(await(rig.writer().close())), absl::StatusCode::kFailedPrecondition);
}

TEST_P(EverySink, WithoutFlushBytesLeaveAtTheEndOfTheTurn) {
  SinkRig rig(ring(), GetParam());
  EXPECT_EQ(await(rig.writer().write("hello, ")), absl::OkStatus());
  EXPECT_EQ(await(rig.writer().write("world")), absl::OkStatus());
  ring().core().submit();
  while (rig.writer().unwritten() > 0) ring().core().turn();
  rig.catch_up();
  EXPECT_EQ(rig.seen, "hello, world");
  EXPECT_EQ(rig.writer().stats().writes, 1U);
}

TEST_P(EverySink, WithoutAutoFlushBytesWaitForFlush) {
  SinkRig rig(ring(), GetParam(), {.auto_flush = false});
  EXPECT_EQ(await(rig.writer().write("hello, ")), absl::OkStatus());
  turn(3);
  rig.catch_up();
  EXPECT_EQ(rig.seen, "");
  EXPECT_EQ(await(rig.writer().write("world")), absl::OkStatus());
  EXPECT_EQ(await(rig.writer().flush()), absl::OkStatus());
  rig.catch_up();
  EXPECT_EQ(rig.seen, "hello, world");
  EXPECT_EQ(rig.writer().stats().writes, 1U);
}

TEST_P(EverySink, ReleaseGivesTheDescriptorAwayWhenAllIsWritten) {
  SinkRig rig(ring(), GetParam());
  std::string text = pattern(50000);
  EXPECT_EQ(await(rig.writer().write(text)), absl::OkStatus());
  absl::StatusOr<uring::OwnedFd> fd = serve(rig, rig.writer().release());
  ASSERT_TRUE(fd.ok()) << fd.status();
  EXPECT_EQ(fd->get(), rig.fd());
  EXPECT_TRUE(rig.seen == text);
  rig.drop_writer();
  EXPECT_TRUE(testing::is_open(fd->get()));
}

TEST_P(EverySink, ShutdownIsForSockets) {
  SinkRig rig(ring(), GetParam());
  EXPECT_EQ(await(rig.writer().write("bye")), absl::OkStatus());
  absl::Status status = serve(rig, rig.writer().shutdown());
  if (status.ok()) rig.read_to_end();
  EXPECT_EQ(rig.seen, "bye");
  EXPECT_EQ(status.ok(), testing::is_socket(GetParam())) << status;
  EXPECT_EQ(rig.ended(), testing::is_socket(GetParam()));
  absl::Status write = await(rig.writer().write("x"));
  EXPECT_EQ(code(write), testing::is_socket(GetParam()) ? absl::StatusCode::kFailedPrecondition
                                                        : absl::StatusCode::kOk);
  EXPECT_EQ(await(rig.writer().close()), absl::OkStatus());
}

// What was reserved and not committed is room that is still there.
TEST_P(EverySink, RoomThatWasReservedIsOfNoUseAfterTheEnd) {
  for (bool close : {true, false}) {
    SinkRig rig(ring(), GetParam(), {.auto_flush = false});
    EXPECT_TRUE(await(rig.writer().reserve(10)).ok());
    const absl::Status ended = close ? await(rig.writer().close()) : await(rig.writer().shutdown());
    if (!ended.ok()) continue;
    EXPECT_EQ(code(await(rig.writer().write("x"))), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(rig.writer().unwritten(), 0U);
  }
}

TEST_P(EverySink, SyncIsForFiles) {
  for (bool data_only : {false, true}) {
    SinkRig rig(ring(), GetParam());
    EXPECT_EQ(await(rig.writer().write("kept")), absl::OkStatus());
    absl::Status status = serve(rig, rig.writer().sync(data_only));
    EXPECT_EQ(rig.seen, "kept");
    EXPECT_EQ(status.ok(), testing::is_file(GetParam())) << status;
    if (!status.ok()) {
      EXPECT_EQ(uring::errno_of(status), EINVAL);
    }
  }
}

TEST_P(EverySink, ReservingMoreThanTheHighWaterMarkIsRefused) {
  SinkRig rig(ring(), GetParam(), {.high_water = 1000});
  EXPECT_EQ(code(await(rig.writer().reserve(1001))), absl::StatusCode::kResourceExhausted);
  absl::StatusOr<std::span<char>> room = await(rig.writer().reserve(1000));
  ASSERT_TRUE(room.ok()) << room.status();
  EXPECT_EQ(room->size(), 1000U);
}

}  // namespace
}  // namespace bufio
