// What serving costs in steady state, counted: no allocation for a message, at most one system call
// a turn of the loop, one send for all that a turn has answered.

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bufio/stream.h"
#include "gtest/gtest.h"
#include "tests/allocations.h"
#include "tests/watching_kernel.h"
#include "uring/descriptor.h"
#include "uring/frame_allocator.h"
#include "uring/ref.h"
#include "uring/ring.h"
#include "uring/socket.h"
#include "uring/spawn.h"
#include "uring/task.h"

namespace bufio {
namespace {

using uring::Task;

enum class Work { kEcho, kLines };
constexpr size_t kLines = 32;
constexpr size_t kConnections = 8;
constexpr int kWarmUp = 100;
constexpr int kRounds = 500;

Task<void> echo(Stream& stream) {
  for (;;) {
    absl::StatusOr<std::string_view> view = co_await stream.reader.fill_buf();
    if (!view.ok() || view->empty()) co_return;
    absl::Status status = co_await stream.writer.write(*view);
    if (!status.ok()) co_return;
    stream.reader.consume(view->size());
  }
}

Task<void> answer_lines(Stream& stream) {
  Lines lines = stream.reader.lines();
  for (;;) {
    Token line = co_await lines.next();
    if (!line.has_value()) co_return;
    absl::Status status = co_await stream.writer.write_all("+", *line, "\n");
    if (!status.ok()) co_return;
  }
}

struct Kind {
  const char* name;
  Work work;
  bool shared_pool;
};

class ServingCost : public ::testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    uring::RingOptions options;
    options.kernel = &kernel_;
    absl::StatusOr<uring::Ring> ring = uring::Ring::create(options);
    ASSERT_TRUE(ring.ok()) << ring.status();
    ring_ = std::make_unique<uring::Ring>(*std::move(ring));
    ReaderOptions reader;
    reader.shared_pool = GetParam().shared_pool;
    for (size_t i = 0; i < kConnections; ++i) {
      std::array<int, 2> ends;
      ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0) << errno;
      peers_.push_back(ends[1]);
      const uring::Socket socket(uring::Ref<uring::RingCore>(&ring_->core()),
                                 uring::make_ref<uring::Descriptor>(ends[0]));
      streams_.push_back(std::make_unique<Stream>(open_stream(socket, reader)));
      Stream& stream = *streams_.back();
      uring::spawn(*ring_, GetParam().work == Work::kEcho ? echo(stream) : answer_lines(stream));
    }
    for (size_t i = 0; i < kLines; ++i) {
      const std::string line(20 + i, static_cast<char>('a' + i % 26));
      request_ += line + '\n';
      answer_ += '+' + line + '\n';
    }
    if (GetParam().work == Work::kEcho) answer_ = request_;
    heard_.resize(answer_.size());
  }
  void TearDown() override {
    ring_.reset();
    streams_.clear();
    for (const int peer : peers_) close(peer);
  }

  // Everybody asks, and hears the answer.
  void round() {
    for (const int peer : peers_) {
      ASSERT_EQ(write(peer, request_.data(), request_.size()),
                static_cast<ssize_t>(request_.size()));
    }
    for (const int peer : peers_) {
      size_t got = 0;
      while (got < answer_.size()) {
        const ssize_t n = recv(peer, heard_.data() + got, answer_.size() - got, MSG_DONTWAIT);
        if (n > 0) {
          got += static_cast<size_t>(n);
        } else {
          ASSERT_EQ(errno, EAGAIN);
          ring_->core().turn();
        }
      }
      ASSERT_EQ(heard_, answer_);
    }
  }
  uint64_t sends() const {
    uint64_t sum = 0;
    for (const auto& stream : streams_) sum += stream->writer.stats().writes;
    return sum;
  }

  uring::testing::WatchingKernel kernel_;
  std::unique_ptr<uring::Ring> ring_;
  std::vector<std::unique_ptr<Stream>> streams_;
  std::vector<int> peers_;
  std::string request_;
  std::string answer_;
  std::string heard_;
};

TEST_P(ServingCost, IsOneSystemCallATurnOneSendAnAnswerAndNoAllocation) {
  for (int i = 0; i < kWarmUp; ++i) ASSERT_NO_FATAL_FAILURE(round());
  const uint64_t allocations = testing::allocations;
  const uint64_t enters = kernel_.enters();
  const uint64_t registers = kernel_.registers();
  const uint64_t turns = ring_->stats().turns;
  const uint64_t sends_before = sends();
  for (int i = 0; i < kRounds; ++i) ASSERT_NO_FATAL_FAILURE(round());
  EXPECT_LE(kernel_.enters() - enters, ring_->stats().turns - turns);
  // Bytes that have come, a turn to answer them; the sends' completions come with either.
  EXPECT_LE(ring_->stats().turns - turns, 3u * kRounds);
  EXPECT_EQ(kernel_.registers(), registers);
  EXPECT_EQ(sends() - sends_before, kRounds * kConnections);
  if (!uring::frames_are_recycled()) return;  // under AddressSanitizer nothing is, by intent
  EXPECT_EQ(testing::allocations - allocations, 0u);
}

INSTANTIATE_TEST_SUITE_P(All, ServingCost,
                         ::testing::Values(Kind{"Echo", Work::kEcho, false},
                                           Kind{"EchoSharedPool", Work::kEcho, true},
                                           Kind{"Lines", Work::kLines, false},
                                           Kind{"LinesSharedPool", Work::kLines, true}),
                         [](const auto& kind) { return std::string(kind.param.name); });

}  // namespace
}  // namespace bufio
