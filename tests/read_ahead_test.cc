// Reading ahead: how deep, in which order, and what it costs.

#include "bufio/read_ahead.h"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <unistd.h>

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "bufio/descriptor.h"
#include "bufio/open.h"
#include "bufio/reader.h"
#include "tests/reader_testing.h"

namespace bufio {
namespace {

using testing::RingTest;
using testing::Started;
using View = absl::StatusOr<std::string_view>;

// --- the policy

TEST(ReadAheadPolicyTest, StartsWithoutReadingAhead) {
  EXPECT_EQ(ReadAhead(3, /*fixed=*/false).depth(), 0);
}

TEST(ReadAheadPolicyTest, GrowsByOneWhenTheParserHadToWaitUpToItsBound) {
  ReadAhead policy(3, /*fixed=*/false);
  for (int expected : {1, 2, 3, 3, 3}) {
    policy.completed(/*at_once=*/false, /*waited=*/true);
    EXPECT_EQ(policy.depth(), expected);
  }
}

TEST(ReadAheadPolicyTest, SlowReadsThatNobodyWaitedForChangeNothing) {
  ReadAhead policy(3, /*fixed=*/false);
  policy.completed(false, true);
  for (int i = 0; i < 100; ++i) policy.completed(false, false);
  EXPECT_EQ(policy.depth(), 1);
}

TEST(ReadAheadPolicyTest, StopsWhenReadsKeepCompletingAtOnce) {
  ReadAhead policy(3, /*fixed=*/false);
  for (int i = 0; i < 5; ++i) policy.completed(false, true);
  int until = 0;
  while (policy.depth() > 0 && until < 1000) {
    policy.completed(true, true);
    ++until;
  }
  EXPECT_GT(until, 1) << "one fast read is no proof";
  EXPECT_LT(until, 100);
}

TEST(ReadAheadPolicyTest, ASlowReadStartsTheCountOver) {
  ReadAhead policy(3, /*fixed=*/false);
  policy.completed(false, true);
  for (int i = 0; i < 1000; ++i) policy.completed(i % 4 != 0, false);
  EXPECT_EQ(policy.depth(), 1);
}

TEST(ReadAheadPolicyTest, FixedDepthStays) {
  ReadAhead policy(5, /*fixed=*/true);
  for (int i = 0; i < 100; ++i) {
    policy.completed(i % 2 == 0, i % 3 == 0);
    EXPECT_EQ(policy.depth(), 5);
  }
}

TEST(ReadAheadPolicyTest, BoundOfZeroNeverReadsAhead) {
  ReadAhead policy(0, /*fixed=*/false);
  for (int i = 0; i < 10; ++i) policy.completed(false, true);
  EXPECT_EQ(policy.depth(), 0);
}

// --- in a Reader

class ReadAheadTest : public RingTest {
 protected:
  Reader open_path(const std::string& path, ReaderOptions options) {
    absl::StatusOr<Reader> reader = await(open(ring(), path, options));
    if (!reader.ok()) {
      ADD_FAILURE() << reader.status();
    }
    return *std::move(reader);
  }
};

TEST_F(ReadAheadTest, BytesComeInOrderHoweverReadsComplete) {
  std::string bytes = testing::pattern(200000);
  std::string path = new_file(bytes);
  for (size_t read_size : {size_t{512}, size_t{1000}, size_t{4096}}) {
    for (int depth : {1, 3, 16, 100}) {
      Reader reader =
          open_path(path, {.read_size = read_size, .max_read_ahead = depth, .offload = true});
      EXPECT_TRUE(await(testing::drain(reader)) == bytes) << read_size << " " << depth;
      EXPECT_EQ(reader.stats().bytes, bytes.size());
    }
  }
}

TEST_F(ReadAheadTest, GapOfAShortReadIsFilledBeforeWhatIsBehindIt) {
  // Reads were sent for a size that the file does not have any more, and then it has it again.
  std::string bytes = testing::pattern(100000);
  for (bool direct : {false, true}) {
    for (size_t cut : {size_t{5000}, size_t{9000}, size_t{12288}}) {
      std::string path = new_file(bytes);
      Reader reader = open_path(
          path, {.read_size = 8192, .max_read_ahead = 4, .offload = !direct, .direct = direct});
      ASSERT_EQ(truncate(path.c_str(), static_cast<off_t>(cut)), 0);
      View view = await(reader.fill_buf());
      ASSERT_TRUE(view.ok());
      // All of what was sent at first has completed, short.
      while (ring().stats().in_flight > 0) turn(1);
      int fd = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
      testing::write_all(fd, std::string_view(bytes).substr(cut));
      close(fd);
      std::string all = await(testing::drain(reader));
      // A read ahead may have seen the end that the file had for a while.
      EXPECT_GE(all.size(), cut);
      EXPECT_TRUE(all == bytes.substr(0, all.size())) << cut;
    }
  }
}

TEST_F(ReadAheadTest, OffloadedReadsAreAheadOfTheParser) {
  std::string bytes = testing::pattern(1000000);
  Reader reader =
      open_path(new_file(bytes), {.read_size = 10000, .max_read_ahead = 4, .offload = true});
  EXPECT_EQ(reader.stats().read_ahead, 4);
  EXPECT_TRUE(await(testing::drain(reader)) == bytes);
  ReaderStats stats = reader.stats();
  EXPECT_GE(stats.reads, 100U);
  EXPECT_LE(stats.reads, 103U);
  EXPECT_GT(stats.hits + stats.stalls, 0U);
  EXPECT_LE(stats.hits + stats.stalls, stats.reads) << "a hit is no stall";
  EXPECT_EQ(stats.wasted_bytes, 0U);
}

TEST_F(ReadAheadTest, ReadsThatAreDoneWhenTheyAreAskedForAreHits) {
  std::string bytes = testing::pattern(50000);
  Reader reader =
      open_path(new_file(bytes), {.read_size = 10000, .max_read_ahead = 10, .offload = true});
  size_t hits = 0;
  for (size_t at = 0; at < bytes.size(); at += 10000) {
    View view = await(reader.require(10000));
    ASSERT_TRUE(view.ok());
    EXPECT_TRUE(*view == std::string_view(bytes).substr(at, 10000));
    reader.consume(10000);
    while (ring().stats().in_flight > 0) turn(1);  // a busy parser
    if (at > 0) ++hits;
  }
  EXPECT_EQ(reader.stats().hits, hits);
  EXPECT_LE(reader.stats().stalls, 1U);
}

TEST_F(ReadAheadTest, NeverReadsAheadBeyondTheKnownSize) {
  for (size_t size :
       {size_t{0}, size_t{1}, size_t{9999}, size_t{10000}, size_t{10001}, size_t{30000}}) {
    std::string bytes = testing::pattern(size);
    Reader reader =
        open_path(new_file(bytes), {.read_size = 10000, .max_read_ahead = 50, .offload = true});
    EXPECT_TRUE(await(testing::drain(reader)) == bytes);
    // Those that bring bytes, and one that finds the end.
    EXPECT_LE(reader.stats().reads, (size + 9999) / 10000 + 2) << size;
    EXPECT_EQ(reader.stats().wasted_bytes, 0U);
  }
}

TEST_F(ReadAheadTest, CachedFileIsReadWithoutReadingAhead) {
  std::string bytes = testing::pattern(size_t{4} << 20);
  std::string path = new_file(bytes);
  {
    Reader warm = open_path(path, {});
    await(testing::drain(warm));
  }
  Reader reader = open_path(path, {.read_size = 65536});
  EXPECT_TRUE(await(testing::drain(reader)) == bytes);
  EXPECT_EQ(reader.stats().read_ahead, 0);
  EXPECT_EQ(reader.stats().wasted_bytes, 0U);
}

TEST_F(ReadAheadTest, SeekingAwayFromReadsAheadCountsThemAsWasted) {
  std::string bytes = testing::pattern(500000);
  Reader reader =
      open_path(new_file(bytes), {.read_size = 10000, .max_read_ahead = 4, .offload = true});
  View view = await(reader.require(1));
  ASSERT_TRUE(view.ok());
  ASSERT_TRUE(reader.seek(400000).ok());
  EXPECT_GE(reader.stats().wasted_bytes, 10000U);
  EXPECT_LE(reader.stats().wasted_bytes, 50000U);
  EXPECT_TRUE(await(testing::drain(reader)) == bytes.substr(400000));
}

TEST_F(ReadAheadTest, MemoryAheadOfTheParserIsBounded) {
  std::string bytes = testing::pattern(2000000);
  Reader reader =
      open_path(new_file(bytes), {.read_size = 10000, .max_read_ahead = 3, .offload = true});
  View view = await(reader.require(1));
  ASSERT_TRUE(view.ok());
  turn(10);
  while (ring().stats().in_flight > 0) turn(1);
  EXPECT_LE(reader.stats().reads, 5U) << "the front one, three ahead, and their successor";
}

TEST_F(ReadAheadTest, StreamsAreNotReadAhead) {
  testing::Ends ends = testing::new_pipe();
  testing::write_all(ends.write, "abcdef");
  Reader reader = adopt_fd(ring(), ends.read, {.read_size = 2, .max_read_ahead = 9});
  View view = await(reader.fill_buf(2));
  ASSERT_TRUE(view.ok());
  turn();
  EXPECT_EQ(reader.stats().reads, 1U);
  EXPECT_EQ(reader.stats().read_ahead, 0);
  close(ends.write);
}

}  // namespace
}  // namespace bufio
