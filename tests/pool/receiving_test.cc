// Sockets on a pool: one request receives for as long as bytes come; a token is lent where it is,
// what nobody waits for stays, and nobody is starved by it.

#include <sys/socket.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "bufio/descriptor.h"
#include "bufio/reader.h"
#include "bufio/stream.h"
#include "gtest/gtest.h"
#include "tests/pool/pool_fixture.h"
#include "tests/pool/receiving_fixture.h"
#include "tests/reader_testing.h"
#include "tests/ring_testing.h"
#include "uring/block_on.h"
#include "uring/buffer_pool.h"
#include "uring/ring.h"
#include "uring/socket.h"
#include "uring/spawn.h"
#include "uring/task.h"

namespace bufio {
namespace {

using testing::ReceivingTest;
using testing::Started;
using uring::block_on;
using uring::Task;
using uring::testing::PoolTest;
using uring::testing::SocketPair;
using uring::testing::turn_until;

// --- one request ---------------------------------------------------------------------------------

TEST_F(ReceivingTest, OneRequestBringsAnyNumberOfMessages) {
  MAKE_OR_SKIP(16, 1024);
  const SocketPair pair;
  Reader reader = read(pair);
  const uint64_t submitted = ring().stats().submitted;
  for (int i = 0; i < 200; ++i) {
    const std::string message = "message " + std::to_string(i);
    pair.write(message + "\n");
    ASSERT_EQ(line(reader), message);
  }
  EXPECT_EQ(reader.stats().reads, 1u);
  EXPECT_EQ(ring().stats().submitted - submitted, 1u);
  EXPECT_EQ(reader.stats().copied_bytes, 0u);
}

TEST_F(ReceivingTest, OnlyATokenThatStraddlesTwoBuffersIsCopied) {
  MAKE_OR_SKIP(16, 64);
  const SocketPair pair;
  Reader reader = read(pair);
  pair.write(std::string(50, 'a') + "\n" + std::string(20, 'b') + "\n");
  EXPECT_EQ(line(reader), std::string(50, 'a'));
  EXPECT_EQ(reader.stats().copied_bytes, 0u);
  EXPECT_EQ(line(reader), std::string(20, 'b'));
  // The 13 bytes of it that were in the first buffer: in front of the others, or to memory of the
  // Reader's own.
  EXPECT_GE(reader.stats().copied_bytes, 13u);
  EXPECT_LE(reader.stats().copied_bytes, 26u);
}

TEST_F(ReceivingTest, ASilentReaderHasNoBuffer) {
  MAKE_OR_SKIP(16, 64);
  const SocketPair pair;
  Reader reader = read(pair);
  for (int i = 0; i < 20; ++i) {
    Started call(reader.fill_buf());
    turn(2);
    EXPECT_TRUE(all_home());
    pair.write("word");
    ASSERT_TRUE(turn_until(ring(), [&] { return call.ended(); }));
    reader.consume(4);
  }
}

TEST_F(ReceivingTest, ReadSizeIsKeptTo) {
  MAKE_OR_SKIP(16, 64);
  const SocketPair pair;
  Reader reader = read(pair, {.read_size = 10});
  pair.write(std::string(64, 'x'));
  EXPECT_EQ(block_on(ring(), reader.fill_buf())->size(), 10u);
  EXPECT_EQ(reader.stats().bytes, 10u);
}

// --- bytes that nobody waits for -----------------------------------------------------------------

TEST_F(ReceivingTest, AFewUnaskedPiecesStayInThePoolAndTheRestMovesOut) {
  MAKE_OR_SKIP(64, 64);
  const SocketPair pair;
  Reader reader = read(pair);
  pair.write("first");
  EXPECT_EQ(text(reader.fill_buf()), "first");
  reader.consume(5);
  std::string expected;
  for (size_t i = 0; i < 30; ++i) {
    const std::string piece(20 + i, static_cast<char>('a' + i % 26));
    pair.write(piece);
    expected += piece;
    turn(2);
    EXPECT_LE(pool().stats().lent, 5u);  // the window's, and four more
  }
  EXPECT_EQ(reader.stats().reads, 1u);
  EXPECT_EQ(block_on(ring(), reader.require(expected.size())).value(), expected);
  EXPECT_EQ(reader.stats().reads, 1u);
}

TEST_F(ReceivingTest, PiecesThatAreAskedForInTimeAreNotCopied) {
  MAKE_OR_SKIP(64, 64);
  const SocketPair pair;
  Reader reader = read(pair);
  pair.write("zero");
  EXPECT_EQ(text(reader.fill_buf()), "zero");
  reader.consume(4);
  for (std::string_view piece : {"one", "two", "three"}) {
    pair.write(piece);
    turn(2);
  }
  for (std::string_view piece : {"one", "two", "three"}) {
    EXPECT_EQ(text(reader.fill_buf()), piece);
    reader.consume(piece.size());
  }
  EXPECT_EQ(reader.stats().copied_bytes, 0u);
}

TEST_F(ReceivingTest, WhoeverIsNotDrainedStarvesNobody) {
  MAKE_OR_SKIP(8, 64);
  std::deque<SocketPair> pairs(20);
  std::deque<Reader> lazy;
  for (const SocketPair& pair : pairs) {
    lazy.push_back(read(pair));
    pair.write("half ");
    EXPECT_EQ(text(lazy.back().fill_buf()), "half ");
    {
      Started call(lazy.back().fill_buf(6));  // views end here
      turn(1);
    }
    pair.write("unasked");
    turn(2);
  }
  EXPECT_LE(pool().stats().lent, 8u / 4 + 1);
  const SocketPair pair;
  Reader busy = read(pair);
  for (int i = 0; i < 50; ++i) {
    pair.write(std::string(200, 'x') + "\n");
    EXPECT_EQ(line(busy), std::string(200, 'x'));
  }
  for (Reader& reader : lazy) EXPECT_EQ(text(reader.fill_buf(12)), "half unasked");
}

TEST_F(ReceivingTest, HalfATokenIsKeptFromTheOthersOnlyWhileThereArePlenty) {
  MAKE_OR_SKIP(16, 64);
  std::deque<SocketPair> pairs(40);
  std::deque<Reader> readers;
  std::vector<std::string> got(pairs.size());
  auto take_lines = [](Reader& reader, std::string& into) -> Task<void> {
    for (;;) {
      absl::StatusOr<Token> token = co_await reader.read_line();
      EXPECT_TRUE(token.ok()) << token.status();
      if (!token.ok() || !token->has_value()) co_return;
      into += **token;
    }
  };
  for (size_t i = 0; i < pairs.size(); ++i) {
    readers.push_back(read(pairs[i]));
    uring::spawn(ring(), take_lines(readers[i], got[i]));
    pairs[i].write("half ");
  }
  turn(6);
  for (const Reader& reader : readers) EXPECT_EQ(reader.buffered(), "half ");
  EXPECT_GT(pool().stats().lent, 0u);
  EXPECT_LE(pool().stats().lent, 16u / 4);
  for (SocketPair& pair : pairs) {
    pair.write("a token\n");
    pair.close_writer();
  }
  ring().run();
  for (const std::string& each : got) EXPECT_EQ(each, "half a token");
  EXPECT_TRUE(all_home());
}

TEST_F(ReceivingTest, MemoryThatItsBytesWereMovedToGoesWhenTheyAreConsumed) {
  MAKE_OR_SKIP(8, 64);
  const SocketPair pair;
  Reader reader = read(pair);
  auto memory_while_silent = [&] {
    Started call(reader.fill_buf());
    turn(2);
    EXPECT_FALSE(call.ended());
    return memory().allocated() - memory().retired();
  };
  const size_t before = memory_while_silent();
  for (int i = 0; i < 20; ++i) {
    pair.write(std::string(30, 'x'));
    turn(2);
  }
  EXPECT_EQ(block_on(ring(), reader.require(600))->size(), 600u);
  EXPECT_GT(memory().allocated() - memory().retired(), before);
  reader.consume(600);
  EXPECT_EQ(memory_while_silent(), before);
  EXPECT_TRUE(all_home());
}

// --- the end of a Reader -------------------------------------------------------------------------

TEST_F(ReceivingTest, ADestroyedReaderCancelsAndEveryBufferComesHome) {
  MAKE_OR_SKIP(16, 64);
  for (int pieces = 0; pieces < 12; ++pieces) {
    const SocketPair pair;
    std::optional<Reader> reader = read(pair);
    pair.write("first");
    EXPECT_EQ(text(reader->fill_buf()), "first");
    pair.write(std::string(64 * static_cast<size_t>(pieces), 'x'));
    if (pieces % 2 == 0) turn(1);
    if (pieces % 3 == 0) ring().core().submit();  // completions that nobody has looked at
    reader.reset();
    if (pieces % 4 == 0) pair.write(std::string(500, 'y'));
    ASSERT_TRUE(turn_until(ring(), [&] { return ring().stats().in_flight == 0; }));
    EXPECT_TRUE(all_home()) << pieces;
  }
}

TEST_F(ReceivingTest, ReleaseHandsOutWhatHasComeAndTheSocketHasTheRest) {
  MAKE_OR_SKIP(32, 64);
  SocketPair pair;
  Reader reader = read(pair);
  pair.write("first");
  EXPECT_EQ(text(reader.fill_buf()), "first");
  reader.consume(2);
  std::string rest = "rst";
  for (int i = 0; i < 10; ++i) {
    pair.write("piece " + std::to_string(i) + ",");
    rest += "piece " + std::to_string(i) + ",";
    turn(i % 3);
  }
  absl::StatusOr<Released> released = block_on(ring(), reader.release());
  ASSERT_TRUE(released.ok()) << released.status();
  char bytes[1000];
  pair.write("!");
  const ssize_t left = recv(pair.reader()->fd(), bytes, sizeof bytes, 0);
  ASSERT_GT(left, 0);
  EXPECT_EQ(released->leftover + std::string(bytes, static_cast<size_t>(left)), rest + "!");
  EXPECT_EQ(ring().stats().in_flight, 0u);
  released->fd.release();
}

// --- the Ring's own pool -------------------------------------------------------------------------

TEST_F(PoolTest, SocketsShareTheRingsPoolIfTheyAreToldTo) {
  std::deque<SocketPair> pairs(5);
  std::deque<Reader> readers;
  for (const SocketPair& pair : pairs) {
    readers.push_back(read_descriptor(ring(), pair.reader(), {.shared_pool = true}));
    pair.write("hello");
  }
  const uring::BufferPool shared = uring::receive_pool(ring());
  EXPECT_EQ(shared.stats().buffers, 1024u);
  EXPECT_EQ(shared.stats().handed_out, 0u);
  for (Reader& reader : readers) {
    EXPECT_EQ(testing::text(block_on(ring(), reader.fill_buf())), "hello");
  }
  EXPECT_EQ(shared.stats().handed_out, 5u);
  readers.clear();
  EXPECT_EQ(shared.stats().lent, 0u);
}

TEST_F(PoolTest, TheRingsPoolIsAsItIsToldAndGoesWithTheLastWhoHasAShare) {
  uring::RingOptions options = uring::testing::modest_options();
  options.receive_pool = {.buffers = 4, .buffer_size = 100};
  std::optional<uring::Ring> other = *uring::Ring::create(options);
  const SocketPair pair;
  pair.write("hello");
  const uring::Socket socket(uring::Ref<uring::RingCore>(&other->core()), pair.reader());
  Stream stream = open_stream(socket);
  EXPECT_EQ(testing::text(block_on(*other, stream.reader.fill_buf())), "hello");
  EXPECT_EQ(uring::receive_pool(*other).stats().buffers, 4u);
  other.reset();
  EXPECT_EQ(stream.reader.buffered(), "hello");
}

TEST_F(PoolTest, StreamsHaveBuffersOfTheirOwnIfTheyAreToldTo) {
  const SocketPair pair;
  pair.write("hello");
  const uring::Socket socket(uring::Ref<uring::RingCore>(&ring().core()), pair.reader());
  Stream stream = open_stream(socket, {.shared_pool = false});
  EXPECT_EQ(testing::text(block_on(ring(), stream.reader.fill_buf())), "hello");
  EXPECT_EQ(uring::receive_pool(ring()).stats().handed_out, 0u);
}

TEST_F(PoolTest, TheKernelHasFewBuffersWhileFewReceive) {
  const SocketPair pair;
  Reader reader = read_descriptor(ring(), pair.reader(), {.shared_pool = true});
  const uring::BufferPool shared = uring::receive_pool(ring());
  for (int i = 0; i < 200; ++i) {
    pair.write("hello");
    EXPECT_EQ(testing::text(block_on(ring(), reader.fill_buf())), "hello");
    reader.consume(5);
    EXPECT_LE(shared.stats().with_kernel, 64u);
  }
}

}  // namespace
}  // namespace bufio
