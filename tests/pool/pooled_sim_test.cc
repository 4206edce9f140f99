// Readers on one pool over the simulated kernel, seed by seed: whatever a kernel may do, each
// Reader gives out what its source holds, and every buffer comes home.

#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <coroutine>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "bufio/descriptor.h"
#include "bufio/reader.h"
#include "gtest/gtest.h"
#include "uring/buffer_pool.h"
#include "uring/ring.h"
#include "uring/task.h"
#include "uring/testing/choices.h"
#include "uring/testing/sim_kernel.h"
#include "uring/testing/sim_knobs.h"
#include "uring/testing/sim_memory.h"

namespace bufio {
namespace {

using uring::BufferPool;
using uring::PooledBuffer;
using uring::PoolMode;
using uring::PoolOptions;
using uring::PoolStats;
using uring::Ring;
using uring::RingOptions;
using uring::Task;
using uring::testing::random_knobs;
using uring::testing::SeededChoices;
using uring::testing::SimKernel;
using uring::testing::SimKnobs;
using uring::testing::SimMemory;
using uring::testing::SimStream;

enum class Kind : uint32_t { kFile, kPipe, kSocket };

class Unobserved final : public uring::TaskObserver {
  std::coroutine_handle<> task_ended() noexcept override { return std::noop_coroutine(); }
};

// One Reader, what it should give out, and the call that waits.
struct Input {
  std::string text;
  std::string got;
  size_t fed = 0;
  std::shared_ptr<SimStream> stream;
  std::optional<Reader> reader;
  Task<void> call;
  bool over = false;
};

Task<void> take_bytes(Input& input, size_t min, size_t most) {
  absl::StatusOr<std::string_view> view = co_await input.reader->fill_buf(min);
  EXPECT_TRUE(view.ok()) << view.status();
  if (!view.ok() || view->empty()) {
    input.over = true;
    co_return;
  }
  input.got += view->substr(0, most);
  input.reader->consume(std::min(view->size(), most));
}

Task<void> take_line(Input& input) {
  absl::StatusOr<Token> line = co_await input.reader->read_line({.keep_terminator = true});
  EXPECT_TRUE(line.ok()) << line.status();
  if (line.ok() && line->has_value()) {
    input.got += **line;
  } else {
    input.over = true;
  }
}

class Company {
 public:
  explicit Company(uint64_t seed) : choices_(seed), kernel_(choices_, knobs()) {
    kernel_.watch(memory_);
    kernel_.on_idle = [this] { return feed(); };
    RingOptions options = {.entries = 8, .completion_entries = 32};
    options.kernel = &kernel_;
    options.buffer_memory = &memory_;
    options.buffer_cache_bytes = 0;
    ring_.emplace(*Ring::create(std::move(options)));
    const PoolOptions pool = {.buffers = choices_.between(1, 4),
                              .buffer_size = choices_.between(1, 60),
                              .mode = static_cast<PoolMode>(choices_.below(4))};
    pool_.emplace(*ring_, pool);
    for (uint32_t i = 0; i < 4; ++i) add_input();
  }

  void read_everything() {
    for (size_t step = 0; !over(); ++step) {
      ASSERT_LT(step, 200000u) << "no progress";
      Input& input = inputs_[choices_.below(static_cast<uint32_t>(inputs_.size()))];
      if (input.call && input.call.ended()) input.call.reset();
      if (!input.call && !input.over) {
        begin_call(input);
      } else if (choices_.one_in(5)) {
        input.call.reset();  // the read goes on without it
      }
      if (choices_.one_in(6)) hog_ = pool_->try_acquire();
      if (choices_.one_in(3)) hog_.reset();
      if (choices_.one_in(4)) static_cast<void>(feed());
      turn();
    }
    for (const Input& input : inputs_) ASSERT_EQ(input.got, input.text);
  }

  void dismantle() {
    for (Input& input : inputs_) input.call.reset();
    hog_.reset();
    const bool pool_first = choices_.one_in(2);
    if (pool_first) pool_.reset();
    inputs_.clear();
    if (choices_.one_in(2)) turn();
    if (!pool_first && ring_->stats().in_flight == 0) {
      const PoolStats stats = pool_->stats();
      EXPECT_EQ(stats.lent, 0u);
      EXPECT_EQ(stats.waiting, 0u);
      EXPECT_EQ(stats.free + stats.with_kernel, stats.buffers);
    }
    ring_.reset();
    pool_.reset();
    EXPECT_EQ(kernel_.violations(), std::vector<std::string>{});
    EXPECT_EQ(kernel_.in_flight(), 0u);
    EXPECT_EQ(memory_.live_blocks(), 0u);
  }

 private:
  SimKnobs knobs() {
    SimKnobs knobs = random_knobs(choices_);
    knobs.error_one_in = 0;
    return knobs;
  }

  void add_input() {
    Input& input = inputs_.emplace_back();
    const size_t size = choices_.below(400);
    while (input.text.size() < size) {
      // Each input has letters of its own, so that a stranger's byte is seen.
      char letter = static_cast<char>('a' + 6 * (inputs_.size() - 1) + choices_.below(6));
      input.text += choices_.one_in(20) ? '\n' : letter;
    }
    int fd = -1;
    switch (static_cast<Kind>(choices_.below(3))) {
      case Kind::kFile:
        fd = memfd_create("simulated", MFD_CLOEXEC);
        kernel_.attach_file(fd, input.text);
        break;
      case Kind::kPipe:
      case Kind::kSocket: {
        int ends[2];
        bool socket = choices_.one_in(2);
        int failed = socket ? socketpair(AF_UNIX, SOCK_STREAM, 0, ends) : pipe(ends);
        if (failed != 0) std::abort();
        fd = ends[0];
        close(ends[1]);
        input.stream = kernel_.attach_stream(fd);
        break;
      }
    }
    input.reader.emplace(adopt_fd(*ring_, fd, {.pool = &*pool_}));
  }

  // Some input gets some bytes, or its end; false if there is none left to feed.
  bool feed() {
    for (Input& input : inputs_) {
      if (!input.stream || input.stream->ended()) continue;
      if (choices_.one_in(2) && &input != &inputs_.back()) continue;
      size_t size = std::min<size_t>(choices_.between(1, 90), input.text.size() - input.fed);
      input.stream->feed(std::string_view(input.text).substr(input.fed, size));
      input.fed += size;
      if (size == 0) input.stream->end();
      return true;
    }
    for (Input& input : inputs_) {
      if (!input.stream || input.stream->ended()) continue;
      input.stream->feed(std::string_view(input.text).substr(input.fed));
      input.fed = input.text.size();
      input.stream->end();
      return true;
    }
    return false;
  }

  void begin_call(Input& input) {
    if (choices_.one_in(2)) {
      input.call = take_line(input);
    } else {
      input.call = take_bytes(input, choices_.between(1, 100), choices_.between(1, 80));
    }
    static_cast<void>(input.call.start(nobody_));
  }

  // If that can bring anything; not while all that anybody waits for is the hog's buffer.
  void turn() {
    const uring::RingStats stats = ring_->stats();
    bool something = stats.in_flight + stats.waiting_for_entry + stats.held_back > 0;
    if (!something && !ring_->core().anything_ready()) return hog_.reset();
    ring_->core().turn();
  }

  bool over() const {
    return std::all_of(inputs_.begin(), inputs_.end(),
                       [](const Input& input) { return input.over; });
  }

  SeededChoices choices_;
  SimMemory memory_;
  SimKernel kernel_;
  Unobserved nobody_;
  std::optional<Ring> ring_;
  std::optional<BufferPool> pool_;
  std::optional<PooledBuffer> hog_;
  std::deque<Input> inputs_;
};

// BUFIO_TEST_SEED=n repeats one run, BUFIO_TEST_PROGRAMS=n makes as many.
TEST(PooledReadersOverTheSimulatedKernel, AreRightOnEverySeed) {
  const char* given = std::getenv("BUFIO_TEST_SEED");
  const char* many = std::getenv("BUFIO_TEST_PROGRAMS");
  const uint64_t first = given != nullptr ? std::strtoull(given, nullptr, 10) : 0;
  uint64_t runs = given != nullptr ? 1 : 1000;
  if (many != nullptr) runs = std::strtoull(many, nullptr, 10);
  for (uint64_t seed = first; seed < first + runs; ++seed) {
    SCOPED_TRACE(::testing::Message() << "BUFIO_TEST_SEED=" << seed);
    Company company(seed);
    company.read_everything();
    company.dismantle();
    if (HasFailure()) break;
  }
}

}  // namespace
}  // namespace bufio
