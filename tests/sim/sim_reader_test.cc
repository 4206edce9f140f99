#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include "bufio/descriptor.h"
#include "gtest/gtest.h"
#include "tests/ring_testing.h"
#include "tests/sim/descriptors.h"
#include "uring/block_on.h"
#include "uring/ring.h"
#include "uring/task.h"
#include "uring/testing/sim_kernel.h"
#include "uring/testing/sim_memory.h"

// A real Ring, and a Reader on it, over the simulated kernel.

namespace uring::testing {
namespace {

std::string numbers() {
  std::string text;
  for (int i = 0; i < 400; ++i) text += std::to_string(i) + "\n";
  return text;
}

RingOptions small_ring(SimKernel& kernel, SimMemory& memory) {
  RingOptions options;
  options.kernel = &kernel;
  options.entries = 8;
  options.completion_entries = 16;
  options.buffer_memory = &memory;
  options.buffer_cache_bytes = 0;
  return options;
}

Task<std::string> read_all(bufio::Reader& reader) {
  std::string all;
  for (;;) {
    absl::StatusOr<std::string_view> view = co_await reader.fill_buf();
    if (!view.ok() || view->empty()) co_return all;
    all += *view;
    reader.consume(view->size());
  }
}

// Whatever the kernel does short of failing, a Reader gives out what its source holds.
void read_on_every_seed(bool as_file, bool as_socket) {
  const std::string text = numbers();
  for (uint64_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    SeededChoices choices(seed);
    SimKnobs knobs = random_knobs(choices);
    knobs.error_one_in = 0;
    SimMemory memory;
    SimKernel kernel(choices, knobs);
    kernel.watch(memory);
    OwnedFd fd = as_file ? empty_file() : as_socket ? make_sockets().first : make_pipe().first;
    std::shared_ptr<SimStream> stream;
    if (as_file) {
      kernel.attach_file(fd.get(), text);
    } else {
      stream = kernel.attach_stream(fd.get());
    }
    size_t fed = 0;
    kernel.on_idle = [&] {
      if (as_file || stream->ended()) return false;
      size_t size = std::min<size_t>(choices.between(1, 200), text.size() - fed);
      stream->feed(std::string_view(text).substr(fed, size));
      fed += size;
      if (size == 0) stream->end();
      return true;
    };
    {
      absl::StatusOr<Ring> ring = Ring::create(small_ring(kernel, memory));
      ASSERT_TRUE(ring.ok()) << ring.status();
      bufio::ReaderOptions options;
      options.read_size = 256;
      bufio::Reader reader = bufio::adopt_fd(*ring, fd.release(), options);
      EXPECT_EQ(block_on(*ring, read_all(reader)), text);
    }
    EXPECT_EQ(kernel.violations(), std::vector<std::string>{});
    EXPECT_EQ(kernel.in_flight(), 0u);
    EXPECT_EQ(memory.live_blocks(), 0u);
  }
}

TEST(SimReader, OverAFileIsRightOnEverySeed) { read_on_every_seed(true, false); }
TEST(SimReader, OverAPipeIsRightOnEverySeed) { read_on_every_seed(false, false); }
TEST(SimReader, OverASocketIsRightOnEverySeed) { read_on_every_seed(false, true); }

TEST(SimReader, ThatIsDestroyedWithItsRingWhileTheKernelIsHeldLeaksAndIsWrittenToLate) {
  SeededChoices choices(1);
  SimKernel kernel(choices);
  static SimMemory* const memory = new SimMemory;  // what leaks is never given back
  kernel.watch(*memory);
  OwnedFd fd = empty_file();
  kernel.attach_file(fd.get(), numbers());
  std::string report;
  {
    RingOptions options = small_ring(kernel, *memory);
    options.on_leak = [&report](std::string_view text) { report = text; };
    absl::StatusOr<Ring> ring = Ring::create(options);
    ASSERT_TRUE(ring.ok()) << ring.status();
    Reading reading(*ring, make_ref<Descriptor>(fd.release()), ReadKind::kPositional);
    reading.start_of(100);
    kernel.hold(true);
    ring->core().submit();
  }
  EXPECT_NE(report, "");
  EXPECT_EQ(kernel.counts().written_late, 0u);
  kernel.hold(false);
  EXPECT_EQ(kernel.in_flight(), 1u);
  kernel.finish_torn_down();
  EXPECT_EQ(kernel.counts().written_late, 100u);
  EXPECT_EQ(kernel.violations(), std::vector<std::string>{});
}

}  // namespace
}  // namespace uring::testing
