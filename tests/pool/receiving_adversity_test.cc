// Sockets on a pool, in adversity: nobody drains them, the pool is dry, the kernel ends requests
// and says odd things, callers cancel and go. No byte is lost, no buffer is missing, and nobody
// spins.

#include <liburing.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "bufio/descriptor.h"
#include "bufio/reader.h"
#include "gtest/gtest.h"
#include "tests/pool/pool_fixture.h"
#include "tests/pool/receiving_fixture.h"
#include "tests/reader_testing.h"
#include "tests/ring_testing.h"
#include "uring/block_on.h"
#include "uring/buffer_pool.h"
#include "uring/pool_core.h"
#include "uring/ring.h"
#include "uring/sleep.h"
#include "uring/spawn.h"
#include "uring/status.h"
#include "uring/task.h"

namespace bufio {
namespace {

using testing::pattern;
using testing::ReceivingTest;
using testing::Started;
using uring::block_on;
using uring::PoolCore;
using uring::PooledBuffer;
using uring::PoolStats;
using uring::Task;
using uring::testing::PoolTest;
using uring::testing::SocketPair;
using uring::testing::turn_until;

bool has_buffer(const io_uring_cqe& entry) { return (entry.flags & IORING_CQE_F_BUFFER) != 0; }

// --- back-pressure -------------------------------------------------------------------------------

// Writes as much as the socket takes.
size_t stuff(int fd, std::string_view bytes) {
  size_t written = 0;
  while (written < bytes.size()) {
    const ssize_t n =
        send(fd, bytes.data() + written, bytes.size() - written, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n <= 0) break;
    written += static_cast<size_t>(n);
  }
  return written;
}

TEST_F(ReceivingTest, AReaderThatIsNotDrainedStopsTheKernelAtItsLimit) {
  constexpr size_t kLimit = 8000;
  MAKE_OR_SKIP(16, 1024);
  const SocketPair pair;
  Reader reader = read(pair, {.max_buffer_size = kLimit});
  pair.write("first");
  EXPECT_EQ(text(reader.fill_buf()), "first");
  const std::string bytes = pattern(400000);
  size_t fed = 0;
  for (int i = 0; i < 100; ++i) {
    fed += stuff(pair.writer(), std::string_view(bytes).substr(fed, 4096));
    turn(2);
  }
  // What is under way when the limit is reached is at most what the kernel had of the pool.
  EXPECT_LE(reader.stats().bytes, kLimit + 8 * 1024);
  EXPECT_LT(fed, bytes.size()) << "the peer was never stopped";
  EXPECT_EQ(ring().stats().in_flight, 0u) << "it still receives";
  EXPECT_EQ(cancels(), 1u);
  reader.consume(5);
  std::string got;
  while (got.size() < bytes.size()) {
    fed += stuff(pair.writer(), std::string_view(bytes).substr(fed));
    absl::StatusOr<std::string_view> view = block_on(ring(), reader.fill_buf());
    ASSERT_TRUE(view.ok()) << view.status();
    got += *view;
    reader.consume(view->size());
  }
  EXPECT_EQ(got, bytes);
}

TEST_F(ReceivingTest, WhatComesWhileItIsBeingStoppedIsKept) {
  MAKE_OR_SKIP(32, 256);
  const SocketPair pair;
  Reader reader = read(pair, {.max_buffer_size = 600});
  pair.write("x");
  EXPECT_EQ(text(reader.fill_buf()), "x");
  reader.consume(1);
  // All of it is there before the Ring sees the first completion, let alone cancels.
  const std::string bytes = pattern(2500);
  pair.write(bytes);
  turn(4);
  EXPECT_EQ(ring().stats().in_flight, 0u);
  EXPECT_EQ(reader.stats().bytes, 1 + bytes.size());
  std::string got;
  while (got.size() < bytes.size()) {
    absl::StatusOr<std::string_view> view = block_on(ring(), reader.fill_buf());
    ASSERT_TRUE(view.ok()) << view.status();
    EXPECT_LE(view->size(), 600u);
    got += *view;
    reader.consume(view->size());
  }
  EXPECT_EQ(got, bytes);
}

TEST_F(ReceivingTest, ACallThatMayBufferMoreIsNotStoppedBefore) {
  MAKE_OR_SKIP(16, 1024);
  const SocketPair pair;
  Reader reader = read(pair, {.max_buffer_size = 300000});
  const std::string bytes = pattern(300000);
  Started call(reader.require(bytes.size()));
  size_t fed = 0;
  ASSERT_TRUE(turn_until(
      ring(),
      [&] {
        fed += stuff(pair.writer(), std::string_view(bytes).substr(fed));
        return call.ended();
      },
      20000));
  EXPECT_EQ(call.result().value(), bytes);
  EXPECT_EQ(cancels(), 0u);
}

// --- what kernels do -----------------------------------------------------------------------------

TEST_F(PoolTest, AKernelWithoutMultishotReceivesOnceAtATime) {
  ASSERT_TRUE(make_pool({.buffers = 8, .buffer_size = 64}));
  if (!pool().stats().provided) GTEST_SKIP() << "this kernel takes no buffer ring";
  // Such kernels look at the flag before anything else, and take nothing.
  const SocketPair pair;
  Reader reader = read_descriptor(ring(), pair.reader(), {.pool = &pool()});
  kernel().alter_completion = [done = false](io_uring_cqe& entry) mutable {
    if (!std::exchange(done, true)) entry.res = -EINVAL;
  };
  Started call(reader.fill_buf());
  block_on(ring(), uring::yield(ring()));
  ::shutdown(pair.reader()->fd(), SHUT_RD);
  ASSERT_TRUE(turn_until(ring(), [&] { return call.ended(); }));
  EXPECT_EQ(testing::text(call.result()), "");
  EXPECT_EQ(pool().core()->repeats(), PoolCore::Repeats::kNo);
  EXPECT_TRUE(all_home());
}

TEST_F(ReceivingTest, APoolThatRunsDryLosesNothingAndNobodySpins) {
  MAKE_OR_SKIP(4, 32);
  std::deque<SocketPair> pairs(10);
  std::deque<Reader> readers;
  std::vector<std::string> got(pairs.size());
  auto take = [](Reader& reader, std::string& into) -> Task<void> {
    for (;;) {
      absl::StatusOr<std::string_view> view = co_await reader.fill_buf();
      EXPECT_TRUE(view.ok()) << view.status();
      if (!view.ok() || view->empty()) co_return;
      into += *view;
      reader.consume(view->size());
    }
  };
  const std::string bytes = pattern(4000);
  for (size_t i = 0; i < pairs.size(); ++i) {
    readers.push_back(read(pairs[i]));
    uring::spawn(ring(), take(readers[i], got[i]));
    pairs[i].write(bytes);
    pairs[i].close_writer();
  }
  const uring::RingStats before = ring().stats();
  ring().run();
  for (const std::string& each : got) EXPECT_EQ(each, bytes);
  const uint64_t buffers = pairs.size() * (bytes.size() / 32 + 1);
  EXPECT_GT(pool().stats().dry, 0u);
  EXPECT_LE(ring().stats().enters - before.enters, 3 * buffers);
  EXPECT_LE(ring().stats().submitted - before.submitted, 3 * buffers);
  EXPECT_TRUE(all_home());
}

TEST_F(ReceivingTest, TheEndIsFoundThoughThePoolIsDry) {
  MAKE_OR_SKIP(4, 32);
  SocketPair pair;
  Reader reader = read(pair);
  pair.write("bytes");
  EXPECT_EQ(text(reader.fill_buf()), "bytes");
  reader.consume(5);
  std::vector<PooledBuffer> taken;
  Started call(reader.fill_buf());
  turn(2);
  while (std::optional<PooledBuffer> one = pool().try_acquire()) taken.push_back(*std::move(one));
  // The kernel's own go to somebody else.
  const SocketPair other;
  Reader hog = read(other);
  other.write(std::string(100, 'h'));
  EXPECT_EQ(text(hog.fill_buf()), std::string(32, 'h'));
  turn(4);
  pair.close_writer();
  turn(4);
  taken.clear();
  ASSERT_TRUE(turn_until(ring(), [&] { return call.ended(); }));
  EXPECT_EQ(testing::text(call.result()), "");
  EXPECT_TRUE(reader.source_ended());
}

TEST_F(ReceivingTest, ARequestThatEndsByItselfIsMadeAgain) {
  MAKE_OR_SKIP(16, 64);
  const SocketPair pair;
  Reader reader = read(pair);
  // The kernel says so of itself when it has no room for a completion, for one.
  pair.write("one");
  EXPECT_EQ(text(reader.fill_buf()), "one");
  reader.consume(3);
  ::shutdown(pair.reader()->fd(), SHUT_RD);  // ends the request with a result of its own: 0 …
  alter_once([](const io_uring_cqe& entry) { return entry.res == 0; },
             [](io_uring_cqe& entry) { entry.res = -EINTR; });  // … that looks interrupted
  EXPECT_EQ(text(reader.fill_buf()), "");
  EXPECT_TRUE(all_home());
}

TEST_F(ReceivingTest, BytesWithoutABufferAreAnErrorAndWhatFollowsIsNotShown) {
  MAKE_OR_SKIP(16, 64);
  const SocketPair pair;
  Reader reader = read(pair);
  pair.write("one");
  EXPECT_EQ(text(reader.fill_buf()), "one");
  alter_once(has_buffer, [](io_uring_cqe& entry) { entry.flags &= ~IORING_CQE_F_BUFFER; });
  pair.write(std::string(200, 'x'));
  absl::StatusOr<std::string_view> view = block_on(ring(), reader.fill_buf(4));
  EXPECT_EQ(uring::errno_of(view.status()), EIO) << view.status();
  EXPECT_EQ(reader.buffered(), "one");
  EXPECT_EQ(ring().stats().in_flight, 0u);
}

TEST_F(ReceivingTest, ABufferThatAnErrorNamesComesBackOnce) {
  MAKE_OR_SKIP(8, 64);
  for (int round = 0; round < 20; ++round) {
    const SocketPair pair;
    Reader reader = read(pair);
    ::shutdown(pair.reader()->fd(), SHUT_RD);
    alter_once([](const io_uring_cqe& entry) { return entry.res == 0; },
               [](io_uring_cqe& entry) {
                 entry.res = -ECONNRESET;
                 entry.flags |= IORING_CQE_F_BUFFER;
               });
    absl::StatusOr<std::string_view> view = block_on(ring(), reader.fill_buf());
    EXPECT_EQ(uring::errno_of(view.status()), ECONNRESET) << view.status();
    EXPECT_TRUE(all_home());
    settle();
  }
  std::vector<PooledBuffer> all;
  while (std::optional<PooledBuffer> one = pool().try_acquire()) {
    one->append("mine");
    all.push_back(*std::move(one));
  }
  for (const PooledBuffer& each : all) EXPECT_EQ(each.view(), "mine");
}

// --- anything in any order -----------------------------------------------------------------------

// BUFIO_TEST_SEED=n repeats one run.
TEST_F(ReceivingTest, LosesNoByteAndNoBufferWhateverIsCancelledAndDropped) {
  const char* given = std::getenv("BUFIO_TEST_SEED");
  const uint32_t first = given != nullptr ? static_cast<uint32_t>(std::atoi(given)) : 1;
  const uint32_t runs = given != nullptr ? 1 : 40;
  MAKE_OR_SKIP(12, 48);
  for (uint32_t seed = first; seed < first + runs && !HasFailure(); ++seed) {
    SCOPED_TRACE(::testing::Message() << "BUFIO_TEST_SEED=" << seed);
    std::mt19937 random(seed);
    struct Input {
      SocketPair pair;
      std::optional<Reader> reader;
      std::unique_ptr<Started<decltype(std::declval<Reader&>().fill_buf(1))>> call;
      std::string text;
      std::string got;
      size_t fed = 0;
      bool over = false;
    };
    std::deque<Input> inputs(6);
    for (Input& input : inputs) {
      input.text = std::string(random() % 3000, static_cast<char>('a' + (&input - &inputs[0])));
      for (char& byte : input.text) byte = static_cast<char>(byte + (random() % 2 == 0 ? 0 : 6));
      const size_t limit = random() % 2 == 0 ? 200 : 100000;
      input.reader = read(input.pair, {.max_buffer_size = limit});
    }
    auto open = [](const Input& input) { return !input.over; };
    for (int step = 0; std::any_of(inputs.begin(), inputs.end(), open); ++step) {
      ASSERT_LT(step, 100000) << "no progress";
      Input& input = inputs[random() % inputs.size()];
      if (random() % 2 == 0 && input.fed < input.text.size()) {
        const size_t most = std::min<size_t>(input.text.size() - input.fed, 1 + random() % 200);
        input.fed +=
            stuff(input.pair.writer(), std::string_view(input.text).substr(input.fed, most));
      } else if (input.fed == input.text.size()) {
        input.pair.close_writer();
      }
      if (input.over) {
        // It has all its bytes.
      } else if (!input.call) {
        input.call = std::make_unique<Started<decltype(input.reader->fill_buf(1))>>(
            input.reader->fill_buf(1 + random() % 120));
      } else if (input.call->ended()) {
        absl::StatusOr<std::string_view> view = input.call->result();
        input.call.reset();
        ASSERT_TRUE(view.ok()) << view.status();
        const size_t taken = std::min<size_t>(view->size(), 1 + random() % 150);
        input.got += view->substr(0, taken);
        input.over = view->empty();
        input.reader->consume(taken);
        // Some go for good, with bytes on their way.
        if (random() % 200 == 0) {
          input.reader.reset();
          input.over = true;
          input.text = input.got;
        }
      } else if (random() % 3 == 0) {
        input.call.reset();
      }
      if (random() % 2 == 0) turn(1);
      const PoolStats stats = pool().stats();
      ASSERT_EQ(stats.free + stats.with_kernel + stats.lent, stats.buffers);
    }
    for (Input& input : inputs) {
      ASSERT_EQ(input.got, input.text);
      input.call.reset();
    }
    inputs.clear();
    ASSERT_TRUE(turn_until(ring(), [&] { return ring().stats().in_flight == 0; }));
    ASSERT_TRUE(all_home());
  }
}

}  // namespace
}  // namespace bufio
