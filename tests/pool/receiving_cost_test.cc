// What sockets on a pool cost, counted: memory of a silent one; allocations, system calls and
// copies of one that talks.

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bufio/descriptor.h"
#include "bufio/reader.h"
#include "bufio/stream.h"
#include "gtest/gtest.h"
#include "tests/allocations.h"
#include "tests/watching_kernel.h"
#include "uring/block_on.h"
#include "uring/buffer_pool.h"
#include "uring/descriptor.h"
#include "uring/frame_allocator.h"
#include "uring/pool_core.h"
#include "uring/ring.h"
#include "uring/sleep.h"
#include "uring/socket.h"
#include "uring/spawn.h"
#include "uring/task.h"

namespace bufio {
namespace {

using testing::allocations;
using testing::live_bytes;
using uring::Descriptor;
using uring::PoolCore;
using uring::Ref;
using uring::Task;

bool may_open(size_t files) {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return false;
  limit.rlim_cur = limit.rlim_max;
  return setrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur >= files;
}

struct Pair {
  Ref<Descriptor> ours;
  int theirs;
};

Pair new_pair() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) std::abort();
  return {uring::make_ref<Descriptor>(ends[0]), ends[1]};
}

// Takes one descriptor, not two: a datagram socket that is its own peer.
Pair new_soliloquist() {
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address.sun_family;  // and so the kernel makes up a name
  if (fd < 0 || bind(fd, generic, size) != 0) std::abort();
  size = sizeof address;
  if (getsockname(fd, generic, &size) != 0 || connect(fd, generic, size) != 0) std::abort();
  return {uring::make_ref<Descriptor>(fd), fd};
}

class Unobserved final : public uring::TaskObserver {
  std::coroutine_handle<> task_ended() noexcept override { return std::noop_coroutine(); }
};

Task<void> wait_for_lines(Reader& reader, size_t& lines) {
  for (;;) {
    absl::StatusOr<Token> line = co_await reader.read_line();
    EXPECT_TRUE(line.ok()) << line.status();
    if (!line.ok() || !line->has_value()) co_return;
    ++lines;
  }
}

class IdleConnections : public ::testing::TestWithParam<size_t> {};
INSTANTIATE_TEST_SUITE_P(All, IdleConnections, ::testing::Values(1000, 10000),
                         ::testing::PrintToStringParamName());

TEST_P(IdleConnections, TakeLessThanAKibibyteEach) {
  const size_t count = GetParam();
  const bool pairs = may_open(2 * count + 100);
  if (!may_open(count + 100)) GTEST_SKIP() << "too few descriptors for that many";
  uring::RingOptions options;
  options.completion_entries = static_cast<unsigned>(2 * count + 1000);
  absl::StatusOr<uring::Ring> ring = uring::Ring::create(options);
  ASSERT_TRUE(ring.ok()) << ring.status();
  const uring::BufferPool pool = uring::receive_pool(*ring);
  if (!pool.stats().provided) GTEST_SKIP() << "this kernel takes no buffer ring";
  // Vectors of the test's own, and what is made once.
  std::vector<int> theirs;
  std::vector<Ref<Descriptor>> descriptors;
  std::vector<Reader> readers;
  std::vector<Task<void>> tasks;
  std::vector<size_t> lines(count, 0);
  theirs.reserve(count);
  descriptors.reserve(count);
  readers.reserve(count);
  tasks.reserve(count);
  Unobserved nobody;

  const uint64_t before = live_bytes;
  for (size_t i = 0; i < count; ++i) {
    Pair pair = pairs ? new_pair() : new_soliloquist();
    theirs.push_back(pair.theirs);
    readers.push_back(read_descriptor(*ring, std::move(pair.ours), {.shared_pool = true}));
  }
  const uint64_t with_readers = live_bytes;
  for (size_t i = 0; i < count; ++i) tasks.push_back(wait_for_lines(readers[i], lines[i]));
  const uint64_t with_frames = live_bytes;
  for (Task<void>& task : tasks) static_cast<void>(task.start(nobody));
  while (ring->stats().waiting_for_entry > 0) ring->core().submit();
  uring::block_on(*ring, uring::yield(*ring));
  const uint64_t waiting = live_bytes;
  ASSERT_EQ(ring->stats().in_flight, count);
  EXPECT_EQ(pool.stats().lent, 0u);
  const uint64_t each = (waiting - with_frames + with_readers - before) / count;
  std::cout << "a connection that waits for its first byte: " << each << " bytes, of which "
            << (with_readers - before) / count
            << " since it was made; its coroutine's frame: " << (with_frames - with_readers) / count
            << std::endl;
  EXPECT_LE(each, 1024u);

  // The same once they have talked.
  auto all_have = [&](size_t wanted) {
    for (size_t each_has : lines) {
      if (each_has < wanted) return false;
    }
    return true;
  };
  for (size_t round = 1; round <= 2; ++round) {
    for (int fd : theirs) {
      if (write(fd, "hello\n", 6) != 6) std::abort();
    }
    while (!all_have(round)) ring->core().turn();
  }
  uring::block_on(*ring, uring::yield(*ring));
  EXPECT_EQ(pool.stats().lent, 0u);
  // What dead buffers leave in the thread's free lists is bounded, and nobody's.
  const uint64_t talked = live_bytes - with_frames + with_readers - before;
  std::cout << "once it has talked: " << talked / count << " bytes" << std::endl;
  EXPECT_LE(talked / count, 1024u);
  tasks.clear();
  for (int fd : theirs) {
    if (pairs) close(fd);
  }
}

TEST(ReceivingCost, AQueueThatIsNeverEmptyDoesNotGrow) {
  absl::StatusOr<uring::Ring> ring = uring::Ring::create({.completion_entries = 512});
  ASSERT_TRUE(ring.ok()) << ring.status();
  Pair pair = new_pair();
  Reader reader = read_descriptor(*ring, std::move(pair.ours), {.shared_pool = true});
  auto next = [&] {
    if (write(pair.theirs, "piece", 5) != 5) std::abort();
    uring::block_on(*ring, uring::yield(*ring));
    uring::block_on(*ring, uring::yield(*ring));
  };
  auto take = [&] {
    absl::StatusOr<std::string_view> view = uring::block_on(*ring, reader.fill_buf());
    ASSERT_TRUE(view.ok()) << view.status();
    ASSERT_EQ(*view, "piece");
    reader.consume(5);
  };
  next();
  take();
  if (PoolCore::shared(ring->core())->repeats() != PoolCore::Repeats::kYes)
    GTEST_SKIP() << "no multishot receive here";
  next();
  uint64_t before = 0;
  for (int i = 0; i < 500 && !::testing::Test::HasFailure(); ++i) {
    if (i == 100) before = live_bytes;
    next();
    take();
  }
  EXPECT_LE(live_bytes, before + 1024);
  close(pair.theirs);
}

// --- steady state --------------------------------------------------------------------------------

Task<void> echo(Stream stream) {
  for (;;) {
    absl::StatusOr<std::string_view> view = co_await stream.reader.fill_buf();
    EXPECT_TRUE(view.ok()) << view.status();
    if (!view.ok() || view->empty()) co_return;
    absl::Status written = co_await stream.writer.write(*view);
    EXPECT_TRUE(written.ok()) << written;
    stream.reader.consume(view->size());
    absl::Status flushed = co_await stream.writer.flush();
    EXPECT_TRUE(flushed.ok()) << flushed;
  }
}

TEST(ReceivingCost, AMessageTakesNoAllocationNoCopyAndNoRequestOfItsOwn) {
  if (!uring::frames_are_recycled()) GTEST_SKIP() << "under AddressSanitizer nothing is recycled";
  constexpr size_t kStreams = 20;
  uring::testing::WatchingKernel kernel;
  uring::RingOptions options;
  options.kernel = &kernel;
  absl::StatusOr<uring::Ring> ring = uring::Ring::create(options);
  ASSERT_TRUE(ring.ok()) << ring.status();
  std::vector<int> theirs;
  for (size_t i = 0; i < kStreams; ++i) {
    Pair pair = new_pair();
    theirs.push_back(pair.theirs);
    const uring::Socket socket(Ref<uring::RingCore>(&ring->core()), std::move(pair.ours));
    uring::spawn(*ring, echo(open_stream(socket, {.shared_pool = true})));
  }
  char back[64];
  auto round = [&] {
    for (int fd : theirs) {
      if (write(fd, "sixteen bytes ..", 16) != 16) std::abort();
    }
    for (int fd : theirs) {
      for (ssize_t got = 0; got < 16;) {
        const ssize_t n = recv(fd, back, sizeof back, MSG_DONTWAIT);
        if (n < 0) ring->core().turn();
        if (n > 0) got += n;
      }
    }
  };
  for (int i = 0; i < 10; ++i) round();
  const PoolCore& pool = *PoolCore::shared(ring->core());
  if (pool.repeats() != PoolCore::Repeats::kYes) GTEST_SKIP() << "no multishot receive here";
  const uint64_t allocated = allocations;
  const uint64_t enters = kernel.enters();
  const uint64_t registers = kernel.registers();
  const uring::RingStats before = ring->stats();
  constexpr uint64_t kRounds = 200;
  for (uint64_t i = 0; i < kRounds; ++i) round();
  const uring::RingStats after = ring->stats();
  EXPECT_EQ(allocations, allocated);
  EXPECT_EQ(kernel.registers(), registers);
  EXPECT_LE(kernel.enters() - enters, after.turns - before.turns);
  EXPECT_EQ(after.submitted - before.submitted, kRounds * kStreams) << "the sends, and no more";
  EXPECT_EQ(pool.stats().dry, 0u);
  for (int fd : theirs) close(fd);
  ring->run();
}

}  // namespace
}  // namespace bufio
