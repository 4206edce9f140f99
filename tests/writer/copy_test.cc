// Copying from Readers to Writers.

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "bufio/copy.h"
#include "bufio/descriptor.h"
#include "bufio/memory.h"
#include "bufio/memory_writer.h"
#include "bufio/writer_descriptor.h"
#include "tests/reader_testing.h"
#include "tests/writer/writer_testing.h"
#include "uring/descriptor.h"
#include "uring/status.h"
#include "uring/task.h"

namespace bufio {
namespace {

using testing::Ends;
using testing::EverySourceTest;
using testing::new_pipe;
using testing::new_socket_pair;
using testing::pattern;
using testing::RingTest;
using testing::SinkKind;
using testing::SinkRig;
using testing::Started;
using uring::Task;

class CopyFrom : public EverySourceTest {};
INSTANTIATE_EVERY_SOURCE(CopyFrom);

TEST_P(CopyFrom, AllOfItArrives) {
  for (size_t size : {size_t{0}, size_t{1}, size_t{100}, size_t{5000}}) {
    std::string text = pattern(size);
    Reader reader = make(text);
    std::string into;
    Writer writer = write_to_string(into);
    CopyResult result = await(copy(reader, writer));
    EXPECT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result.bytes, size);
    EXPECT_TRUE(into == text);
  }
}

TEST_P(CopyFrom, NoMoreThanAskedFor) {
  std::string text = pattern(3000);
  Reader reader = make(text);
  std::string into;
  Writer writer = write_to_string(into);
  for (uint64_t n : {uint64_t{0}, uint64_t{1}, uint64_t{1999}, uint64_t{5000}}) {
    CopyResult result = await(copy_n(reader, writer, n));
    EXPECT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result.bytes, std::min<uint64_t>(n, 1000 + (n < 5000 ? n : 0)));
  }
  EXPECT_TRUE(into == text);
}

class CopyTo : public RingTest, public ::testing::WithParamInterface<SinkKind> {};
INSTANTIATE_EVERY_SINK(CopyTo);

TEST_P(CopyTo, WhatWasWrittenBeforeComesFirst) {
  std::string text = pattern(500000);
  for (bool file : {false, true}) {
    SinkRig rig(ring(), GetParam());
    Ends pipe = new_pipe();
    Reader reader = file ? adopt_fd(ring(), ::open(new_file(text).c_str(), O_RDONLY | O_CLOEXEC))
                         : adopt_fd(ring(), pipe.read);
    if (file) {
      close(pipe.read);
      close(pipe.write);
    } else {
      write_on_thread(pipe.write, text);
    }
    EXPECT_EQ(await(rig.writer().write("first")), absl::OkStatus());
    Started call(copy(reader, rig.writer()));
    while (!call.ended()) {
      rig.read_some();
      turn(1);
    }
    CopyResult result = call.result();
    rig.catch_up();
    EXPECT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result.bytes, text.size());
    EXPECT_TRUE(rig.seen == "first" + text);
    join_writers();
  }
}

class CopyTest : public RingTest {};

TEST_F(CopyTest, LargePiecesAreNotCopied) {
  std::string text = pattern(200000);
  Reader reader = adopt_fd(ring(), ::open(new_file(text).c_str(), O_RDONLY | O_CLOEXEC));
  SinkRig rig(ring(), SinkKind::kFile);
  uint64_t allocated = ring().buffer_stats().allocated + ring().buffer_stats().reused;
  CopyResult result = await(copy(reader, rig.writer()));
  EXPECT_TRUE(result.ok());
  rig.read_some();
  EXPECT_TRUE(rig.seen == text);
  // No buffer of the Writer's own: all were taken for reads.
  uint64_t buffers = ring().buffer_stats().allocated + ring().buffer_stats().reused - allocated;
  EXPECT_LE(buffers, reader.stats().reads);
}

TEST_F(CopyTest, AReadErrorIsTheReaders) {
  Reader reader = adopt_fd(ring(), ::open("/", O_RDONLY | O_CLOEXEC));
  SinkRig rig(ring(), SinkKind::kPipe);
  CopyResult result = await(copy(reader, rig.writer()));
  EXPECT_EQ(uring::errno_of(result.read_error), EISDIR);
  EXPECT_EQ(result.write_error, absl::OkStatus());
  EXPECT_EQ(result.bytes, 0U);
}

TEST_F(CopyTest, AWriteErrorIsTheWritersAndWhatWasNotWrittenIsInTheReader) {
  for (size_t seen : {size_t{0}, size_t{1}, size_t{3000}, size_t{70000}}) {
    for (bool memory : {false, true}) {
      std::string text = pattern(300000);
      Reader reader = memory
                          ? read_view(text)
                          : adopt_fd(ring(), ::open(new_file(text).c_str(), O_RDONLY | O_CLOEXEC));
      SinkRig rig(ring(), SinkKind::kPipe);
      Started call(copy(reader, rig.writer()));
      while (rig.seen.size() < seen) {
        turn(1);
        rig.read_some(seen - rig.seen.size());
      }
      turn(3);
      rig.hang_up();
      finish(call);
      CopyResult result = call.result();
      EXPECT_EQ(uring::errno_of(result.write_error), EPIPE) << result.write_error;
      EXPECT_EQ(result.read_error, absl::OkStatus());
      // The pipe has taken more than the peer has seen.
      EXPECT_GE(result.bytes, seen);
      EXPECT_EQ(result.bytes, rig.writer().written());
      EXPECT_EQ(reader.pos(), result.bytes);
      EXPECT_TRUE(await(testing::drain(reader)) == text.substr(result.bytes)) << seen << memory;
    }
  }
}

TEST_F(CopyTest, DestroyedWhileItWaitsItLosesNothingAndRepeatsNothing) {
  for (bool memory : {false, true}) {
    for (size_t period : {size_t{1}, size_t{2}, size_t{3}, size_t{5}}) {
      std::string text = pattern(100000);
      Reader reader = memory
                          ? read_view(text)
                          : adopt_fd(ring(), ::open(new_file(text).c_str(), O_RDONLY | O_CLOEXEC),
                                     {.read_size = 7001});
      SinkRig rig(ring(), SinkKind::kPipe, {.high_water = 5000});
      for (;;) {
        Started call(copy_n(reader, rig.writer(), 9000));
        for (size_t i = 0; i < period && !call.ended(); ++i) {
          turn(1);
          rig.read_some(1500);
        }
        if (call.ended() && reader.pos() == text.size()) break;
      }
      Started flush(rig.writer().flush());
      while (!flush.ended()) {
        rig.read_some();
        turn(1);
      }
      rig.read_some();
      EXPECT_TRUE(rig.seen == text) << memory << period;
    }
  }
}

// --- ranges of files

TEST_P(CopyTo, RangesOfFilesKeepTheirPlace) {
  std::string text = pattern(700000);
  auto file =
      uring::make_ref<uring::Descriptor>(::open(new_file(text).c_str(), O_RDONLY | O_CLOEXEC));
  SinkRig rig(ring(), GetParam());
  auto write_ranges = [&](Writer& writer) -> Task<absl::Status> {
    absl::Status status = co_await writer.write("head");
    if (status.ok()) status = co_await writer.write_file(file, 100000, 600000);
    if (status.ok()) status = co_await writer.write_file(file, 5, 0);
    if (status.ok()) status = co_await writer.write_file(file, 5, 1);
    if (status.ok()) status = co_await writer.write("tail");
    if (!status.ok()) co_return status;
    co_return co_await writer.flush();
  };
  Started call(write_ranges(rig.writer()));
  while (!call.ended()) {
    rig.read_some();
    turn(1);
  }
  EXPECT_EQ(call.result(), absl::OkStatus());
  rig.catch_up();
  EXPECT_TRUE(rig.seen == "head" + text.substr(100000) + text[5] + "tail");
  EXPECT_EQ(file->ref_count(), 1U);
  EXPECT_EQ(await(rig.writer().close()), absl::OkStatus());
  EXPECT_FALSE(testing::is_open(rig.fd()));
}

TEST_P(CopyTo, AFileThatIsTooShortIsDataLoss) {
  auto file = uring::make_ref<uring::Descriptor>(
      ::open(new_file(pattern(1000)).c_str(), O_RDONLY | O_CLOEXEC));
  SinkRig rig(ring(), GetParam());
  EXPECT_EQ(await(rig.writer().write_file(file, 0, 1001)), absl::OkStatus());
  EXPECT_TRUE(absl::IsDataLoss(await(rig.writer().flush())));
  rig.catch_up();
  EXPECT_TRUE(rig.seen == pattern(1000));
  EXPECT_EQ(rig.writer().unwritten(), 1U);
}

TEST_F(CopyTest, ARangeInFlightWhenTheWriterGoesIsLetGo) {
  for (int turns : {0, 1, 2, 3, 5}) {
    auto file = uring::make_ref<uring::Descriptor>(
        ::open(new_file(pattern(300000)).c_str(), O_RDONLY | O_CLOEXEC));
    for (SinkKind kind : {SinkKind::kPipe, SinkKind::kUnixSocket}) {
      uint64_t dropped = 0;
      SinkRig rig(ring(), kind,
                  {.on_drop = [&](const DroppedBytes& bytes) { dropped = bytes.count; }});
      EXPECT_EQ(await(rig.writer().write_file(file, 0, 300000)), absl::OkStatus());
      if (turns > 0) turn(turns);
      rig.drop_writer();
      EXPECT_GT(dropped, 0U);
      while (ring().stats().in_flight > 0) turn(1);
      EXPECT_EQ(file->ref_count(), 1U);
      EXPECT_EQ(ring().buffer_stats().live_bytes, 0U);
      EXPECT_FALSE(testing::is_open(rig.fd()));
      rig.read_some();
      EXPECT_EQ(rig.seen, pattern(300000).substr(0, rig.seen.size()));
    }
  }
}

TEST_F(CopyTest, MemoryTakesNoRanges) {
  auto file =
      uring::make_ref<uring::Descriptor>(::open(new_file("text").c_str(), O_RDONLY | O_CLOEXEC));
  std::string into;
  Writer writer = write_to_string(into);
  EXPECT_TRUE(absl::IsInvalidArgument(await(writer.write_file(file, 0, 4))));
  EXPECT_EQ(await(writer.flush()), absl::OkStatus());
}

// --- both ways

struct Stream {
  Stream(uring::Ring& ring, int fd)
      : descriptor(uring::make_ref<uring::Descriptor>(fd)),
        in(read_descriptor(ring, descriptor)),
        out(write_descriptor(ring, std::exchange(descriptor, nullptr))) {}

  uring::Ref<uring::Descriptor> descriptor;
  Reader in;
  Writer out;
};

TEST_F(CopyTest, ClosingOneHalfOfASocketLeavesTheOtherOneOpen) {
  Ends ends = new_socket_pair();
  testing::write_all(ends.read, "hello");
  {
    Stream stream(ring(), ends.write);
    EXPECT_EQ(testing::text(await(stream.in.require(5))), "hello");
    EXPECT_EQ(await(stream.in.close()), absl::OkStatus());
    EXPECT_EQ(await(stream.out.write("still here")), absl::OkStatus());
    EXPECT_EQ(await(stream.out.close()), absl::OkStatus());
  }
  EXPECT_FALSE(testing::is_open(ends.write));
  Reader peer = adopt_fd(ring(), ends.read);
  EXPECT_EQ(await(testing::drain(peer)), "still here");
}

TEST_F(CopyTest, ClosingTheWritingHalfShowsTheEndThoughAReadWaits) {
  Ends ends = new_socket_pair();
  Stream stream(ring(), ends.write);
  Started read(stream.in.fill_buf());
  turn();
  EXPECT_EQ(await(stream.out.write("asked")), absl::OkStatus());
  EXPECT_EQ(await(stream.out.close()), absl::OkStatus());
  EXPECT_FALSE(read.ended());
  Reader peer = adopt_fd(ring(), dup(ends.read));
  EXPECT_EQ(await(testing::drain(peer)), "asked");
  testing::write_all(ends.read, "answered");
  finish(read);
  EXPECT_EQ(testing::text(read.result()), "answered");
  close(ends.read);
}

Task<absl::Status> echo(Stream& stream) {
  CopyResult result = co_await copy(stream.in, stream.out);
  if (!result.ok()) co_return result.status();
  co_return co_await stream.out.shutdown();
}

Task<absl::Status> send_all(Writer& writer, std::string_view text) {
  absl::Status status = co_await writer.write(text);
  if (!status.ok()) co_return status;
  co_return co_await writer.shutdown();
}

TEST_F(CopyTest, TwoStreamsAreConnectedBothWaysAndTheEndIsPassedOn) {
  Ends left = new_socket_pair();
  Ends right = new_socket_pair();
  Stream client(ring(), left.read);
  Stream proxy_in(ring(), left.write);
  Stream proxy_out(ring(), right.read);
  Stream server(ring(), right.write);
  std::string text = pattern(3000000);
  Started both(copy_bidirectional(proxy_in.in, proxy_in.out, proxy_out.in, proxy_out.out));
  Started served(echo(server));
  Started sent(send_all(client.out, text));
  std::string answer = await(testing::drain(client.in));
  EXPECT_TRUE(answer == text);
  finish(both);
  finish(served);
  finish(sent);
  EXPECT_EQ(sent.result(), absl::OkStatus());
  EXPECT_EQ(served.result(), absl::OkStatus());
  CopyBothResult result = both.result();
  EXPECT_TRUE(result.ok()) << result.forth.status() << result.back.status();
  EXPECT_EQ(result.forth.bytes, text.size());
  EXPECT_EQ(result.back.bytes, text.size());
}

TEST_F(CopyTest, AnErrorOneWayEndsTheOtherWay) {
  Ends left = new_socket_pair();
  Ends right = new_socket_pair();
  Stream proxy_in(ring(), left.write);
  Stream proxy_out(ring(), right.read);
  Started both(copy_bidirectional(proxy_in.in, proxy_in.out, proxy_out.in, proxy_out.out));
  turn();
  EXPECT_FALSE(both.ended());
  ::shutdown(right.write, SHUT_RD);
  testing::write_all(left.read, "nobody wants this");
  finish(both);
  CopyBothResult result = both.result();
  EXPECT_EQ(uring::errno_of(result.forth.write_error), EPIPE) << result.forth.status();
  EXPECT_TRUE(absl::IsCancelled(result.back.status())) << result.back.status();
  close(left.read);
  close(right.write);
}

}  // namespace
}  // namespace bufio
