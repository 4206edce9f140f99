// tests/pool/pool_fixture.h
//
// A Ring over a FaultKernel with memory that is guarded once it was given back, and a pool on it.

#ifndef TESTS_POOL_POOL_FIXTURE_H_
#define TESTS_POOL_POOL_FIXTURE_H_

#include <sys/socket.h>
#include <unistd.h>

#include <coroutine>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "tests/fault_kernel.h"
#include "tests/guard_memory.h"
#include "tests/ring_testing.h"
#include "uring/buffer_pool.h"
#include "uring/descriptor.h"
#include "uring/ring.h"
#include "uring/task.h"

namespace uring::testing {

inline std::string mode_name(PoolMode mode) {
  constexpr const char* kNames[] = {"Auto", "Registered", "Provided", "Heap"};
  return kNames[static_cast<int>(mode)];
}

// A connected pair; both ends are closed in the end.
class SocketPair {
 public:
  SocketPair() {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) std::abort();
    reader_ = make_ref<Descriptor>(ends[0], Descriptor::Ownership::kOwned, "socket");
    writer_ = ends[1];
  }
  SocketPair(SocketPair&& other) noexcept
      : reader_(std::move(other.reader_)), writer_(std::exchange(other.writer_, -1)) {}
  SocketPair& operator=(SocketPair&&) = delete;
  ~SocketPair() { close_writer(); }

  Ref<Descriptor> reader() const { return reader_; }
  int writer() const { return writer_; }
  void write(std::string_view text) const {
    if (::write(writer_, text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
      std::abort();
    }
  }
  void close_writer() {
    if (writer_ >= 0) ::close(std::exchange(writer_, -1));
  }

 private:
  Ref<Descriptor> reader_;
  int writer_;
};

// Told nothing of a task's end.
class Unobserved final : public TaskObserver {
  std::coroutine_handle<> task_ended() noexcept override { return std::noop_coroutine(); }
};

// What a read came to, in words.
inline std::string text(const absl::StatusOr<PooledBuffer>& bytes) {
  return bytes.ok() ? std::string(bytes->view()) : bytes.status().ToString();
}

class PoolTest : public ::testing::Test {
 protected:
  void SetUp() override { make_ring(); }
  void TearDown() override {
    pool_.reset();
    ring_.reset();
    EXPECT_EQ(kernel_.counts().faults, 0u);
    EXPECT_EQ(kernel_.counts().overlong_waits, 0u);
    if (leaks_.empty()) {
      EXPECT_EQ(memory_.retired(), memory_.allocated());
    }
  }

  void make_ring() {
    RingOptions options = modest_options();
    options.completion_entries = 512;
    options.kernel = &kernel_;
    options.buffer_memory = &memory_;
    options.buffer_cache_bytes = 0;
    options.on_leak = [this](std::string_view report) { leaks_ += report; };
    absl::StatusOr<Ring> made = Ring::create(std::move(options));
    ASSERT_TRUE(made.ok()) << made.status();
    ring_.emplace(*std::move(made));
  }
  // Whether the mode that was asked for is there; else skips the test.
  bool make_pool(PoolOptions options) {
    pool_.emplace(*ring_, options);
    bool missing = (options.mode == PoolMode::kRegistered && !pool_->stats().registered) ||
                   (options.mode == PoolMode::kProvided && !pool_->stats().provided);
    return !missing;
  }

  Ring& ring() { return *ring_; }
  BufferPool& pool() { return *pool_; }
  FaultKernel& kernel() { return kernel_; }
  GuardMemory& memory() { return memory_; }
  const std::string& leaks() const { return leaks_; }
  void destroy_ring() { ring_.reset(); }
  void destroy_pool() { pool_.reset(); }
  // Nobody has a buffer, and none is missing.
  bool all_home() const {
    const PoolStats stats = pool_->stats();
    return stats.lent + stats.extra == 0 && stats.waiting == 0 &&
           stats.free + stats.with_kernel == stats.buffers;
  }

 private:
  GuardMemory memory_;
  FaultKernel kernel_;
  std::string leaks_;
  std::optional<Ring> ring_;
  std::optional<BufferPool> pool_;
};

#define MAKE_POOL_OR_SKIP(...) \
  if (!make_pool(__VA_ARGS__)) GTEST_SKIP() << "this kernel, or this user's limits, forbid it"

}  // namespace uring::testing

#endif  // TESTS_POOL_POOL_FIXTURE_H_
