// Readers on a pool: silent streams have no buffer, nobody waits for himself, and all that a Reader
// promises holds.
//
// Every test of the Reader runs on pools too (tests/reader_testing.h, tests/stream_rig.h); here is
// what only they do.

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bufio/descriptor.h"
#include "bufio/open.h"
#include "bufio/reader.h"
#include "gtest/gtest.h"
#include "tests/reader_testing.h"
#include "uring/block_on.h"
#include "uring/buffer_pool.h"
#include "uring/ring.h"
#include "uring/sleep.h"
#include "uring/spawn.h"
#include "uring/status.h"
#include "uring/task.h"

namespace bufio {
namespace {

using testing::code;
using testing::drain;
using testing::Ends;
using testing::new_pipe;
using testing::new_socket_pair;
using testing::pattern;
using testing::RingTest;
using testing::Started;
using testing::text;
using testing::write_all;
using uring::BufferPool;
using uring::PoolMode;
using uring::PoolOptions;
using uring::PoolStats;
using uring::Task;

enum class Stream { kPipe, kSocket };

class PooledReaderTest : public RingTest, public ::testing::WithParamInterface<Stream> {
 protected:
  ~PooledReaderTest() override {
    for (int fd : writers_) close(fd);
  }
  BufferPool& make_pool(PoolOptions options) { return pool_.emplace(ring(), options); }
  BufferPool& pool() { return *pool_; }
  void destroy_pool() { pool_.reset(); }

  // A Reader, and the end that it is fed by.
  std::pair<Reader, int> make_stream() {
    Ends ends = GetParam() == Stream::kPipe ? new_pipe() : new_socket_pair();
    writers_.push_back(ends.write);
    return {adopt_fd(ring(), ends.read, {.pool = &*pool_}), ends.write};
  }
  void close_writer(int fd) {
    close(fd);
    std::erase(writers_, fd);
  }
  bool all_home() { return pool().stats().lent == 0; }

 private:
  std::optional<BufferPool> pool_;
  std::vector<int> writers_;
};

INSTANTIATE_TEST_SUITE_P(All, PooledReaderTest, ::testing::Values(Stream::kPipe, Stream::kSocket),
                         [](const auto& each) {
                           return std::string(each.param == Stream::kPipe ? "Pipe" : "Socket");
                         });

// --- who has a buffer ----------------------------------------------------------------------------

Task<void> count_lines(Reader& reader, size_t& lines) {
  for (;;) {
    absl::StatusOr<Token> line = co_await reader.read_line();
    EXPECT_TRUE(line.ok()) << line.status();
    if (!line.ok() || !line->has_value()) break;
    ++lines;
  }
}

TEST_P(PooledReaderTest, AThousandSilentStreamsHaveNoBufferAndAreAllServed) {
  rlimit files;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &files), 0);
  files.rlim_cur = files.rlim_max;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &files), 0);
  if (files.rlim_cur < 2100) GTEST_SKIP() << "too few descriptors for 1,000 streams";
  constexpr size_t kStreams = 1000;
  absl::StatusOr<uring::Ring> large = uring::Ring::create({.completion_entries = 4096});
  ASSERT_TRUE(large.ok()) << large.status();
  BufferPool pool(*large, {.buffers = 16, .buffer_size = 4096});
  const size_t bytes_before = large->buffer_stats().live_bytes;
  std::vector<int> writers;
  std::deque<Reader> readers;
  std::vector<size_t> lines(kStreams, 0);
  for (size_t i = 0; i < kStreams; ++i) {
    Ends ends = GetParam() == Stream::kPipe ? new_pipe() : new_socket_pair();
    writers.push_back(ends.write);
    readers.push_back(adopt_fd(*large, ends.read, {.pool = &pool}));
    uring::spawn(*large, count_lines(readers.back(), lines[i]));
  }
  // As many as the submission queue takes go in each turn.
  for (int turn = 0; turn < 8; ++turn) uring::block_on(*large, uring::yield(*large));
  const PoolStats idle = pool.stats();
  EXPECT_EQ(idle.lent, 0u);
  EXPECT_EQ(idle.free + idle.with_kernel, 16u);
  EXPECT_EQ(large->buffer_stats().live_bytes, bytes_before) << "a silent stream pins memory";
  EXPECT_EQ(large->stats().in_flight, kStreams);
  const uint64_t enters = large->stats().enters;
  for (int fd : writers) write_all(fd, "one\ntwo\n");
  auto served = [&] { return static_cast<size_t>(std::count(lines.begin(), lines.end(), 2u)); };
  while (served() < kStreams) large->core().turn();
  EXPECT_LT(large->stats().enters - enters, kStreams);
  EXPECT_EQ(pool.stats().lent, 0u);
  for (int fd : writers) close(fd);
  large->run();
  EXPECT_EQ(large->buffer_stats().live_bytes, bytes_before);
}

TEST_P(PooledReaderTest, AReaderWithHalfATokenHasNoBufferWhileItWaits) {
  make_pool({.buffers = 1, .buffer_size = 64});
  auto [half, half_end] = make_stream();
  auto [other, other_end] = make_stream();
  Started call(half.read_line());
  write_all(half_end, "half ");
  turn(6);
  EXPECT_EQ(half.buffered(), "half ");
  EXPECT_TRUE(all_home());
  write_all(other_end, "the other\n");
  absl::StatusOr<Token> line = await(other.read_line());
  ASSERT_TRUE(line.ok() && line->has_value()) << line.status();
  EXPECT_EQ(**line, "the other");
  EXPECT_EQ(code(await(other.skip(0))), absl::StatusCode::kOk);
  write_all(half_end, "a token\n");
  // The view of the other one's line is in the only buffer until its next call.
  Started next(other.fill_buf());
  finish(call);
  line = call.result();
  ASSERT_TRUE(line.ok() && line->has_value()) << line.status();
  EXPECT_EQ(**line, "half a token");
}

TEST_P(PooledReaderTest, ReadersShareOneBufferThoughTheirTokensAreLargerThanIt) {
  make_pool({.buffers = 1, .buffer_size = 100});
  constexpr size_t kReaders = 5;
  std::deque<Reader> readers;
  std::vector<int> ends;
  std::vector<std::string> tokens;
  for (size_t i = 0; i < kReaders; ++i) {
    auto [reader, end] = make_stream();
    readers.push_back(std::move(reader));
    ends.push_back(end);
    tokens.push_back(std::string(1000 + 300 * i, static_cast<char>('a' + i)));
  }
  auto take_line = [](Reader& reader, std::string& into) -> Task<void> {
    absl::StatusOr<Token> line = co_await reader.read_line();
    EXPECT_TRUE(line.ok() && line->has_value()) << line.status();
    if (line.ok() && line->has_value()) into = **line;
    // Ends the view, and with it the hold on the buffer.
    absl::StatusOr<std::string_view> end = co_await reader.fill_buf();
    EXPECT_EQ(text(end), "");
  };
  std::vector<std::string> got(kReaders);
  for (size_t i = 0; i < kReaders; ++i) uring::spawn(ring(), take_line(readers[i], got[i]));
  for (size_t at = 0; at < 2200; at += 37) {
    for (size_t i = 0; i < kReaders; ++i) {
      if (at < tokens[i].size()) write_all(ends[i], tokens[i].substr(at, 37));
    }
    turn(1);
  }
  for (int end : ends) {
    write_all(end, "\n");
    close_writer(end);
  }
  ring().run();
  EXPECT_EQ(got, tokens);
  EXPECT_TRUE(all_home());
}

TEST_P(PooledReaderTest, LongTokensAreNotCopiedAgainAndAgain) {
  make_pool({.buffers = 2, .buffer_size = 512});
  auto [reader, end] = make_stream();
  constexpr size_t kSize = 200000;
  write_on_thread(dup(end), pattern(kSize));
  EXPECT_EQ(await(reader.require(kSize))->size(), kSize);
  EXPECT_LT(reader.stats().copied_bytes, 4 * kSize);
}

TEST_P(PooledReaderTest, BytesThatComeAfterACancelAreKeptAndTheirBufferIsNot) {
  make_pool({.buffers = 1, .buffer_size = 64});
  auto [reader, end] = make_stream();
  write_all(end, "first");
  EXPECT_EQ(text(await(reader.fill_buf())), "first");
  {
    Started call(reader.fill_buf(100));
    turn();
    call.destroy();
  }
  const std::string_view view = reader.buffered();
  EXPECT_EQ(view, "first");
  write_all(end, " second");
  turn(6);
  EXPECT_TRUE(all_home());
  EXPECT_EQ(view, "first") << "bytes that came in the background ended a view";
  EXPECT_EQ(reader.buffered().data(), view.data());
  const uint64_t reads = reader.stats().reads;
  EXPECT_EQ(text(await(reader.fill_buf(12))), "first second");
  EXPECT_EQ(reader.stats().reads, reads);
}

TEST_P(PooledReaderTest, AReaderThatLeftTheLineByACancelStillGetsItsBytes) {
  make_pool({.buffers = 1, .buffer_size = 64, .mode = PoolMode::kHeap});
  auto [reader, end] = make_stream();
  std::optional<uring::PooledBuffer> taken = pool().try_acquire();
  write_all(end, "bytes");
  {
    Started call(reader.fill_buf());
    turn(6);
    EXPECT_EQ(pool().stats().waiting, 1u);
    call.destroy();
  }
  EXPECT_EQ(pool().stats().waiting, 1u) << "the read lost its place with its caller";
  taken.reset();
  turn(6);
  EXPECT_TRUE(all_home());
  EXPECT_EQ(text(await(reader.fill_buf())), "bytes");
}

TEST_P(PooledReaderTest, AnEmptyPoolHidesNeitherBytesNorTheEnd) {
  make_pool({.buffers = 2, .buffer_size = 64});
  auto [reader, end] = make_stream();
  std::vector<uring::PooledBuffer> taken;
  while (std::optional<uring::PooledBuffer> one = pool().try_acquire()) {
    taken.push_back(*std::move(one));
  }
  write_all(end, "the last");
  close_writer(end);
  Started call(reader.fill_buf());
  turn(6);
  EXPECT_FALSE(call.ended());
  EXPECT_FALSE(reader.source_ended());
  taken.clear();
  finish(call);
  EXPECT_EQ(text(call.result()), "the last");
  reader.consume(8);
  EXPECT_EQ(text(await(reader.fill_buf())), "");
  EXPECT_TRUE(reader.source_ended());
  EXPECT_TRUE(all_home());
}

TEST_P(PooledReaderTest, IsClosedAndReleasedInLine) {
  make_pool({.buffers = 1, .buffer_size = 64, .mode = PoolMode::kHeap});
  std::optional<uring::PooledBuffer> taken = pool().try_acquire();
  for (bool release : {false, true}) {
    auto [reader, end] = make_stream();
    write_all(end, "bytes");
    {
      Started call(reader.fill_buf());
      turn(6);
      call.destroy();
    }
    ASSERT_EQ(pool().stats().waiting, 1u);
    if (release) {
      absl::StatusOr<Released> released = await(reader.release());
      ASSERT_TRUE(released.ok()) << released.status();
      char bytes[8];
      EXPECT_EQ(read(released->fd.get(), bytes, sizeof bytes), 5);
    } else {
      EXPECT_EQ(await(reader.close()), absl::OkStatus());
    }
    EXPECT_EQ(pool().stats().waiting, 0u);
  }
}

TEST_P(PooledReaderTest, AReaderThatDiesInLineLeavesIt) {
  make_pool({.buffers = 1, .buffer_size = 64, .mode = PoolMode::kHeap});
  std::optional<uring::PooledBuffer> taken = pool().try_acquire();
  auto [reader, end] = make_stream();
  write_all(end, "bytes");
  {
    Started call(reader.fill_buf());
    turn(6);
    call.destroy();
  }
  EXPECT_EQ(pool().stats().waiting, 1u);
  { Reader dying = std::move(reader); }
  EXPECT_EQ(pool().stats().waiting, 0u);
  taken.reset();
  EXPECT_TRUE(all_home());
}

TEST_P(PooledReaderTest, GoesOnWhenThePoolsHandleIsGoneAndStopsWithTheRing) {
  make_pool({.buffers = 1, .buffer_size = 64});
  auto [reader, end] = make_stream();
  destroy_pool();
  write_all(end, "bytes");
  EXPECT_EQ(text(await(reader.fill_buf())), "bytes");
  Started call(reader.fill_buf(10));
  turn();
  destroy_ring();
  call.destroy();
  EXPECT_EQ(reader.buffered(), "bytes");
  Started next(reader.fill_buf(10));
  ASSERT_TRUE(next.ended());
  EXPECT_EQ(code(next.result()), absl::StatusCode::kFailedPrecondition);
}

// --- sockets' errors, and what does not use the pool ---------------------------------------------

class PooledReader : public RingTest {};

TEST_F(PooledReader, SaysASocketsErrorBehindItsBytesAndKeepsIt) {
  BufferPool pool(ring(), {.buffers = 2, .buffer_size = 64});
  Ends ends = new_socket_pair();
  write_all(ends.read, "never read by the peer");
  Reader reader = adopt_fd(ring(), ends.read, {.pool = &pool});
  write_all(ends.write, "bytes");
  EXPECT_EQ(text(await(reader.fill_buf())), "bytes");
  close(ends.write);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(uring::errno_of(await(reader.fill_buf(6)).status()), ECONNRESET);
    EXPECT_EQ(reader.buffered(), "bytes");
  }
  EXPECT_EQ(pool.stats().lent, 0u);
}

TEST_F(PooledReader, SaysThatADescriptorCannotBeRead) {
  BufferPool pool(ring(), {.buffers = 2, .buffer_size = 64});
  Ends ends = new_pipe();
  Reader reader = adopt_fd(ring(), ends.write, {.pool = &pool});
  EXPECT_EQ(uring::errno_of(await(reader.fill_buf()).status()), EBADF);
  close(ends.read);
  Reader none = borrow_fd(ring(), 987654, {.pool = &pool});
  EXPECT_EQ(uring::errno_of(await(none.fill_buf()).status()), EBADF);
}

TEST_F(PooledReader, ReadsADirectFileWithoutThePool) {
  BufferPool pool(ring(), {.buffers = 2, .buffer_size = 64});
  const std::string bytes = pattern(10000);
  absl::StatusOr<Reader> reader =
      await(open(ring(), new_file(bytes), {.direct = true, .pool = &pool}));
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_EQ(await(drain(*reader)), bytes);
}

TEST_F(PooledReader, ReadsWhatIsMadeUpWhileItIsRead) {
  BufferPool pool(ring(), {.buffers = 1, .buffer_size = 64});
  absl::StatusOr<Reader> reader = await(open(ring(), "/proc/self/status", {.pool = &pool}));
  ASSERT_TRUE(reader.ok()) << reader.status();
  const std::string all = await(drain(*reader));
  EXPECT_NE(all.find("\nPid:"), std::string::npos);
  EXPECT_EQ(pool.stats().lent, 0u);
}

void read_on_another_ring() {
  uring::Ring one = *uring::Ring::create({.entries = 8, .completion_entries = 16});
  uring::Ring two = *uring::Ring::create({.entries = 8, .completion_entries = 16});
  BufferPool pool(one, {.buffers = 2, .buffer_size = 64});
  Reader reader = borrow_fd(two, 0, {.pool = &pool});
}

TEST(PooledReaderDeathTest, AReaderAndItsPoolMustBeOnOneRing) {
  EXPECT_DEATH(read_on_another_ring(), "on different Rings");
}

}  // namespace
}  // namespace bufio
