// What calls on a Writer cost, counted: allocations, system calls, requests, frames, memory at
// rest.

#include <fcntl.h>
#include <liburing.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bufio/descriptor.h"
#include "bufio/descriptor_sink.h"
#include "bufio/writer.h"
#include "bufio/writer_descriptor.h"
#include "gtest/gtest.h"
#include "tests/allocations.h"
#include "tests/stream_rig.h"
#include "uring/block_on.h"
#include "uring/frame_allocator.h"
#include "uring/linux_kernel.h"
#include "uring/ring.h"
#include "uring/sleep.h"
#include "uring/task.h"

namespace bufio {
namespace {

using testing::allocations;
using testing::file_with;
using uring::Task;

// The real kernel, with system calls and sends counted.
class CountingKernel final : public uring::LinuxKernel {
 public:
  int enter(io_uring& ring, unsigned to_submit, unsigned min_complete, unsigned flags,
            const __kernel_timespec* timeout) override {
    ++enters;
    unsigned head = *ring.sq.khead;
    for (unsigned i = 0; i < to_submit; ++i) {
      uint8_t opcode = ring.sq.sqes[(head + i) & *ring.sq.kring_mask].opcode;
      bool send = opcode == IORING_OP_SEND || opcode == IORING_OP_SENDMSG;
      bool write = opcode == IORING_OP_WRITE || opcode == IORING_OP_WRITEV;
      if (send || write) ++writes;
    }
    return LinuxKernel::enter(ring, to_submit, min_complete, flags, timeout);
  }
  uint64_t enters = 0;
  uint64_t writes = 0;
};

struct Costs {
  uint64_t allocations = 0;
  uint64_t enters = 0;
  uint64_t writes = 0;
  uint64_t frames = 0;
  uint64_t turns = 0;
};

class WriterCountingTest : public ::testing::Test {
 protected:
  void SetUp() override {
    uring::RingOptions options;
    options.kernel = &kernel_;
    absl::StatusOr<uring::Ring> ring = uring::Ring::create(options);
    ASSERT_TRUE(ring.ok()) << ring.status();
    ring_ = std::make_unique<uring::Ring>(*std::move(ring));
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_), 0);
    fcntl(ends_[0], F_SETFL, O_NONBLOCK);
  }
  void TearDown() override {
    close(ends_[0]);
    ring_.reset();
  }
  Costs now() const {
    Costs costs;
    costs.allocations = allocations;
    costs.enters = kernel_.enters;
    costs.writes = kernel_.writes;
    uring::FrameAllocatorStats frames = uring::frame_allocator_stats();
    costs.frames = frames.fresh + frames.recycled;
    costs.turns = ring_->core().turn_count();
    return costs;
  }
  Costs since(const Costs& before) const {
    Costs costs = now();
    costs.allocations -= before.allocations;
    costs.enters -= before.enters;
    costs.writes -= before.writes;
    costs.frames -= before.frames;
    costs.turns -= before.turns;
    return costs;
  }
  // All that the peer can read now; how many bytes.
  size_t read_peer() {
    static char chunk[1 << 16];
    size_t total = 0;
    for (;;) {
      ssize_t got = read(ends_[0], chunk, sizeof chunk);
      if (got <= 0) return total;
      total += static_cast<size_t>(got);
    }
  }

  CountingKernel kernel_;
  std::unique_ptr<uring::Ring> ring_;
  int ends_[2] = {-1, -1};  // the peer's, the Writer's
};

#define SKIP_UNLESS_RECYCLED()       \
  if (!uring::frames_are_recycled()) \
  GTEST_SKIP() << "under AddressSanitizer nothing is recycled, so that stale uses show"

TEST_F(WriterCountingTest, ABufferedWriteCostsNothing) {
  Writer writer = adopt_fd_for_writing(*ring_, ends_[1], {.buffer_size = 1 << 16});
  size_t failures = 0;
  Costs costs;
  auto run = [&](Writer& out) -> Task<absl::Status> {
    absl::StatusOr<std::span<char>> room = co_await out.reserve(50000);
    if (!room.ok()) co_return room.status();
    out.commit(1);
    Costs before = now();
    for (size_t i = 0; i < 1000; ++i) {
      absl::Status status = co_await out.write("ten bytes!");
      if (!status.ok()) ++failures;
      status = co_await out.write_all("and", " ", "three");
      if (!status.ok()) ++failures;
      if (!out.try_write("one", " more")) ++failures;
      room = co_await out.reserve(16);
      if (!room.ok()) ++failures;
      out.commit(1);
    }
    costs = since(before);
    co_return co_await out.flush();
  };
  EXPECT_EQ(uring::block_on(*ring_, run(writer)), absl::OkStatus());
  EXPECT_EQ(failures, 0U);
  EXPECT_EQ(costs.allocations, 0U);
  EXPECT_EQ(costs.enters, 0U) << "system calls";
  EXPECT_EQ(costs.frames, 0U) << "coroutine frames";
  EXPECT_EQ(costs.turns, 0U);
  EXPECT_EQ(kernel_.writes, 1U);
  EXPECT_EQ(read_peer(), 1U + 1000 * 28);
}

// A server of lines, as anybody would write it: no flush.
Task<absl::Status> serve_lines(Reader& reader, Writer& writer) {
  for (;;) {
    absl::StatusOr<Token> line = co_await reader.read_line();
    if (!line.ok()) co_return line.status();
    if (!line->has_value()) co_return co_await writer.flush();
    absl::Status status = co_await writer.write_all("answer to ", **line, "\n");
    if (!status.ok()) co_return status;
  }
}

TEST_F(WriterCountingTest, AnswersToAllThatOneReadBroughtAreOneSend) {
  uring::Ref<uring::Descriptor> descriptor = uring::make_ref<uring::Descriptor>(ends_[1]);
  Reader reader = read_descriptor(*ring_, descriptor);
  Writer writer = write_descriptor(*ring_, std::exchange(descriptor, nullptr));
  std::string requests;
  for (int i = 0; i < 32; ++i) requests += "request " + std::to_string(i % 10) + "\n";
  size_t answers = 32 * (10 + 9 + 1);
  Task<absl::Status> server = serve_lines(reader, writer);
  testing::Unobserved nobody;
  static_cast<void>(server.start(nobody));
  auto round = [&] {
    ASSERT_EQ(write(ends_[0], requests.data(), requests.size()),
              static_cast<ssize_t>(requests.size()));
    size_t got = 0;
    while (got < answers) {
      ring_->core().turn();
      ring_->core().submit();
      got += read_peer();
    }
    EXPECT_EQ(got, answers);
  };
  round();
  Costs before = now();
  for (int i = 0; i < 10; ++i) round();
  EXPECT_EQ(since(before).writes, 10U);
  EXPECT_EQ(writer.stats().writes, 11U);
}

TEST_F(WriterCountingTest, ASteadyRoundTripAllocatesNothingAndCostsOneSystemCall) {
  SKIP_UNLESS_RECYCLED();
  constexpr uint64_t kWarmUp = 200;
  constexpr uint64_t kRounds = 3000;
  uring::Ref<uring::Descriptor> descriptor = uring::make_ref<uring::Descriptor>(ends_[1]);
  Reader reader = read_descriptor(*ring_, descriptor);
  Writer writer = write_descriptor(*ring_, std::exchange(descriptor, nullptr));
  size_t failures = 0;
  Costs costs;
  const std::string request(64, 'x');
  auto run = [&]() -> Task<void> {
    Costs before;
    for (uint64_t i = 0; i < kWarmUp + kRounds; ++i) {
      if (i == kWarmUp) before = now();
      if (write(ends_[0], request.data(), request.size()) != 64) ++failures;
      absl::StatusOr<std::string_view> view = co_await reader.fill_buf(64);
      if (!view.ok()) ++failures;
      absl::Status status = co_await writer.write(*view);
      if (!status.ok()) ++failures;
      reader.consume(64);
      read_peer();
    }
    costs = since(before);
  };
  uring::block_on(*ring_, run());
  EXPECT_EQ(failures, 0U);
  EXPECT_EQ(costs.allocations, 0U);
  EXPECT_EQ(costs.writes, kRounds);
  EXPECT_LE(costs.enters, kRounds + 1);
  EXPECT_EQ(uring::block_on(*ring_, writer.flush()), absl::OkStatus());
}

TEST_F(WriterCountingTest, SteadyWritingAllocatesNothing) {
  SKIP_UNLESS_RECYCLED();
  for (bool file : {false, true}) {
    int fd = file ? file_with("") : dup(ends_[1]);
    Writer writer = adopt_fd_for_writing(*ring_, fd, {.high_water = 100000});
    size_t failures = 0;
    Costs costs;
    const std::string text(30000, 'y');
    auto run = [&]() -> Task<void> {
      Costs before;
      for (int i = 0; i < 600; ++i) {
        if (i == 100) before = now();
        for (size_t piece : {size_t{10}, size_t{500}, size_t{7000}, size_t{30000}}) {
          absl::Status status = co_await writer.write(std::string_view(text).substr(0, piece));
          if (!status.ok()) ++failures;
        }
        co_await uring::yield(*ring_);
        read_peer();
      }
      costs = since(before);
      absl::Status status = co_await writer.flush();
      if (!status.ok()) ++failures;
    };
    uring::block_on(*ring_, run());
    EXPECT_EQ(failures, 0U);
    EXPECT_EQ(costs.allocations, 0U) << (file ? "file" : "socket");
  }
  close(ends_[1]);
}

TEST_F(WriterCountingTest, AnOwnedStringIsNotCopied) {
  Writer writer = adopt_fd_for_writing(*ring_, ends_[1]);
  std::string bytes(100000, 'z');
  size_t live_before = ring_->buffer_stats().live_bytes;
  uint64_t before = allocations;
  EXPECT_EQ(uring::block_on(*ring_, writer.write_owned(std::move(bytes))), absl::OkStatus());
  EXPECT_LE(allocations - before, 4U) << "a frame, a home for the string, the queue";
  EXPECT_EQ(ring_->buffer_stats().live_bytes, live_before);
  read_peer();
  while (writer.unwritten() > 0) {
    ring_->core().turn();
    read_peer();
  }
}

TEST_F(WriterCountingTest, AWriterAtRestHoldsNoBuffer) {
  Writer writer = adopt_fd_for_writing(*ring_, ends_[1]);
  EXPECT_EQ(ring_->buffer_stats().live_bytes, 0U);
  EXPECT_EQ(uring::block_on(*ring_, writer.write("something")), absl::OkStatus());
  EXPECT_GT(ring_->buffer_stats().live_bytes, 0U);
  EXPECT_EQ(uring::block_on(*ring_, writer.flush()), absl::OkStatus());
  EXPECT_EQ(ring_->buffer_stats().live_bytes, 0U);
  EXPECT_EQ(ring_->stats().in_flight, 0U);
  EXPECT_LE(sizeof(DescriptorSink), 640U);
}

TEST_F(WriterCountingTest, NoMoreThanTheHighWaterMarkIsKept) {
  fcntl(ends_[1], F_SETFL, O_NONBLOCK);
  Writer writer = adopt_fd_for_writing(*ring_, ends_[1], {.high_water = 1 << 20});
  const std::string text(1000, 'w');
  auto flood = [&]() -> Task<void> {
    for (;;) {
      absl::Status status = co_await writer.write(text);
      if (!status.ok()) co_return;
    }
  };
  Task<void> flooding = flood();
  testing::Unobserved nobody;
  static_cast<void>(flooding.start(nobody));
  for (int i = 0; i < 200; ++i) {
    uring::block_on(*ring_, uring::yield(*ring_));
    if (i % 3 == 0) {
      char some[5000];
      EXPECT_GT(read(ends_[0], some, sizeof some), 0);
    }
    EXPECT_LE(writer.unwritten(), size_t{1} << 20);
    EXPECT_LE(ring_->buffer_stats().live_bytes, (size_t{1} << 20) + (size_t{3} << 16));
  }
  EXPECT_GT(writer.unwritten(), size_t{1} << 18);
  flooding.reset();
  close(ends_[0]);
  EXPECT_FALSE(uring::block_on(*ring_, writer.flush()).ok());
}

}  // namespace
}  // namespace bufio
