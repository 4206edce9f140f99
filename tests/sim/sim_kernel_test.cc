#include "uring/testing/sim_kernel.h"

#include <cerrno>
#include <string>
#include <vector>

#include "bufio/descriptor.h"
#include "gtest/gtest.h"
#include "tests/sim/descriptors.h"
#include "tests/sim/raw_ring.h"
#include "uring/block_on.h"
#include "uring/ring.h"
#include "uring/task.h"

// A simulated kernel under a ring without a loop, and under a real Ring.

namespace uring::testing {
namespace {

using Completions = std::vector<Completion>;

TEST(SimKernel, ReadsAFileWhileItIsSubmitted) {
  SeededChoices choices(1);
  SimKernel kernel(choices);
  OwnedFd fd = empty_file();
  kernel.attach_file(fd.get(), "hello world");
  RawRing ring(kernel);
  std::string buffer(5, '.');
  ring.read(7, fd.get(), buffer.data(), 5, 6);
  EXPECT_EQ(ring.enter(), 1);
  EXPECT_EQ(ring.completions(), (Completions{{7, 5}}));
  EXPECT_EQ(buffer, "world");
  EXPECT_EQ(kernel.in_flight(), 0u);
}

TEST(SimKernel, CancelsAReadThatWaitsForAStream) {
  SeededChoices choices(1);
  SimKernel kernel(choices);
  auto [fd, other_end] = make_pipe();
  auto stream = kernel.attach_stream(fd.get());
  RawRing ring(kernel);
  char buffer[16];
  ring.read(1, fd.get(), buffer, sizeof buffer);
  EXPECT_EQ(ring.run(), Completions{});
  ring.cancel(2, 1);
  EXPECT_EQ(ring.run(2), (Completions{{2, 0}, {1, -ECANCELED}}));
  stream->feed("kept");
  EXPECT_EQ(stream->unread(), 4u);
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

TEST(SimKernel, ReaderReadsOnEverySeedWhatTheStreamHeld) {
  std::string text;
  for (int i = 0; i < 500; ++i) text += std::to_string(i) + "\n";
  for (uint64_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    SeededChoices choices(seed);
    SimKnobs knobs = random_knobs(choices);
    knobs.error_one_in = 0;
    SimKernel kernel(choices, knobs);
    auto [fd, other_end] = make_sockets();
    auto stream = kernel.attach_stream(fd.get());
    size_t fed = 0;
    kernel.on_idle = [&] {
      if (fed == text.size()) {
        if (stream->ended()) return false;
        stream->end();
        return true;
      }
      size_t size = std::min<size_t>(choices.between(1, 100), text.size() - fed);
      stream->feed(std::string_view(text).substr(fed, size));
      fed += size;
      return true;
    };
    {
      RingOptions options;
      options.kernel = &kernel;
      options.entries = 8;
      options.completion_entries = 16;
      absl::StatusOr<Ring> ring = Ring::create(options);
      ASSERT_TRUE(ring.ok()) << ring.status();
      bufio::Reader reader = bufio::adopt_fd(*ring, fd.release());
      EXPECT_EQ(block_on(*ring, read_all(reader)), text);
    }
    EXPECT_EQ(kernel.violations(), std::vector<std::string>{});
    EXPECT_EQ(kernel.in_flight(), 0u);
  }
}

}  // namespace
}  // namespace uring::testing
