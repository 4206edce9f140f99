// Pools that make extra buffers when all are out: whoever holds one and waits for something else
// keeps nobody waiting, and what was extra is gone afterwards.

#include <chrono>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "bufio/descriptor.h"
#include "bufio/reader.h"
#include "bufio/stream.h"
#include "bufio/writer_options.h"
#include "gtest/gtest.h"
#include "tests/pool/pool_fixture.h"
#include "tests/ring_testing.h"
#include "uring/block_on.h"
#include "uring/buffer_pool.h"
#include "uring/descriptor.h"
#include "uring/options.h"
#include "uring/pool_options.h"
#include "uring/ref.h"
#include "uring/ring.h"
#include "uring/sleep.h"
#include "uring/socket.h"
#include "uring/spawn.h"
#include "uring/task.h"
#include "uring/timeout.h"

namespace uring::testing {
namespace {

class ExtraBuffers : public PoolTest, public ::testing::WithParamInterface<PoolMode> {
 protected:
  PoolOptions of(size_t buffers, size_t extra) {
    return {.buffers = buffers, .buffer_size = 64, .extra_buffers = extra, .mode = GetParam()};
  }
};

TEST_P(ExtraBuffers, ReadersThatAreLookedAtKeepNobodyWaiting) {
  MAKE_POOL_OR_SKIP(of(4, 20));
  const size_t ordinary = memory().allocated() - memory().retired();
  {
    std::deque<SocketPair> pairs(20);
    std::deque<bufio::Reader> readers;
    std::vector<std::string_view> views;
    for (const SocketPair& pair : pairs) {
      readers.push_back(bufio::read_descriptor(ring(), pair.reader(), {.pool = &pool()}));
      pair.write("number " + std::to_string(readers.size()));
      absl::StatusOr<std::string_view> view = block_on(ring(), readers.back().fill_buf());
      ASSERT_TRUE(view.ok()) << view.status();
      views.push_back(*view);
    }
    EXPECT_GE(pool().stats().extra, 16u);
    EXPECT_EQ(pool().stats().waits, 0u);
    for (size_t i = 0; i < views.size(); ++i) {
      EXPECT_EQ(views[i], "number " + std::to_string(i + 1));
    }
  }
  ASSERT_TRUE(turn_until(ring(), [&] { return ring().stats().in_flight == 0; }));
  EXPECT_TRUE(all_home());
  EXPECT_EQ(memory().allocated() - memory().retired(), ordinary);
}

TEST_P(ExtraBuffers, TheBoundIsKeptAndAnExtraOneThatComesBackIsHandedOn) {
  MAKE_POOL_OR_SKIP(of(2, 1));
  std::vector<PooledBuffer> held;
  for (int i = 0; i < 3; ++i) held.push_back(*block_on(ring(), pool().acquire()));
  EXPECT_EQ(pool().stats().extra, 1u);
  EXPECT_FALSE(pool().try_acquire().has_value());
  std::vector<std::string> got;
  auto take = [](BufferPool& from, std::string name, std::vector<std::string>& into) -> Task<void> {
    absl::StatusOr<PooledBuffer> buffer = co_await from.acquire();
    into.push_back(buffer.ok() ? std::move(name) : buffer.status().ToString());
  };
  spawn(ring(), take(pool(), "first", got));
  spawn(ring(), take(pool(), "second", got));
  block_on(ring(), yield(ring()));
  EXPECT_EQ(pool().stats().waiting, 2u);
  held.pop_back();
  ring().run();
  EXPECT_EQ(got, (std::vector<std::string>{"first", "second"}));
  held.clear();
  EXPECT_TRUE(all_home());
}

TEST_P(ExtraBuffers, OneThatOutlivesItsRingIsFreed) {
  MAKE_POOL_OR_SKIP(of(2, 1));
  std::vector<PooledBuffer> held;
  for (int i = 0; i < 3; ++i) held.push_back(*block_on(ring(), pool().acquire()));
  EXPECT_EQ(pool().stats().extra, 1u);
  destroy_pool();
  destroy_ring();
  held.clear();
  EXPECT_EQ(memory().retired(), memory().allocated());
}

INSTANTIATE_TEST_SUITE_P(Modes, ExtraBuffers,
                         ::testing::Values(PoolMode::kRegistered, PoolMode::kProvided,
                                           PoolMode::kHeap),
                         [](const auto& mode) { return mode_name(mode.param); });

Ref<RingCore> share(Ring& ring) { return Ref<RingCore>(&ring.core()); }

Ref<Descriptor> borrow(int fd) {
  return make_ref<Descriptor>(fd, Descriptor::Ownership::kBorrowed, "client");
}

// A server's connection: answers each line, at length, whether its peer reads that or not.
Task<void> answer_lines(bufio::Stream stream, size_t length) {
  for (;;) {
    absl::StatusOr<bufio::Token> line = co_await stream.reader.read_line();
    if (!line.ok() || !line->has_value()) co_return;
    absl::Status written = co_await stream.writer.write(std::string(length, 'x') + "\n");
    if (!written.ok()) co_return;
    written = co_await stream.writer.flush();
    if (!written.ok()) co_return;
  }
}

TEST(ExtraBuffersOfARing, PeersThatDoNotReadKeepNobodyFromBeingServed) {
  EXPECT_GT(RingOptions().receive_pool.extra_buffers, RingOptions().receive_pool.buffers);
  RingOptions options = modest_options();
  options.receive_pool.buffers = 4;
  absl::StatusOr<Ring> made = Ring::create(std::move(options));
  ASSERT_TRUE(made.ok()) << made.status();
  Ring& ring = *made;
  constexpr size_t kMoreThanASocketTakes = size_t{4} << 20;
  bufio::WriterOptions careless;
  careless.on_drop = [](const bufio::DroppedBytes&) {};  // what they have not read
  std::deque<SocketPair> rude(20);
  for (const SocketPair& pair : rude) {
    spawn(ring, answer_lines(bufio::open_stream(Socket(share(ring), pair.reader()), {}, careless),
                             kMoreThanASocketTakes));
    pair.write("a request\nanother one\n");
  }
  ASSERT_TRUE(turn_until(ring, [&] { return receive_pool(ring).stats().extra >= 10; }));
  const SocketPair polite;
  spawn(ring, answer_lines(bufio::open_stream(Socket(share(ring), polite.reader())), 10));
  bufio::Stream client =
      bufio::open_stream(Socket(share(ring), borrow(polite.writer())), {.shared_pool = false});
  EXPECT_TRUE(block_on(ring, client.writer.write("a request\n")).ok());
  absl::StatusOr<bufio::Token> answer =
      block_on(ring, with_timeout(ring, std::chrono::seconds(20), client.reader.read_line()));
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(*answer, std::string(10, 'x'));
}

}  // namespace
}  // namespace uring::testing
