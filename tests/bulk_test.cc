// read_exact, read_to_end, skip, seek and size.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <initializer_list>
#include <random>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bufio/descriptor.h"
#include "bufio/memory.h"
#include "bufio/open.h"
#include "bufio/reader.h"
#include "tests/reader_testing.h"
#include "uring/status.h"

namespace bufio {
namespace {

using testing::Ends;
using testing::EverySourceTest;
using testing::RingTest;
using testing::Started;
using View = absl::StatusOr<std::string_view>;

constexpr auto kEnd = absl::StatusCode::kOutOfRange;
constexpr auto kCutOff = absl::StatusCode::kDataLoss;
constexpr auto kLimit = absl::StatusCode::kResourceExhausted;

std::string text(const View& view) { return view.ok() ? std::string(*view) : "not OK"; }

class BulkTest : public EverySourceTest {};
INSTANTIATE_EVERY_SOURCE(BulkTest);

// --- read_exact

TEST_P(BulkTest, ReadExactFillsWhatItIsGiven) {
  std::string bytes = testing::pattern(2000);
  Reader reader = make(bytes);
  size_t at = 0;
  for (size_t size :
       {size_t{1}, size_t{0}, size_t{10}, size_t{299}, size_t{300}, size_t{301}, size_t{1000}}) {
    std::string into(size, '\0');
    absl::Status status = await(reader.read_exact(into));
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_EQ(into, bytes.substr(at, size));
    at += size;
    EXPECT_EQ(reader.pos(), start() + at);
  }
  EXPECT_EQ(await(testing::drain(reader)), bytes.substr(at));
}

TEST_P(BulkTest, ReadExactMayExceedTheBuffer) {
  std::string bytes = testing::pattern(6000);
  Reader reader = make(bytes, {.max_buffer_size = 128});
  std::string into(5000, '\0');
  absl::Status status = await(reader.read_exact(into));
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_TRUE(into == bytes.substr(0, 5000));
  EXPECT_TRUE(await(testing::drain(reader)) == bytes.substr(5000));
}

TEST_P(BulkTest, ReadExactCutOffByTheEndConsumesNothing) {
  std::string bytes = testing::pattern(1000);
  for (size_t buffer : {size_t{0}, size_t{128}}) {
    Reader reader = make(bytes, {.max_buffer_size = buffer});
    EXPECT_EQ(text(await(reader.require(10))), bytes.substr(0, 10));
    reader.consume(10);
    std::string into(991, '\0');
    EXPECT_EQ(await(reader.read_exact(into)).code(), kCutOff);
    EXPECT_EQ(reader.pos(), start() + 10);
    EXPECT_EQ(await(reader.read_exact(into)).code(), kCutOff);
    into.resize(990);
    EXPECT_TRUE(await(reader.read_exact(into)).ok());
    EXPECT_TRUE(into == bytes.substr(10));
    EXPECT_EQ(await(reader.read_exact(into)).code(), kEnd);
    EXPECT_TRUE(await(reader.read_exact({})).ok());
  }
}

// --- read_to_end

TEST_P(BulkTest, ReadToEndGivesTheRestUpToItsLimit) {
  std::string bytes = testing::pattern(900);
  for (size_t buffer : {size_t{0}, size_t{64}, size_t{2000}}) {
    Reader reader = make(bytes, {.max_buffer_size = buffer});
    EXPECT_EQ(text(await(reader.require(50))), bytes.substr(0, 50));
    reader.consume(50);
    for (size_t limit : {size_t{849}, size_t{0}, size_t{10}}) {
      EXPECT_EQ(await(reader.read_to_end(limit)).status().code(), kLimit);
      EXPECT_EQ(reader.pos(), start() + 50);
    }
    absl::StatusOr<std::string> rest = await(reader.read_to_end(850));
    ASSERT_TRUE(rest.ok()) << rest.status();
    EXPECT_EQ(*rest, bytes.substr(50));
    EXPECT_EQ(reader.pos(), start() + 900);
    rest = await(reader.read_to_end(0));
    ASSERT_TRUE(rest.ok()) << rest.status();
    EXPECT_EQ(*rest, "");
  }
}

TEST_P(BulkTest, ReadToEndWithoutALimit) {
  std::string bytes = testing::pattern(5000);
  Reader reader = make(bytes, {.max_buffer_size = 64});
  absl::StatusOr<std::string> rest = await(reader.read_to_end(SIZE_MAX));
  ASSERT_TRUE(rest.ok()) << rest.status();
  EXPECT_TRUE(*rest == bytes);
}

TEST_P(BulkTest, CallsGoOnAfterAReadToEndThatWentTooFar) {
  std::string bytes = testing::pattern(1500);
  Reader reader = make(bytes, {.max_buffer_size = 64});
  EXPECT_EQ(await(reader.read_to_end(1000)).status().code(), kLimit);
  View view = await(reader.fill_more());  // more than max_buffer_size is buffered
  if (!view.ok()) {
    EXPECT_EQ(view.status().code(), kLimit);
  }
  std::string into(700, '\0');
  EXPECT_TRUE(await(reader.read_exact(into)).ok());
  EXPECT_TRUE(into == bytes.substr(0, 700));
  absl::StatusOr<uint64_t> skipped = await(reader.skip(500));
  EXPECT_EQ(*skipped, 500U);
  EXPECT_TRUE(await(testing::drain(reader)) == bytes.substr(1200));
}

// --- skip

TEST_P(BulkTest, SkipPassesOverWhatItSays) {
  std::string bytes = testing::pattern(2000);
  Reader reader = make(bytes);
  size_t at = 0;
  for (size_t step : {size_t{0}, size_t{3}, size_t{100}, size_t{1}, size_t{1500}}) {
    absl::StatusOr<uint64_t> skipped = await(reader.skip(step));
    ASSERT_TRUE(skipped.ok()) << skipped.status();
    EXPECT_EQ(*skipped, step);
    at += step;
    EXPECT_EQ(reader.pos(), start() + at);
    EXPECT_EQ(text(await(reader.require(2))), bytes.substr(at, 2));
  }
  EXPECT_EQ(await(testing::drain(reader)), bytes.substr(at));
}

TEST_P(BulkTest, SkipPastTheEndSaysHowMuchThereWas) {
  Reader reader = make(testing::pattern(1000));
  EXPECT_EQ(await(reader.skip(10)).value(), 10U);
  EXPECT_EQ(await(reader.skip(5000000)).value(), 990U);
  EXPECT_EQ(reader.pos(), start() + 1000);
  EXPECT_EQ(text(await(reader.fill_buf())), "");
  EXPECT_EQ(await(reader.skip(1)).value(), 0U);
  EXPECT_EQ(await(reader.skip(0)).value(), 0U);
  EXPECT_EQ(await(reader.skip(UINT64_MAX)).value(), 0U);
}

TEST_P(BulkTest, ABufferSizeOfZeroIsOneByte) {
  // The options' default stands for 0 in make(): so it is asked for by name.
  Reader reader = read_string("abc", {.max_buffer_size = 0});
  EXPECT_EQ(await(reader.skip(2)).value(), 2U);
  EXPECT_EQ(text(await(reader.fill_buf())), "c");
}

// --- seek and size

TEST_P(BulkTest, SeekGoesAnywhereOrSaysThatItCannot) {
  std::string bytes = testing::pattern(3000);
  Reader reader = make(bytes);
  EXPECT_EQ(text(await(reader.require(50))), bytes.substr(0, 50));
  if (!seekable()) {
    absl::Status status = reader.seek(0);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_EQ(uring::errno_of(status), ESPIPE) << status;
    EXPECT_EQ(uring::errno_of(reader.size().status()), ESPIPE);
    EXPECT_EQ(await(testing::drain(reader)), bytes);
    return;
  }
  for (size_t at : std::initializer_list<size_t>{10, 20, 2999, 0, 5, 3000, 1, 2500, 2500, 0}) {
    absl::Status status = reader.seek(start() + at);
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_EQ(reader.pos(), start() + at);
    size_t want = std::min(size_t{100}, bytes.size() - at);
    View view = await(reader.fill_buf(want));
    ASSERT_TRUE(view.ok()) << view.status();
    EXPECT_EQ(view->substr(0, want), bytes.substr(at, want)) << at;
    reader.consume(want / 2);
  }
  ASSERT_TRUE(reader.seek(start()).ok());
  EXPECT_EQ(await(testing::drain(reader)), bytes);
  ASSERT_TRUE(reader.seek(start() + 7).ok());
  EXPECT_FALSE(in_memory() ? false : reader.source_ended());
  EXPECT_EQ(await(testing::drain(reader)), bytes.substr(7));
}

TEST_P(BulkTest, SeekPastTheEndFindsTheEndThere) {
  if (!seekable()) GTEST_SKIP();
  std::string bytes = testing::pattern(500);
  Reader reader = make(bytes);
  for (uint64_t at : {uint64_t{501}, uint64_t{100000}, uint64_t{1} << 40}) {
    ASSERT_TRUE(reader.seek(start() + at).ok());
    EXPECT_EQ(reader.pos(), start() + at);
    View view = await(reader.fill_buf());
    ASSERT_TRUE(view.ok()) << view.status();
    EXPECT_EQ(*view, "");
    EXPECT_EQ(await(reader.require(1)).status().code(), kEnd);
    EXPECT_EQ(reader.pos(), start() + at);
    EXPECT_EQ(await(reader.skip(10)).value(), 0U);
  }
  ASSERT_TRUE(reader.seek(start() + 400).ok());
  EXPECT_EQ(await(testing::drain(reader)), bytes.substr(400));
}

TEST_P(BulkTest, SizeIsWhatThereIs) {
  if (!seekable()) GTEST_SKIP();
  Reader reader = make(testing::pattern(500));
  absl::StatusOr<uint64_t> size = reader.size();
  ASSERT_TRUE(size.ok()) << size.status();
  EXPECT_EQ(*size, start() + 500);
  EXPECT_EQ(await(reader.skip(20)).value(), 20U);
  EXPECT_EQ(*reader.size(), start() + 500);
}

TEST_P(BulkTest, RandomMovesNeverShowStaleBytes) {
  if (!seekable()) GTEST_SKIP();
  std::mt19937 random(testing::announced_seed());
  std::string bytes = testing::pattern(4000);
  Reader reader = make(bytes);
  size_t at = 0;
  for (int i = 0; i < 400; ++i) {
    switch (random() % 5) {
      case 0:
        at = random() % (bytes.size() + 1);
        ASSERT_TRUE(reader.seek(start() + at).ok());
        break;
      case 1: {
        // A read that is given up, and perhaps done, before the next move.
        Started call(reader.fill_more(random() % 100));
        if (random() % 2 == 0) turn();
        break;
      }
      case 2: {
        size_t step = random() % 500;
        absl::StatusOr<uint64_t> skipped = await(reader.skip(step));
        ASSERT_TRUE(skipped.ok());
        ASSERT_EQ(*skipped, std::min(step, bytes.size() - at));
        at += *skipped;
        break;
      }
      default: {
        size_t want = std::min(size_t{random() % 200 + 1}, bytes.size() - at);
        View view = await(reader.fill_buf(want));
        ASSERT_TRUE(view.ok()) << view.status();
        ASSERT_GE(view->size(), want);
        ASSERT_EQ(*view, bytes.substr(at, view->size())) << "at " << at;
        size_t step = random() % (view->size() + 1);
        reader.consume(step);
        at += step;
      }
    }
    ASSERT_EQ(reader.pos(), start() + at);
  }
}

// --- files

class BulkFileTest : public RingTest {};

TEST_F(BulkFileTest, SkippingInAFileDoesNotRead) {
  std::string bytes = testing::pattern(size_t{4} << 20);
  Reader reader = *await(open(ring(), new_file(bytes)));
  EXPECT_EQ(await(reader.skip(4000000)).value(), 4000000U);
  EXPECT_EQ(reader.stats().bytes, 0U);
  EXPECT_EQ(text(await(reader.require(3))), bytes.substr(4000000, 3));
  Reader whole = *await(open(ring(), new_file(bytes)));
  EXPECT_EQ(await(whole.skip(UINT64_MAX)).value(), bytes.size());
  EXPECT_EQ(whole.stats().bytes, 0U);
  EXPECT_EQ(text(await(whole.fill_buf())), "");
}

TEST_F(BulkFileTest, SeekWithReadsInFlightNeverDeliversToTheNewPlace) {
  std::string bytes = testing::pattern(400000);
  std::string path = new_file(bytes);
  for (size_t to : {size_t{0}, size_t{4096}, size_t{10000}, size_t{399999}, size_t{500000}}) {
    Reader reader =
        *await(open(ring(), path, {.read_size = 4096, .max_read_ahead = 6, .offload = true}));
    EXPECT_EQ(text(await(reader.require(1))), bytes.substr(0, 1));
    {
      Started call(reader.fill_more(5000));
      turn(1);
    }
    ASSERT_TRUE(reader.seek(to).ok());
    EXPECT_TRUE(await(testing::drain(reader)) == bytes.substr(std::min(to, bytes.size()))) << to;
  }
}

TEST_F(BulkFileTest, SeekBeyondTheLargestOffsetIsRefusedAndMovesNothing) {
  Reader reader = *await(open(ring(), new_file("abc")));
  EXPECT_EQ(reader.seek(UINT64_MAX).code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(reader.pos(), 0U);
  EXPECT_EQ(text(await(reader.fill_buf())), "abc");
}

TEST_F(BulkFileTest, SizeFollowsTheFile) {
  std::string path = new_file("abc");
  Reader reader = *await(open(ring(), path));
  EXPECT_EQ(*reader.size(), 3U);
  ASSERT_EQ(truncate(path.c_str(), 100), 0);
  EXPECT_EQ(*reader.size(), 100U);
}

TEST_F(BulkFileTest, SkipThatIsGivenUpSaysByPosWhereItIs) {
  Ends ends = testing::new_pipe();
  Reader reader = adopt_fd(ring(), ends.read);
  testing::write_all(ends.write, "abc");
  {
    Started call(reader.skip(10));
    turn();
    EXPECT_FALSE(call.ended());
  }
  EXPECT_EQ(reader.pos(), 3U);
  testing::write_all(ends.write, "defghijkl");
  EXPECT_EQ(await(reader.skip(7)).value(), 7U);
  EXPECT_EQ(text(await(reader.require(2))), "kl");
  close(ends.write);
}

TEST_F(BulkFileTest, ReadExactThatIsGivenUpPutsEverythingBack) {
  for (size_t buffer : {size_t{4}, size_t{1000}}) {
    for (BufferKind kind : {BufferKind::kFixed, BufferKind::kMirrored}) {
      Ends ends = testing::new_pipe();
      Reader reader = adopt_fd(ring(), ends.read, {.max_buffer_size = buffer, .buffers = kind});
      std::string into(20, '\0');
      for (std::string piece : {"abc", "defghi", "jklmnopqr"}) {
        testing::write_all(ends.write, piece);
        Started call(reader.read_exact(into));
        turn();
        EXPECT_FALSE(call.ended());
      }
      EXPECT_EQ(reader.pos(), 0U);
      testing::write_all(ends.write, "stuvwxyz");
      EXPECT_TRUE(await(reader.read_exact(into)).ok());
      EXPECT_EQ(into, "abcdefghijklmnopqrst");
      close(ends.write);
      EXPECT_EQ(await(testing::drain(reader)), "uvwxyz");
    }
  }
}

TEST_F(BulkFileTest, SkipInACordOrAViewGoesByOffset) {
  Reader reader = read_view("abcdef");
  EXPECT_EQ(await(reader.skip(4)).value(), 4U);
  EXPECT_EQ(reader.buffered(), "ef");
}

}  // namespace
}  // namespace bufio
