// Each buffer has pages of its own, which nobody may touch any more once it was freed. So a kernel
// that still writes there says EFAULT, instead of corrupting what has moved in.

#include <sys/mman.h>

#include <cerrno>
#include <chrono>
#include <memory_resource>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/fault_kernel.h"
#include "tests/ring_testing.h"
#include "uring/ring.h"

namespace uring {
namespace {

using testing::FaultKernel;
using testing::Pipe;
using testing::Reading;
using testing::Request;
using testing::TemporaryFile;
using testing::turn_until;

// Never gives an address out twice.
class GuardedMemory final : public std::pmr::memory_resource {
 public:
  GuardedMemory() = default;
  GuardedMemory(const GuardedMemory&) = delete;
  GuardedMemory& operator=(const GuardedMemory&) = delete;
  ~GuardedMemory() override {
    for (const auto& [memory, size] : retired_) munmap(memory, size);
  }

  size_t live() const { return live_; }
  size_t retired() const { return retired_.size(); }

 private:
  void* do_allocate(size_t size, size_t) override {
    void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EXPECT_NE(memory, MAP_FAILED);
    ++live_;
    return memory;
  }
  void do_deallocate(void* memory, size_t size, size_t) override {
    EXPECT_EQ(mprotect(memory, size, PROT_NONE), 0);
    retired_.emplace_back(memory, size);
    --live_;
  }
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }

  size_t live_ = 0;
  std::vector<std::pair<void*, size_t>> retired_;
};

// A Ring whose freed buffers are inaccessible at once.
Ring make_guarded_ring(GuardedMemory& memory, FaultKernel& kernel, std::string& leaks,
                       bool fixed_buffers) {
  RingOptions options;
  options.kernel = &kernel;
  options.buffer_memory = &memory;
  options.buffer_cache_bytes = 0;
  options.fixed_buffers = fixed_buffers;
  options.entries = 16;
  options.completion_entries = 256;
  options.on_leak = [&leaks](std::string_view report) { leaks += report; };
  return Ring::create(std::move(options)).value();
}

TEST(GuardPages, CatchAReadIntoFreedMemory) {
  GuardedMemory memory;
  FaultKernel kernel;
  std::string leaks;
  Ring ring = make_guarded_ring(memory, kernel, leaks, false);
  const Pipe pipe;
  const Ref<Request> read = make_ref<Request>(ring);
  read->read(pipe.reader());
  {
    const Ref<Buffer> freed = ring.core().buffers().allocate(4096, BufferKind::kHeap);
    read->entry().addr = reinterpret_cast<__u64>(freed->data());
  }
  read->start();
  ring.core().submit();
  ASSERT_TRUE(pipe.write("x"));
  ASSERT_TRUE(turn_until(ring, [&] { return read->idle(); }));
  EXPECT_EQ(kernel.counts().faults, 1u);
}

class GuardPagesOf : public ::testing::TestWithParam<bool> {};

// Readings start, are let go of, and get their bytes, in any order; in the end the Ring goes before
// or after what is left.
TEST_P(GuardPagesOf, ReadingsThatDieInEveryOrderAreNeverWrittenToAfterwards) {
  for (unsigned seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    GuardedMemory memory;
    FaultKernel kernel;
    std::string leaks;
    const TemporaryFile file(std::string(100000, 'f'));
    {
      std::vector<Pipe> pipes(12);
      std::optional<Ring> ring(make_guarded_ring(memory, kernel, leaks, GetParam()));
      std::vector<std::optional<Reading>> readings(24);
      for (int step = 0; step < 300; ++step) {
        std::optional<Reading>& chosen = readings[random() % readings.size()];
        const Pipe& pipe = pipes[random() % pipes.size()];
        switch (random() % 8) {
          case 0:
          case 1:
            chosen.emplace(*ring, pipe.borrow_reader(), ReadKind::kStream, 4096,
                           BufferKind::kFixed);
            chosen->start();
            break;
          case 2:
            chosen.emplace(*ring, file.borrow(), ReadKind::kPositional, 16384, BufferKind::kFixed);
            chosen->start(random() % 90000, /*offload=*/random() % 2 == 0);
            break;
          case 3:
            chosen.reset();
            break;
          case 4:
            if (chosen.has_value()) ring->core().cancel(chosen->operation());
            break;
          case 5:
            ring->core().submit();
            break;
          case 6:
            ASSERT_TRUE(pipe.write("abc"));
            break;
          default: {
            // Something always completes, so that the turn does not wait.
            const Ref<Request> nop = make_ref<Request>(*ring);
            nop->nop().start();
            ASSERT_TRUE(turn_until(*ring, [&] { return nop->idle(); }));
          }
        }
      }
      if (seed % 2 == 0) ring.reset();
      for (size_t i = 0; i < readings.size(); i += 1 + random() % 2) readings[i].reset();
      ring.reset();
      readings.clear();
      for (const Pipe& pipe : pipes) ASSERT_TRUE(pipe.write("late"));  // wakes what is left
    }
    EXPECT_EQ(kernel.counts().faults, 0u);
    EXPECT_EQ(kernel.counts().overlong_waits, 0u);
    EXPECT_EQ(memory.live(), 0u);
    EXPECT_GT(memory.retired(), 10u);
    EXPECT_EQ(leaks, "");
  }
}

INSTANTIATE_TEST_SUITE_P(Buffers, GuardPagesOf, ::testing::Bool(), [](const auto& tested) {
  return std::string(tested.param ? "fixed" : "heap");
});

}  // namespace
}  // namespace uring
