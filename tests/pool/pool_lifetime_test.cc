// Pool, Ring, Reader, buffers and whoever waits die in every order, and the kernel writes to
// nothing that is gone.
//
// The memory becomes inaccessible when it is given back (tests/guard_memory.h): a write that is
// late by a moment completes with EFAULT, and the kernel that we watch sees it.

#include <liburing.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bufio/descriptor.h"
#include "bufio/reader.h"
#include "gtest/gtest.h"
#include "tests/guard_memory.h"
#include "tests/pool/pool_fixture.h"
#include "tests/ring_testing.h"
#include "tests/watching_kernel.h"
#include "uring/block_on.h"
#include "uring/buffer_pool.h"
#include "uring/descriptor.h"
#include "uring/ring.h"
#include "uring/sanitizer.h"
#include "uring/sleep.h"
#include "uring/spawn.h"
#include "uring/task.h"

namespace uring {
namespace {

using testing::GuardMemory;
using testing::mode_name;
using testing::Pipe;
using testing::PoolTest;
using testing::SocketPair;
using testing::text;
using testing::turn_until;
using testing::Unobserved;
using testing::WatchingKernel;

// --- every order ---------------------------------------------------------------------------------

Task<void> fill(bufio::Reader& reader) {
  absl::StatusOr<std::string_view> view = co_await reader.fill_buf(500);
  static_cast<void>(view);
}

Task<void> receive(BufferPool& pool, Ref<Descriptor> socket) {
  absl::StatusOr<PooledBuffer> bytes = co_await pool.recv(std::move(socket));
  static_cast<void>(bytes);
}

Task<void> acquire(BufferPool& pool) {
  absl::StatusOr<PooledBuffer> buffer = co_await pool.acquire();
  static_cast<void>(buffer);
}

enum class Stage { kNothingSent, kSent, kBytesHaveCome, kBytesWereTaken };

// Everything that can have a share in a pool.
class Company {
 public:
  Company(PoolMode mode, Stage stage, GuardMemory& memory, WatchingKernel& kernel) {
    RingOptions options = {.entries = 16, .completion_entries = 64, .fixed_buffers = false};
    options.buffer_cache_bytes = 0;
    options.buffer_memory = &memory;
    options.kernel = &kernel;
    ring_.emplace(*Ring::create(std::move(options)));
    pool_.emplace(*ring_, PoolOptions{.buffers = 4, .buffer_size = 32, .mode = mode});
    buffer_ = *pool_->try_acquire();
    buffer_.append("kept");
    const int fd = dup(read_by_reader_.reader()->fd());
    reader_.emplace(bufio::adopt_fd(*ring_, fd, {.pool = &*pool_}));
    filling_ = fill(*reader_);
    receiving_ = receive(*pool_, received_.reader());
    static_cast<void>(filling_.start(nobody_));
    static_cast<void>(receiving_.start(nobody_));
    if (stage >= Stage::kSent) ring_->core().submit();
    if (stage >= Stage::kBytesHaveCome) feed();
    for (int turn = 0; stage == Stage::kBytesWereTaken && turn < 3; ++turn) {
      ring_->core().turn();
      feed();
    }
    // Whoever is in line when the last buffer comes back.
    while (std::optional<PooledBuffer> one = pool_->try_acquire())
      hoard_.push_back(*std::move(one));
    acquiring_ = acquire(*pool_);
    static_cast<void>(acquiring_.start(nobody_));
  }

  void feed() {
    read_by_reader_.write("some bytes for the Reader");
    received_.write("some for the pool");
  }

  void kill(char dying) {
    switch (dying) {
      case 'P':
        return pool_.reset();
      case 'G':
        return ring_.reset();
      case 'R':
        return reader_.reset();
      case 'B':
        hoard_.clear();
        return buffer_.reset();
      default:
        filling_.reset();
        receiving_.reset();
        return acquiring_.reset();
    }
  }
  void submit() {
    if (ring_.has_value()) ring_->core().submit();
  }
  // Its bytes are there for as long as it is.
  bool buffer_is_whole() const { return buffer_.empty() || buffer_.view() == "kept"; }

 private:
  SocketPair read_by_reader_;
  SocketPair received_;
  Unobserved nobody_;
  std::optional<Ring> ring_;
  std::optional<BufferPool> pool_;
  std::optional<bufio::Reader> reader_;
  PooledBuffer buffer_;
  std::vector<PooledBuffer> hoard_;
  Task<void> filling_;
  Task<void> receiving_;
  Task<void> acquiring_;
};

class EveryOrder : public ::testing::TestWithParam<PoolMode> {};
INSTANTIATE_TEST_SUITE_P(All, EveryOrder, ::testing::Values(PoolMode::kHeap, PoolMode::kProvided),
                         [](const auto& each) { return mode_name(each.param); });

TEST_P(EveryOrder, NothingIsWrittenToMemoryThatIsGone) {
  GuardMemory memory;
  WatchingKernel kernel;
  std::string order = "BCGPR";
  do {
    for (Stage stage :
         {Stage::kNothingSent, Stage::kSent, Stage::kBytesHaveCome, Stage::kBytesWereTaken}) {
      for (bool feeding : {false, true}) {
        Company company(GetParam(), stage, memory, kernel);
        for (char dying : order) {
          company.kill(dying);
          ASSERT_TRUE(company.buffer_is_whole()) << order;
          if (feeding) company.feed();
          if (feeding) company.submit();
        }
        ASSERT_EQ(kernel.faults(), 0u) << order << ", stage " << static_cast<int>(stage);
        ASSERT_EQ(memory.retired(), memory.allocated()) << order;
      }
    }
  } while (std::next_permutation(order.begin(), order.end()));
  EXPECT_GT(memory.allocated(), 0u);
  EXPECT_GT(kernel.completions(), 0u);
}

// --- Rings that end ------------------------------------------------------------------------------

Task<void> note_end(Task<void> work, int& ended) {
  co_await std::move(work);
  ++ended;
}

TEST_F(PoolTest, WhoeverAsksAfterTheRingIsToldSo) {
  ASSERT_TRUE(make_pool({.buffers = 1, .buffer_size = 8, .mode = PoolMode::kHeap}));
  std::optional<PooledBuffer> held = pool().try_acquire();
  const SocketPair pair;
  destroy_ring();
  Unobserved nobody;
  auto ask = [](BufferPool& pool, Ref<Descriptor> socket) -> Task<void> {
    absl::StatusOr<PooledBuffer> bytes = co_await pool.recv(std::move(socket));
    EXPECT_TRUE(absl::IsFailedPrecondition(bytes.status())) << bytes.status();
    absl::StatusOr<PooledBuffer> buffer = co_await pool.acquire();
    EXPECT_TRUE(absl::IsFailedPrecondition(buffer.status())) << buffer.status();
  };
  Task<void> asking = ask(pool(), pair.reader());
  EXPECT_TRUE(asking.start(nobody));
  held.reset();
  EXPECT_TRUE(pool().try_acquire().has_value());
}

TEST_F(PoolTest, ARingThatCannotGoOnTellsWhoeverWaitsAndLeaksThePoolsMemory) {
  ASSERT_TRUE(make_pool({.buffers = 2, .buffer_size = 8, .mode = PoolMode::kAuto}));
  const SocketPair silent;
  int ended = 0;
  spawn(ring(), note_end(receive(pool(), silent.reader()), ended));
  block_on(ring(), yield(ring()));
  ASSERT_EQ(ring().stats().in_flight, 1u);
  std::vector<PooledBuffer> held;
  while (std::optional<PooledBuffer> one = pool().try_acquire()) held.push_back(*std::move(one));
  spawn(ring(), note_end(acquire(pool()), ended));
  block_on(ring(), yield(ring()));
  EXPECT_EQ(pool().stats().waiting, 1u);
  kernel().fail_enters(EIO);
  ring().run();
  EXPECT_EQ(ended, 2);
  EXPECT_EQ(pool().stats().waiting, 0u);
  destroy_ring();
  held.clear();
  destroy_pool();
  EXPECT_NE(leaks().find("pooled read socket"), std::string::npos) << leaks();
  EXPECT_LT(memory().retired(), memory().allocated());
}

// --- views after their end -----------------------------------------------------------------------

constexpr char kReport[] = "use-after-poison|heap-use-after-free";

[[gnu::noinline]] int look_at(const char* byte) { return *static_cast<const volatile char*>(byte); }

// In the forked child, where a Ring of the parent must not be used.
void look_at_bytes(std::string_view which) {
  Ring ring = *Ring::create(testing::modest_options());
  BufferPool pool(ring, {.buffers = 2, .buffer_size = 4096});
  SocketPair pair;
  pair.write("bytes");
  absl::StatusOr<PooledBuffer> bytes = block_on(ring, pool.recv(pair.reader()));
  const char* first = bytes->view().data();
  if (which == "padding") {
    for (size_t i = 0; i < bytes->size() + PoolCore::kPadding; ++i) look_at(first + i);
    std::exit(0);
  }
  if (which == "behind the padding") look_at(first + bytes->size() + PoolCore::kPadding + 8);
  if (which == "in front") look_at(first - 1);
  if (which == "cut off") bytes->resize(0);
  if (which == "cut off") look_at(first + PoolCore::kPadding + 8);
  bytes->reset();
  if (which == "returned") look_at(first);
  std::optional<PooledBuffer> next = pool.try_acquire();
  if (which == "acquired") look_at(next->view().data() + PoolCore::kPadding + 8);
  std::exit(1);
}

class BufferPoolViewDeathTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if constexpr (!kAddressSanitizer) GTEST_SKIP() << "only AddressSanitizer sees it";
  }
};

TEST_F(BufferPoolViewDeathTest, ShowsTheBytesAndTheirPaddingAndNothingElse) {
  EXPECT_EXIT(look_at_bytes("padding"), ::testing::ExitedWithCode(0), "");
  for (std::string_view which :
       {"behind the padding", "in front", "cut off", "returned", "acquired"}) {
    EXPECT_DEATH(look_at_bytes(which), kReport) << which;
  }
}

}  // namespace
}  // namespace uring
