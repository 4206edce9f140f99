// The kernel never reads from memory that a Writer has given back, in whatever order Writers, calls
// and Rings go: that would be EFAULT (tests/guard_memory.h), or, after a recycled address, the
// wrong bytes.

#include <unistd.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "bufio/writer.h"
#include "gtest/gtest.h"
#include "tests/guard_memory.h"
#include "tests/reader_testing.h"
#include "tests/stream_rig.h"
#include "tests/watching_kernel.h"
#include "tests/writer/writer_testing.h"
#include "uring/block_on.h"
#include "uring/ring.h"
#include "uring/sleep.h"

namespace bufio {
namespace {

using testing::pattern;
using testing::SinkKind;
using testing::SinkRig;
using uring::testing::GuardMemory;
using uring::testing::WatchingKernel;

enum class First { kWriter, kRing, kNobody };

absl::StatusOr<uring::Ring> make_ring(GuardMemory& memory, WatchingKernel& kernel) {
  const uring::RingOptions options = {.entries = 8,
                                      .completion_entries = 64,
                                      .buffer_cache_bytes = 0,
                                      .buffer_memory = &memory,
                                      .kernel = &kernel};
  absl::StatusOr<uring::Ring> ring = uring::Ring::create(options);
  // The kernel frees earlier rings in its own time, and counts them until then.
  for (int i = 0; i < 500 && absl::IsResourceExhausted(ring.status()); ++i) {
    usleep(10000);
    ring = uring::Ring::create(options);
  }
  return ring;
}

class WriterGuardPageTest : public ::testing::TestWithParam<SinkKind> {};
INSTANTIATE_EVERY_SINK(WriterGuardPageTest);

TEST_P(WriterGuardPageTest, NothingIsReadThatWasGivenBack) {
  const std::string text = pattern(60000);
  for (First first : {First::kWriter, First::kRing, First::kNobody}) {
    for (int turns = 0; turns < 4; ++turns) {
      GuardMemory memory;
      WatchingKernel kernel;
      {
        absl::StatusOr<uring::Ring> created = make_ring(memory, kernel);
        ASSERT_TRUE(created.ok()) << created.status();
        std::optional<uring::Ring> ring(*std::move(created));
        SinkRig rig(*ring, GetParam(), {.on_drop = [](const DroppedBytes&) {}});
        for (size_t at = 0; at < text.size(); at += 6000) {
          absl::Status status =
              uring::block_on(*ring, rig.writer().write(std::string_view(text).substr(at, 6000)));
          ASSERT_EQ(status, absl::OkStatus());
          if (turns > 0) uring::block_on(*ring, uring::yield(*ring));
        }
        for (int i = 0; i < turns; ++i) uring::block_on(*ring, uring::yield(*ring));
        if (first == First::kNobody) {
          testing::Started flush(rig.writer().flush());
          while (!flush.ended()) {
            rig.read_some();
            uring::block_on(*ring, uring::yield(*ring));
          }
          EXPECT_EQ(flush.result(), absl::OkStatus());
        }
        if (first == First::kRing) ring.reset();
        rig.drop_writer();
        while (ring && ring->stats().in_flight > 0) ring->core().turn();
        if (ring) {
          EXPECT_EQ(ring->buffer_stats().live_bytes, 0U);
        }
        rig.read_to_end();
        EXPECT_EQ(rig.seen, text.substr(0, rig.seen.size()));
        if (first == First::kNobody) {
          EXPECT_EQ(rig.seen.size(), text.size());
        }
      }
      EXPECT_EQ(kernel.faults(), 0U);
      EXPECT_EQ(memory.retired(), memory.allocated());
    }
  }
}

}  // namespace
}  // namespace bufio
