// Handing what a Reader has to a Writer, in one step.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bufio/descriptor.h"
#include "bufio/hand_over.h"
#include "bufio/memory.h"
#include "bufio/memory_writer.h"
#include "bufio/sink.h"
#include "tests/reader_testing.h"
#include "tests/writer/writer_testing.h"
#include "uring/buffer_pool.h"
#include "uring/ring.h"
#include "uring/sleep.h"
#include "uring/status.h"
#include "uring/task.h"

namespace bufio {
namespace {

using testing::Ends;
using testing::EverySourceTest;
using testing::new_socket_pair;
using testing::pattern;
using testing::RingTest;
using testing::SinkKind;
using testing::SinkRig;
using testing::Started;
using uring::Task;

// Until the end, at most `most` bytes at a time.
Task<absl::Status> relay(Reader& reader, Writer& writer, size_t most) {
  for (;;) {
    absl::StatusOr<std::string_view> view = co_await reader.fill_buf();
    if (!view.ok()) co_return view.status();
    if (view->empty()) break;
    absl::Status status = co_await hand_over(reader, std::min(most, view->size()), writer);
    if (!status.ok()) co_return status;
  }
  co_return co_await writer.flush();
}

class HandOverFrom : public EverySourceTest {};
INSTANTIATE_EVERY_SOURCE(HandOverFrom);

TEST_P(HandOverFrom, AllOfItArrives) {
  for (size_t most : {size_t{1}, size_t{100}, size_t{5000}, SIZE_MAX}) {
    std::string text = pattern(most == 1 ? 100 : 20000);
    Reader reader = make(text);
    std::string into;
    Writer writer = write_to_string(into);
    EXPECT_EQ(await(relay(reader, writer, most)), absl::OkStatus());
    EXPECT_TRUE(into == text);
  }
}

class HandOverTo : public RingTest, public ::testing::WithParamInterface<SinkKind> {};
INSTANTIATE_EVERY_SINK(HandOverTo);

// The Writer has shares in buffers that the Reader has long left.
TEST_P(HandOverTo, ASlowSinkSeesWhatTheReaderHad) {
  std::string text = pattern(500000);
  for (size_t high_water : {size_t{5000}, size_t{1} << 20}) {
    SinkRig rig(ring(), GetParam(), {.high_water = high_water});
    Reader reader =
        adopt_fd(ring(), ::open(new_file(text).c_str(), O_RDONLY | O_CLOEXEC), {.read_size = 7001});
    Started call(relay(reader, rig.writer(), SIZE_MAX));
    while (!call.ended()) {
      rig.read_some(3000);
      turn(1);
    }
    EXPECT_EQ(call.result(), absl::OkStatus());
    rig.catch_up();
    EXPECT_TRUE(rig.seen == text);
  }
}

// Looks at what it is lent when the Reader has long been asked for more.
class LateSink final : public Sink {
 public:
  LateSink(uring::Ring& ring, std::string& seen) : ring_(ring), seen_(seen) {}
  Task<absl::StatusOr<size_t>> write(std::span<const char> bytes) override {
    for (int i = 0; i < 5; ++i) co_await uring::yield(ring_);
    seen_.append(bytes.data(), bytes.size());
    co_return bytes.size();
  }

 private:
  uring::Ring& ring_;
  std::string& seen_;
};

class HandOver : public RingTest {
 protected:
  uint64_t buffers_taken() {
    return ring().buffer_stats().allocated + ring().buffer_stats().reused;
  }
  // Of a pipe: what is written from here on must wait for the peer.
  static void fill_up(SinkRig& rig) {
    EXPECT_EQ(::write(rig.fd(), std::string(4096, 'f').data(), 4096), 4096);
  }
  void drain(SinkRig& rig) {
    Started flush(rig.writer().flush());
    while (!flush.ended()) {
      rig.read_some();
      turn(1);
    }
    EXPECT_EQ(flush.result(), absl::OkStatus());
    rig.read_some();
  }
  Reader read_file(std::string_view text, size_t read_size = 0) {
    return adopt_fd(ring(), ::open(new_file(text).c_str(), O_RDONLY | O_CLOEXEC),
                    {.read_size = read_size});
  }
};

TEST_F(HandOver, LargePiecesAreNotCopied) {
  Reader reader = read_file(pattern(200000));
  SinkRig rig(ring(), SinkKind::kFile);
  const uint64_t before = buffers_taken();
  EXPECT_EQ(await(relay(reader, rig.writer(), SIZE_MAX)), absl::OkStatus());
  // No buffer of the Writer's own: all were taken for reads.
  EXPECT_LE(buffers_taken() - before, reader.stats().reads);
}

TEST_F(HandOver, NorIsAllThatTheReaderHasIfNothingElseIsToBeWritten) {
  Reader reader = read_file("not much");
  SinkRig rig(ring(), SinkKind::kFile);
  EXPECT_EQ(await(reader.fill_buf(8)).status(), absl::OkStatus());
  const uint64_t before = buffers_taken();
  EXPECT_EQ(await(hand_over(reader, 4, rig.writer())), absl::OkStatus());
  EXPECT_EQ(buffers_taken() - before, 1U);
  EXPECT_EQ(await(rig.writer().flush()), absl::OkStatus());
  EXPECT_EQ(await(hand_over(reader, 4, rig.writer())), absl::OkStatus());
  EXPECT_EQ(await(rig.writer().flush()), absl::OkStatus());
  EXPECT_EQ(buffers_taken() - before, 1U);
  rig.read_some();
  EXPECT_EQ(rig.seen, "not much");
}

TEST_F(HandOver, ASinkOfOnesOwnMayTakeItsTime) {
  const std::string text = pattern(100000);
  Reader reader = read_file(text, 7001);
  std::string seen;
  Writer writer = write_to_sink(ring(), std::make_unique<LateSink>(ring(), seen));
  EXPECT_EQ(await(relay(reader, writer, SIZE_MAX)), absl::OkStatus());
  EXPECT_TRUE(seen == text);
}

TEST_F(HandOver, CancelledWhileItWaitsForRoomItHasDoneNothing) {
  const std::string text = pattern(9000);
  for (const size_t copy_below : {size_t{0}, size_t{100000}}) {
    Reader reader = read_file(text);
    SinkRig rig(ring(), SinkKind::kPipe, {.high_water = 10000, .copy_below = copy_below});
    EXPECT_EQ(await(reader.fill_buf(9000)).status(), absl::OkStatus());
    std::string head(8000, 'h');
    fill_up(rig);
    EXPECT_EQ(await(rig.writer().write(head)), absl::OkStatus());
    const uint64_t accepted = rig.writer().pos();
    {
      Started call(hand_over(reader, 9000, rig.writer()));
      turn(3);
      EXPECT_FALSE(call.ended());
    }
    EXPECT_EQ(rig.writer().pos(), accepted);
    EXPECT_EQ(reader.pos(), 0U);
    Started call(hand_over(reader, 9000, rig.writer()));
    while (!call.ended()) {
      rig.read_some(1000);
      turn(1);
    }
    EXPECT_EQ(call.result(), absl::OkStatus());
    EXPECT_EQ(rig.writer().pos(), accepted + 9000);
    EXPECT_EQ(reader.pos(), 9000U);
    drain(rig);
    EXPECT_TRUE(rig.seen.ends_with(head + text));
  }
}

// All of it is copied, for it is in memory of somebody else's, and the mark holds.
TEST_F(HandOver, MoreThanTheMarkGoesInByParts) {
  const std::string text = pattern(50000);
  Reader reader = read_view(text);
  SinkRig rig(ring(), SinkKind::kPipe, {.high_water = 3000});
  fill_up(rig);
  const uint64_t start = rig.writer().pos();
  Started call(hand_over(reader, text.size(), rig.writer()));
  while (!call.ended()) {
    turn(1);
    EXPECT_LE(rig.writer().unwritten(), 3000U);
    EXPECT_EQ(rig.writer().pos() - start, reader.pos());
    rig.read_some(1000);
  }
  EXPECT_EQ(call.result(), absl::OkStatus());
  drain(rig);
  EXPECT_TRUE(rig.seen.ends_with(text));
}

TEST_F(HandOver, WhatWasConsumedMeanwhileIsSaid) {
  Reader reader = read_view("twelve bytes");
  SinkRig rig(ring(), SinkKind::kPipe, {.high_water = 10});
  fill_up(rig);
  EXPECT_EQ(await(rig.writer().write("0123456789")), absl::OkStatus());
  Started call(hand_over(reader, 9, rig.writer()));
  turn(1);
  reader.consume(5);
  while (!call.ended()) {
    rig.read_some(1000);
    turn(1);
  }
  EXPECT_TRUE(absl::IsFailedPrecondition(call.result())) << call.result();
  EXPECT_EQ(reader.pos(), 5U);
  EXPECT_EQ(await(hand_over(reader, 7, rig.writer())), absl::OkStatus());
  drain(rig);
}

TEST_F(HandOver, NothingIsConsumedWhereNothingIsAccepted) {
  Reader reader = read_file(pattern(9000));
  SinkRig rig(ring(), SinkKind::kPipe);
  rig.hang_up();
  EXPECT_EQ(await(reader.fill_buf(9000)).status(), absl::OkStatus());
  EXPECT_EQ(await(rig.writer().write("x")), absl::OkStatus());
  EXPECT_EQ(uring::errno_of(await(rig.writer().flush())), EPIPE);
  for (const size_t size : {size_t{10}, size_t{9000}}) {
    EXPECT_EQ(uring::errno_of(await(hand_over(reader, size, rig.writer()))), EPIPE);
    EXPECT_EQ(reader.pos(), 0U);
  }
}

// A peer that does not read keeps no more of the pool than whoever is silent.
TEST_F(HandOver, LeavesAPoolToTheOthers) {
  uring::BufferPool pool(ring(), {.buffers = 16, .buffer_size = 4096});
  Ends ends = new_socket_pair();
  Reader reader = adopt_fd(ring(), ends.read, {.pool = &pool});
  SinkRig rig(ring(), SinkKind::kPipe);
  fill_up(rig);
  const std::string text = pattern(4096);
  std::string sent;
  for (int i = 0; i < 40; ++i) {
    EXPECT_EQ(::write(ends.write, text.data(), text.size()), 4096);
    sent += text;
    EXPECT_EQ(await(reader.fill_buf(4096)).status(), absl::OkStatus());
    EXPECT_EQ(await(hand_over(reader, 4096, rig.writer())), absl::OkStatus());
    EXPECT_LE(pool.stats().lent, 6U);
  }
  EXPECT_GE(pool.stats().lent, 2U);  // some were shared
  drain(rig);
  EXPECT_TRUE(rig.seen.ends_with(sent));
  close(ends.write);
}

using HandOverDeathTest = HandOver;

TEST_F(HandOverDeathTest, MoreThanIsBuffered) {
  Reader reader = read_view("abc");
  std::string into;
  Writer writer = write_to_string(into);
  HandOverCall call = hand_over(reader, 4, writer);
  EXPECT_DEATH(static_cast<void>(call.await_ready()), "more than is buffered");
}

}  // namespace
}  // namespace bufio
