// A pool hands out its buffers fairly, takes each back once, and shows nobody another's bytes.

#include "uring/buffer_pool.h"

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <deque>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/pool/pool_fixture.h"
#include "tests/ring_testing.h"
#include "uring/as_task.h"
#include "uring/block_on.h"
#include "uring/sleep.h"
#include "uring/spawn.h"
#include "uring/status.h"
#include "uring/task.h"

namespace uring {
namespace {

using testing::mode_name;
using testing::Pipe;
using testing::PoolTest;
using testing::SocketPair;
using testing::TemporaryFile;
using testing::text;
using testing::turn_until;

constexpr PoolMode kAllModes[] = {PoolMode::kAuto, PoolMode::kRegistered, PoolMode::kProvided,
                                  PoolMode::kHeap};

class EveryMode : public PoolTest, public ::testing::WithParamInterface<PoolMode> {
 protected:
  PoolOptions of(size_t buffers, size_t size = 4096) const {
    return {.buffers = buffers, .buffer_size = size, .mode = GetParam()};
  }
};

INSTANTIATE_TEST_SUITE_P(All, EveryMode, ::testing::ValuesIn(kAllModes),
                         [](const auto& each) { return mode_name(each.param); });

// --- reads ---------------------------------------------------------------------------------------

TEST_P(EveryMode, ReadsAFileByBuffersAndThenItsEnd) {
  MAKE_POOL_OR_SKIP(of(2, 5));
  const TemporaryFile file("hello, you");
  EXPECT_EQ(text(block_on(ring(), pool().read_at(file.borrow(), 0))), "hello");
  EXPECT_EQ(text(block_on(ring(), pool().read_at(file.borrow(), 7))), "you");
  absl::StatusOr<PooledBuffer> end = block_on(ring(), pool().read_at(file.borrow(), 10));
  ASSERT_TRUE(end.ok()) << end.status();
  EXPECT_TRUE(end->empty());
  EXPECT_TRUE(all_home());
}

TEST_P(EveryMode, ReadsAPipeAndThenItsEnd) {
  MAKE_POOL_OR_SKIP(of(1, 3));
  Pipe pipe;
  ASSERT_TRUE(pipe.write("abcde"));
  pipe.close_writer();
  const Ref<Descriptor> end = pipe.take_reader();
  EXPECT_EQ(text(block_on(ring(), pool().read(end))), "abc");
  EXPECT_EQ(text(block_on(ring(), pool().read(end))), "de");
  EXPECT_EQ(text(block_on(ring(), pool().read(end))), "");
  EXPECT_TRUE(all_home());
}

TEST_P(EveryMode, ReadsASocketAndThenItsEnd) {
  MAKE_POOL_OR_SKIP(of(2, 3));
  SocketPair pair;
  pair.write("abcde");
  pair.close_writer();
  EXPECT_EQ(text(block_on(ring(), pool().recv(pair.reader()))), "abc");
  EXPECT_EQ(text(block_on(ring(), pool().recv(pair.reader()))), "de");
  EXPECT_EQ(text(block_on(ring(), pool().recv(pair.reader()))), "");
  EXPECT_TRUE(all_home());
}

TEST_P(EveryMode, SaysWhatIsWrongWithADescriptor) {
  MAKE_POOL_OR_SKIP(of(2));
  const auto none = make_ref<Descriptor>(987654, Descriptor::Ownership::kBorrowed, "nowhere");
  for (int kind = 0; kind < 3; ++kind) {
    absl::StatusOr<PooledBuffer> bytes = block_on(ring(), kind == 0   ? pool().read_at(none, 0)
                                                          : kind == 1 ? pool().read(none)
                                                                      : pool().recv(none));
    EXPECT_EQ(errno_of(bytes.status()), EBADF) << bytes.status();
    EXPECT_NE(bytes.status().message().find("nowhere"), std::string::npos);
    EXPECT_TRUE(all_home());
  }
}

TEST_P(EveryMode, StreamsThatAreSilentHaveNoBuffer) {
  MAKE_POOL_OR_SKIP(of(2));
  const SocketPair socket;
  const Pipe pipe;
  std::vector<std::string> got;
  auto note = [](Task<absl::StatusOr<PooledBuffer>> read,
                 std::vector<std::string>& into) -> Task<void> {
    absl::StatusOr<PooledBuffer> bytes = co_await std::move(read);
    into.push_back(text(bytes));
  };
  for (int i = 0; i < 3; ++i) {
    spawn(ring(), note(as_task(pool().recv(socket.reader())), got));
    spawn(ring(), note(as_task(pool().read(pipe.borrow_reader())), got));
  }
  block_on(ring(), yield(ring()));
  block_on(ring(), yield(ring()));
  EXPECT_EQ(ring().stats().in_flight, 6u);
  EXPECT_TRUE(all_home());
  for (int i = 0; i < 3; ++i) {
    socket.write("s");
    ASSERT_TRUE(pipe.write("p"));
    ASSERT_TRUE(turn_until(ring(), [&] { return got.size() == 2 * static_cast<size_t>(i) + 2; }));
  }
  EXPECT_TRUE(all_home());
}

// --- what is in view -----------------------------------------------------------------------------

TEST_P(EveryMode, AReadShowsItsOwnBytesAndNoOthers) {
  MAKE_POOL_OR_SKIP(of(1));
  const TemporaryFile secret("a secret of another stream");
  const TemporaryFile file("ab");
  EXPECT_EQ(block_on(ring(), pool().read_at(secret.borrow(), 0))->size(), 26u);
  absl::StatusOr<PooledBuffer> bytes = block_on(ring(), pool().read_at(file.borrow(), 0));
  EXPECT_EQ(text(bytes), "ab");
  bytes->resize(6);
  EXPECT_EQ(bytes->view(), std::string_view("ab\0\0\0\0", 6));
  bytes->resize(1);
  bytes->resize(2);
  EXPECT_EQ(bytes->view(), std::string_view("a\0", 2));
}

TEST_P(EveryMode, AnAcquiredBufferIsEmptyAndTakesItsCapacity) {
  MAKE_POOL_OR_SKIP(of(1, 8));
  absl::StatusOr<PooledBuffer> buffer = block_on(ring(), pool().acquire());
  ASSERT_TRUE(buffer.ok()) << buffer.status();
  EXPECT_TRUE(buffer->empty());
  EXPECT_EQ(buffer->capacity(), 8u);
  EXPECT_EQ(buffer->append("hello"), 5u);
  EXPECT_EQ(buffer->append(", you"), 3u);
  EXPECT_EQ(buffer->append("!"), 0u);
  buffer->bytes()[0] = 'J';
  EXPECT_EQ(buffer->view(), "Jello, y");
  PooledBuffer moved = *std::move(buffer);
  EXPECT_EQ(moved.view(), "Jello, y");
  EXPECT_EQ(buffer->capacity(), 0u);  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(pool().stats().lent, 1u);
  moved.reset();
  EXPECT_TRUE(all_home());
  EXPECT_EQ(pool().try_acquire()->view(), "");
}

TEST_P(EveryMode, GrowingABufferBeyondItsCapacityIsCaught) {
  MAKE_POOL_OR_SKIP(of(1, 8));
  std::optional<PooledBuffer> buffer = pool().try_acquire();
  EXPECT_DEATH(buffer->resize(9), "beyond its capacity");
}

// --- the line ------------------------------------------------------------------------------------

Task<void> acquire_and_note(BufferPool& pool, int number, std::vector<int>& order,
                            std::deque<PooledBuffer>& held) {
  absl::StatusOr<PooledBuffer> buffer = co_await pool.acquire();
  EXPECT_TRUE(buffer.ok()) << buffer.status();
  order.push_back(number);
  held.push_back(*std::move(buffer));
}

TEST_P(EveryMode, ABufferThatComesBackGoesToWhoeverWaitsLongest) {
  MAKE_POOL_OR_SKIP(of(2));
  std::vector<int> order;
  std::deque<PooledBuffer> held;
  for (int i = 0; i < 6; ++i) spawn(ring(), acquire_and_note(pool(), i, order, held));
  ASSERT_TRUE(turn_until(ring(), [&] { return order.size() == 2; }));
  EXPECT_EQ(pool().stats().waiting, 4u);
  EXPECT_FALSE(pool().try_acquire().has_value());
  const uint64_t enters = ring().stats().enters;
  while (!held.empty()) {
    held.pop_front();
    // It is spoken for, though its new owner has not run yet.
    EXPECT_FALSE(pool().try_acquire().has_value() && order.size() < 6);
    block_on(ring(), yield(ring()));
    block_on(ring(), yield(ring()));
  }
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(ring().stats().enters, enters);  // waiting costs no system call
  EXPECT_EQ(pool().stats().waits, 4u);
  EXPECT_TRUE(all_home());
}

TEST_P(EveryMode, WhoeverIsDestroyedInLineLeavesIt) {
  MAKE_POOL_OR_SKIP(of(1));
  std::vector<int> order;
  std::deque<PooledBuffer> held;
  held.push_back(*pool().try_acquire());
  Task<void> first = acquire_and_note(pool(), 1, order, held);
  Task<void> second = acquire_and_note(pool(), 2, order, held);
  testing::Unobserved nobody;
  EXPECT_FALSE(first.start(nobody));
  EXPECT_FALSE(second.start(nobody));
  EXPECT_EQ(pool().stats().waiting, 2u);
  first.reset();
  EXPECT_EQ(pool().stats().waiting, 1u);
  held.clear();
  block_on(ring(), yield(ring()));
  EXPECT_EQ(order, std::vector<int>{2});
}

TEST_P(EveryMode, ABufferThatWasGrantedToSomebodyWhoDiesGoesToTheNext) {
  MAKE_POOL_OR_SKIP(of(1));
  std::vector<int> order;
  std::deque<PooledBuffer> held;
  held.push_back(*pool().try_acquire());
  Task<void> first = acquire_and_note(pool(), 1, order, held);
  Task<void> second = acquire_and_note(pool(), 2, order, held);
  testing::Unobserved nobody;
  EXPECT_FALSE(first.start(nobody));
  EXPECT_FALSE(second.start(nobody));
  held.clear();
  first.reset();  // ready, and never resumed
  block_on(ring(), yield(ring()));
  EXPECT_EQ(order, std::vector<int>{2});
  held.clear();
  EXPECT_TRUE(all_home());
}

Task<void> acquire_two(BufferPool& pool) {
  absl::StatusOr<PooledBuffer> one = co_await pool.acquire();
  absl::StatusOr<PooledBuffer> two = co_await pool.acquire();
  static_cast<void>(two);
}

// Within the forked child, where a Ring of the parent must not be used.
void acquire_two_of_one() {
  Ring ring = *Ring::create(testing::modest_options());
  BufferPool pool(ring, {.buffers = 1, .buffer_size = 10});
  block_on(ring, acquire_two(pool));
}

TEST(BufferPoolDeathTest, WaitingForABufferThatOneKeepsOneselfIsCaught) {
  EXPECT_DEATH(acquire_two_of_one(), "would sleep for ever");
}

// Reads `count` messages, each of which it keeps for a while.
Task<void> serve(Ring& ring, BufferPool& pool, Ref<Descriptor> stream, bool socket, size_t count,
                 size_t& served) {
  while (served < count) {
    absl::StatusOr<PooledBuffer> bytes;
    if (socket) {
      bytes = co_await pool.recv(stream);
    } else {
      bytes = co_await pool.read(stream);
    }
    EXPECT_EQ(text(bytes), "message.");
    if (!bytes.ok()) break;
    co_await yield(ring);
    ++served;
  }
}

TEST_P(EveryMode, ManyStreamsShareFewBuffersFairlyAndNobodySpins) {
  constexpr size_t kStreams = 40;
  constexpr size_t kMessages = 25;
  MAKE_POOL_OR_SKIP(of(3, 8));
  for (bool sockets : {false, true}) {
    std::deque<Pipe> pipes;
    std::deque<SocketPair> pairs;
    std::vector<size_t> served(kStreams, 0);
    const RingStats before = ring().stats();
    for (size_t i = 0; i < kStreams; ++i) {
      pipes.emplace_back();
      pairs.emplace_back();
      for (size_t n = 0; n < kMessages; ++n) {
        if (sockets) {
          pairs.back().write("message.");
        } else {
          ASSERT_TRUE(pipes.back().write("message."));
        }
      }
      spawn(ring(),
            serve(ring(), pool(), sockets ? pairs.back().reader() : pipes.back().borrow_reader(),
                  sockets, kMessages, served[i]));
    }
    size_t widest = 0;
    while (!ring().core().spawned().empty()) {
      ring().core().turn();
      auto [least, most] = std::minmax_element(served.begin(), served.end());
      widest = std::max(widest, *most - *least);
    }
    for (size_t count : served) EXPECT_EQ(count, kMessages);
    EXPECT_LE(widest, 3u) << "somebody was overtaken";
    const RingStats after = ring().stats();
    constexpr uint64_t kReads = kStreams * kMessages;
    EXPECT_LE(after.submitted - before.submitted, 3 * kReads);
    EXPECT_LE(after.enters - before.enters, 3 * kReads);
    EXPECT_TRUE(all_home());
  }
}

// --- cancelling ----------------------------------------------------------------------------------

TEST_P(EveryMode, ADestroyedReadsBufferComesBackWithItsCompletion) {
  MAKE_POOL_OR_SKIP(of(2, 8));
  const TemporaryFile file("bytes");
  auto read_it = [](BufferPool& pool, Ref<Descriptor> from) -> Task<void> {
    absl::StatusOr<PooledBuffer> bytes = co_await pool.read_at(std::move(from), 0);
    ADD_FAILURE() << "resumed: " << text(bytes);
  };
  testing::Unobserved nobody;
  Task<void> read = read_it(pool(), file.borrow());
  EXPECT_FALSE(read.start(nobody));
  ring().core().submit();
  EXPECT_EQ(pool().stats().lent, 1u);
  read.reset();
  EXPECT_EQ(pool().stats().lent, 1u) << "the kernel may still write to it";
  EXPECT_EQ(ring().stats().orphans, 1u);
  ASSERT_TRUE(turn_until(ring(), [&] { return ring().stats().in_flight == 0; }));
  EXPECT_TRUE(all_home());
}

TEST_P(EveryMode, EveryBufferIsHomeAfterRandomCancels) {
  MAKE_POOL_OR_SKIP(of(4, 16));
  std::mt19937 random(20261125);
  const TemporaryFile file("0123456789abcdef");
  SocketPair socket;
  const Pipe pipe;
  testing::Unobserved nobody;
  auto once = [](BufferPool& pool, Ref<Descriptor> from, int kind) -> Task<void> {
    absl::StatusOr<PooledBuffer> bytes;
    if (kind == 0) bytes = co_await pool.read_at(from, 3);
    if (kind == 1) bytes = co_await pool.read(from);
    if (kind == 2) bytes = co_await pool.recv(from);
    if (kind == 3) bytes = co_await pool.acquire();
    EXPECT_TRUE(bytes.ok()) << bytes.status();
  };
  std::vector<Task<void>> tasks(12);
  for (int round = 0; round < 6000; ++round) {
    Task<void>& task = tasks[random() % tasks.size()];
    if (task && !task.ended()) {
      if (random() % 3 == 0) task.reset();
    } else {
      int kind = static_cast<int>(random() % 4);
      Ref<Descriptor> from = kind == 0   ? file.borrow()
                             : kind == 1 ? pipe.borrow_reader()
                                         : socket.reader();
      task = once(pool(), std::move(from), kind);
      static_cast<void>(task.start(nobody));
    }
    if (random() % 4 == 0) socket.write("from the socket");
    if (random() % 4 == 0) {
      ASSERT_TRUE(pipe.write("from the pipe"));
    }
    if (random() % 3 == 0) ring().core().submit();
    if (random() % 2 == 0) block_on(ring(), yield(ring()));
    const PoolStats stats = pool().stats();
    ASSERT_EQ(stats.free + stats.with_kernel + stats.lent, stats.buffers);
    // What nobody has read by now would fill the pipe.
    if (round % 64 == 63) {
      char rest[4096];
      while (recv(socket.reader()->fd(), rest, sizeof rest, MSG_DONTWAIT) > 0) continue;
      int left = 0;
      while (ioctl(pipe.reader(), FIONREAD, &left) == 0 && left > 0) {
        ASSERT_GT(read(pipe.reader(), rest, sizeof rest), 0);
      }
    }
  }
  tasks.clear();
  ASSERT_TRUE(turn_until(ring(), [&] { return ring().stats().in_flight == 0; }));
  EXPECT_TRUE(all_home());
}

// --- the kernel's own picking --------------------------------------------------------------------

class Provided : public PoolTest {
 protected:
  void SetUp() override {
    PoolTest::SetUp();
    if (!make_pool({.buffers = 4, .buffer_size = 64, .mode = PoolMode::kProvided})) {
      GTEST_SKIP() << "this kernel takes no buffer ring";
    }
  }
  // Changes the completions that were given a buffer.
  template <class Change>
  void alter(Change change) {
    kernel().alter_completion = [change](io_uring_cqe& entry) {
      if ((entry.flags & IORING_CQE_F_BUFFER) != 0) change(entry);
    };
  }
};

TEST_F(Provided, AKernelThatIsOutOfBuffersMakesReadersWaitAndIsNoError) {
  std::deque<SocketPair> pairs(8);
  for (SocketPair& pair : pairs) pair.write("data");
  std::vector<std::string> got;
  std::deque<PooledBuffer> held;
  auto keep = [](BufferPool& pool, Ref<Descriptor> socket,
                 std::deque<PooledBuffer>& into) -> Task<void> {
    absl::StatusOr<PooledBuffer> bytes = co_await pool.recv(std::move(socket));
    EXPECT_EQ(text(bytes), "data");
    into.push_back(*std::move(bytes));
  };
  for (SocketPair& pair : pairs) spawn(ring(), keep(pool(), pair.reader(), held));
  ASSERT_TRUE(turn_until(ring(), [&] { return held.size() == 4; }));
  for (int turn = 0; turn < 5; ++turn) block_on(ring(), yield(ring()));
  EXPECT_GT(pool().stats().dry, 0u);
  EXPECT_EQ(pool().stats().waiting, 4u);
  EXPECT_EQ(ring().stats().in_flight, 0u);
  for (int left = 4; left > 0; --left) {
    held.pop_front();
    ASSERT_TRUE(turn_until(ring(), [&] { return held.size() == 4; }));
  }
  held.clear();
  EXPECT_TRUE(all_home());
}

// Some kernels say so of a buffer that is gone …
TEST_F(Provided, ABufferThatAnErrorTookComesBack) {
  SocketPair pair;
  for (int round = 0; round < 20; ++round) {
    pair.write("data");
    alter([](io_uring_cqe& entry) { entry.res = -EIO; });
    absl::StatusOr<PooledBuffer> bytes = block_on(ring(), pool().recv(pair.reader()));
    EXPECT_EQ(errno_of(bytes.status()), EIO);
    kernel().alter_completion = nullptr;
    pair.write("more");
    EXPECT_EQ(text(block_on(ring(), pool().recv(pair.reader()))), "more");
  }
  EXPECT_EQ(pool().stats().dry, 0u);
  EXPECT_TRUE(all_home());
}

// … and some of one that the kernel still has, and will give to the next.
TEST_F(Provided, ABufferThatAnErrorOnlyNamedIsNotGivenToTwo) {
  SocketPair idle;
  std::deque<SocketPair> pairs(4);
  auto wait_for_ever = [](BufferPool& pool, Ref<Descriptor> socket) -> Task<void> {
    absl::StatusOr<PooledBuffer> bytes = co_await pool.recv(std::move(socket));
    static_cast<void>(bytes);
  };
  auto keep = [](BufferPool& pool, Ref<Descriptor> socket, PooledBuffer& into) -> Task<void> {
    absl::StatusOr<PooledBuffer> bytes = co_await pool.recv(std::move(socket));
    EXPECT_TRUE(bytes.ok()) << bytes.status();
    if (bytes.ok()) into = *std::move(bytes);
  };
  testing::Unobserved nobody;
  for (uint32_t named = 0; named < 4; ++named) {
    // Somebody goes on picking, so that not all can be taken back.
    Task<void> other = wait_for_ever(pool(), idle.reader());
    static_cast<void>(other.start(nobody));
    Task<void> dying = wait_for_ever(pool(), idle.reader());
    static_cast<void>(dying.start(nobody));
    ring().core().submit();
    dying.reset();
    kernel().alter_completion = [named](io_uring_cqe& entry) {
      if (entry.res != -ECANCELED) return;
      entry.flags |= IORING_CQE_F_BUFFER | named << IORING_CQE_BUFFER_SHIFT;
    };
    ASSERT_TRUE(turn_until(ring(), [&] { return ring().stats().orphans == 0; }));
    std::deque<PooledBuffer> held(pairs.size());
    for (size_t i = 0; i < pairs.size(); ++i) {
      pairs[i].write(std::string(i + 1, static_cast<char>('a' + i)));
      spawn(ring(), keep(pool(), pairs[i].reader(), held[i]));
    }
    ring().run();
    for (size_t i = 0; i < pairs.size(); ++i) {
      EXPECT_EQ(held[i].view(), std::string(i + 1, static_cast<char>('a' + i)));
    }
    held.clear();
    other.reset();
    ASSERT_TRUE(turn_until(ring(), [&] { return ring().stats().orphans == 0; }));
  }
  EXPECT_TRUE(all_home());
}

TEST_F(Provided, ABufferThatWasPickedForNobodyIsTheKernelsAgain) {
  SocketPair pair;
  testing::Unobserved nobody;
  for (int i = 0; i < 10; ++i) {
    auto waiting = as_task(pool().recv(pair.reader()));
    EXPECT_FALSE(waiting.start(nobody));
    pair.write("data");
    ring().core().submit();  // it has a buffer, and nobody has looked yet
    waiting.reset();
    ASSERT_TRUE(turn_until(ring(), [&] { return ring().stats().in_flight == 0; }));
  }
  pair.write("more");
  EXPECT_EQ(text(block_on(ring(), pool().recv(pair.reader()))), "more");
  EXPECT_EQ(pool().stats().dry, 0u);
  EXPECT_TRUE(all_home());
}

TEST_F(Provided, BytesWithoutABufferAreAnErrorAndNotNothing) {
  SocketPair pair;
  pair.write("data");
  alter([](io_uring_cqe& entry) { entry.flags &= ~IORING_CQE_F_BUFFER; });
  absl::StatusOr<PooledBuffer> bytes = block_on(ring(), pool().recv(pair.reader()));
  EXPECT_EQ(errno_of(bytes.status()), EIO);
}

TEST_F(Provided, ABufferThatTheKernelDidNotHaveIsNotTakenFromIt) {
  SocketPair pair;
  std::optional<PooledBuffer> mine = pool().try_acquire();
  mine->append("mine");
  for (uint32_t number : {3u, 1000u, 0u}) {
    pair.write("data");
    alter([number](io_uring_cqe& entry) {
      entry.flags = (entry.flags & 0xffff) | number << IORING_CQE_BUFFER_SHIFT;
    });
    absl::StatusOr<PooledBuffer> bytes = block_on(ring(), pool().recv(pair.reader()));
    if (bytes.ok()) continue;  // it was the right one by chance
    EXPECT_EQ(errno_of(bytes.status()), EIO);
  }
  EXPECT_EQ(mine->view(), "mine");
}

TEST_F(Provided, TheKernelNeverHasAllBuffers) {
  SocketPair pair;
  pair.write("x");
  EXPECT_EQ(text(block_on(ring(), pool().recv(pair.reader()))), "x");
  EXPECT_EQ(pool().stats().with_kernel, 2u);
  std::optional<PooledBuffer> one = pool().try_acquire();
  std::optional<PooledBuffer> two = pool().try_acquire();
  EXPECT_TRUE(one.has_value() && two.has_value());
}

TEST_F(Provided, PoolsOfOneRingDoNotMixTheirBuffers) {
  BufferPool other(ring(), {.buffers = 2, .buffer_size = 8, .mode = PoolMode::kProvided});
  EXPECT_TRUE(other.stats().provided);
  SocketPair pair;
  for (int i = 0; i < 10; ++i) {
    pair.write("0123456789");
    EXPECT_EQ(text(block_on(ring(), other.recv(pair.reader()))), "01234567");
    EXPECT_EQ(text(block_on(ring(), pool().recv(pair.reader()))), "89");
  }
  EXPECT_EQ(other.stats().handed_out, 10u);
  EXPECT_TRUE(all_home());
}

TEST_F(PoolTest, WhatTheKernelRefusesIsLeftOut) {
  kernel().register_fault = [](unsigned opcode) {
    return opcode == IORING_REGISTER_PBUF_RING || opcode == IORING_REGISTER_BUFFERS_UPDATE ? EINVAL
                                                                                           : 0;
  };
  for (PoolMode mode : kAllModes) {
    BufferPool plain(ring(), {.buffers = 2, .buffer_size = 8, .mode = mode});
    EXPECT_FALSE(plain.stats().registered || plain.stats().provided);
    SocketPair pair;
    pair.write("socket");
    EXPECT_EQ(text(block_on(ring(), plain.recv(pair.reader()))), "socket");
    const TemporaryFile file("file");
    EXPECT_EQ(text(block_on(ring(), plain.read_at(file.borrow(), 0))), "file");
  }
}

TEST_F(PoolTest, AllMemoryIsAllocatedOnceAndRegisteredOnce) {
  ASSERT_TRUE(make_pool({.buffers = 100, .buffer_size = 1000, .mode = PoolMode::kAuto}));
  const size_t allocated = memory().allocated();
  const uint64_t registers = kernel().counts().registers;
  EXPECT_LE(ring().buffer_stats().live_bytes, 100 * (1000 + 1000 / 8 + 4 * 64) + 2 * 4096);
  SocketPair pair;
  for (int i = 0; i < 500; ++i) {
    pair.write("x");
    EXPECT_EQ(text(block_on(ring(), pool().recv(pair.reader()))), "x");
  }
  EXPECT_EQ(memory().allocated(), allocated);
  EXPECT_EQ(kernel().counts().registers, registers);
}

}  // namespace
}  // namespace uring
