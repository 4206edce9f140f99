// Scopes, borrowed memory, shields, stop tokens and the graveyard's bound, in random programs over
// the simulated kernel.
//
// The memory that children borrow is freed in the moment in which their scope has gone, and the
// kernel looks at each copy and completion whether it is still there.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "tests/ring_testing.h"
#include "tests/sim/descriptors.h"
#include "uring/block_on.h"
#include "uring/file.h"
#include "uring/post.h"
#include "uring/ring.h"
#include "uring/scope.h"
#include "uring/shield.h"
#include "uring/sleep.h"
#include "uring/spawn.h"
#include "uring/stop.h"
#include "uring/task.h"
#include "uring/testing/choices.h"
#include "uring/testing/sim_kernel.h"
#include "uring/testing/sim_memory.h"
#include "uring/timeout.h"

namespace uring {
namespace {

using std::chrono::microseconds;
using testing::Choices;
using testing::Reading;
using testing::SeededChoices;
using testing::SimKernel;
using testing::SimKnobs;
using testing::SimMemory;
using testing::SimStream;

constexpr size_t kPart = 64;  // memory of each child
constexpr size_t kMaxChildren = 8;
constexpr uint64_t kSeeds = 400;

std::string numbers() {
  std::string text;
  for (int i = 0; i < 200; ++i) text += std::to_string(i) + "\n";
  return text;
}

SimKnobs knobs_of(Choices& choices) {
  SimKnobs knobs = testing::random_knobs(choices);
  knobs.drop_one_in = 0;  // a Ring that cannot go on may not let borrowed memory go
  return knobs;
}

class Program {
 public:
  explicit Program(uint64_t seed)
      : choices_(seed), kernel_(choices_, knobs_of(choices_)), text_(numbers()) {
    kernel_.watch(memory_);
    kernel_.on_idle = [this] { return feed(); };
    RingOptions options;
    options.kernel = &kernel_;
    options.entries = 8;
    options.completion_entries = 32;
    options.buffer_memory = &memory_;
    options.buffer_cache_bytes = 0;
    options.busy_poll = microseconds(choices_.one_in(3) ? choices_.below(20) : 0);
    constexpr size_t kBounds[] = {SIZE_MAX, 0, 100, 1000};
    options.max_orphaned_bytes = kBounds[choices_.below(4)];
    absl::StatusOr<Ring> ring = Ring::create(std::move(options));
    EXPECT_TRUE(ring.ok()) << ring.status();
    if (!ring.ok()) return;
    ring_.emplace(*std::move(ring));
    OwnedFd file = testing::empty_file();
    kernel_.attach_file(file.get(), text_);
    files_.push_back(File::adopt(*ring_, std::move(file)));
    for (int i = 0; i < 2; ++i) {
      OwnedFd pipe = testing::make_pipe().first;
      streams_.push_back(kernel_.attach_stream(pipe.get()));
      files_.push_back(File::adopt(*ring_, std::move(pipe)));
    }
  }

  void run() {
    const uint32_t steps = choices_.between(5, 80);
    for (uint32_t i = 0; ring_ && i < steps && !::testing::Test::HasFailure(); ++i) {
      step();
      if (!ring_) break;
      const RingStats stats = ring_->stats();
      EXPECT_EQ(stats.in_flight, stats.submitted - stats.terminal);
      EXPECT_LE(stats.orphans, stats.in_flight);
    }
    files_.clear();
    if (choices_.below(2) == 1) ring_.reset();
    while (!families_.empty()) destroy(families_.front());
    ring_.reset();
    EXPECT_EQ(kernel_.violations(), std::vector<std::string>{});
    EXPECT_EQ(kernel_.in_flight(), 0u);
    EXPECT_EQ(memory_.live_blocks(), 0u);
    EXPECT_EQ(shields_begun_, shields_ended_ + shields_destroyed_);
  }

 private:
  // A scope and the memory that its children borrow.
  struct Family {
    std::stop_source source;
    char* block = nullptr;
    size_t children = 0;
    std::optional<Scope> scope;
  };

  void step() {
    switch (choices_.below(12)) {
      case 0:
        return block_on(*ring_, yield(*ring_));
      case 1:
        return block_on(*ring_, sleep_for(*ring_, microseconds(choices_.below(2000))));
      case 2:
        static_cast<void>(feed());
        return;
      case 3:
        static_cast<void>(kernel_.step());
        return;
      case 4:
        return abandon_reading();
      case 5:
        return spawn(*ring_, be_shielded(choices_.below(4)));
      case 6:
        return begin();
      default:
        break;
    }
    if (families_.empty()) return begin();
    Family& family = *std::next(families_.begin(), choices_.below(size()));
    switch (choices_.below(8)) {
      case 0:
        family.scope->cancel();
        break;
      case 1:
        family.source.request_stop();
        break;
      case 2:
        destroy(family);
        break;
      case 3:
        join(family);
        break;
      default:
        have_child(family);
    }
  }

  uint32_t size() const { return static_cast<uint32_t>(families_.size()); }

  bool feed() {
    SimStream& stream = *streams_[choices_.below(2)];
    stream.feed(std::string_view(text_).substr(0, choices_.between(1, 100)));
    return true;
  }

  void begin() {
    if (families_.size() == 4) return destroy(families_.front());
    Family& family = families_.emplace_back();
    family.block = static_cast<char*>(memory_.allocate(kPart * kMaxChildren, 16));
    ScopeOptions options;
    if (choices_.below(2) == 1) options.stop = family.source.get_token();
    options.cancel_on_error = choices_.below(2) == 1;
    options.max_running = choices_.below(4);
    if (choices_.one_in(4)) options.deadline = ring_->now() + microseconds(choices_.below(3000));
    family.scope.emplace(*ring_, std::move(options));
  }

  void destroy(Family& family) {
    family.scope.reset();
    memory_.deallocate(family.block, kPart * kMaxChildren, 16);
    families_.remove_if([&family](const Family& one) { return &one == &family; });
  }

  void have_child(Family& family) {
    if (family.children == kMaxChildren) return;
    const std::span<char> memory(family.block + kPart * family.children++, kPart);
    family.scope->spawn(borrow(*family.scope, memory, choices_.between(1, 4)));
  }

  void join(Family& family) {
    const absl::Status status = block_on(
        *ring_, with_timeout(*ring_, microseconds(choices_.below(5000)), family.scope->join()));
    if (!absl::IsDeadlineExceeded(status)) {
      EXPECT_EQ(family.scope->running(), 0u);
    }
  }

  Task<absl::Status> borrow(Scope& scope, std::span<char> memory, uint32_t times) {
    absl::Status status;
    for (uint32_t i = 0; i < times; ++i) {
      const uint32_t which = choices_.below(static_cast<uint32_t>(files_.size()));
      const uint64_t offset = choices_.below(static_cast<uint32_t>(text_.size()));
      const std::span<char> part = memory.first(choices_.between(1, kPart));
      // Copies: the program may let its own go while the child waits.
      const File file = files_[which];
      absl::StatusOr<size_t> count = size_t{0};
      switch (choices_.below(4)) {
        case 0:
          count = co_await with_timeout(*ring_, microseconds(choices_.below(1000)),
                                        scope.read(file, part, offset));
          break;
        case 1:
          count = co_await with_stop(*ring_, scope.stop_token(), scope.read(file, part, offset));
          break;
        case 2:
          count = co_await scope.read_exact(file, part, offset);
          break;
        default:
          count = co_await scope.read(file, part, offset);
      }
      if (!count.ok()) {
        status = count.status();
      } else if (which == 0) {
        const std::string_view got(part.data(), *count);
        EXPECT_EQ(got, std::string_view(text_).substr(offset, *count));
      }
    }
    co_return choices_.below(2) == 1 ? status : absl::OkStatus();
  }

  // Counts itself as ended or as destroyed.
  class Ending {
   public:
    explicit Ending(Program& program) : program_(program) { ++program_.shields_begun_; }
    Ending(const Ending&) = delete;
    Ending& operator=(const Ending&) = delete;
    ~Ending() { ++(ended_ ? program_.shields_ended_ : program_.shields_destroyed_); }
    void note() { ended_ = true; }

   private:
    Program& program_;
    bool ended_ = false;
  };
  Task<void> take_turns(uint32_t turns) {
    Ending ending(*this);
    for (uint32_t i = 0; i < turns; ++i) {
      co_await sleep_for(*ring_, microseconds(100));
    }
    ending.note();
  }
  Task<void> be_shielded(uint32_t turns) {
    const absl::Status status =
        co_await with_timeout(*ring_, microseconds(150), shield(*ring_, take_turns(turns)));
    status.IgnoreError();
  }

  void abandon_reading() {
    const File& file = files_[choices_.below(3)];
    const ReadKind kind = &file == &files_[0] ? ReadKind::kPositional : ReadKind::kStream;
    Reading reading(*ring_, file.descriptor(), kind, 200);
    reading.start();
    if (choices_.below(2) == 1) ring_->core().submit();
  }

  SeededChoices choices_;
  SimMemory memory_;
  SimKernel kernel_;
  const std::string text_;
  std::vector<std::shared_ptr<SimStream>> streams_;
  std::optional<Ring> ring_;
  std::vector<File> files_;
  std::list<Family> families_;
  int shields_begun_ = 0;
  int shields_ended_ = 0;
  int shields_destroyed_ = 0;
};

TEST(StructuredSim, MemoryThatIsBorrowedOutlivesItsRequestsOnEverySeed) {
  for (uint64_t seed = 1; seed <= kSeeds && !HasFailure(); ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    Program(seed).run();
  }
}

// A number that was closed may be another file's when the kernel comes to its request.
TEST(StructuredSim, TheDescriptorThatPostsComeByStaysOpenForARequestThatIsLeaked) {
  SeededChoices choices(1);
  SimKernel kernel(choices);
  std::string report;
  {
    RingOptions options;
    options.kernel = &kernel;
    options.on_leak = [&report](std::string_view text) { report = text; };
    absl::StatusOr<Ring> ring = Ring::create(options);
    ASSERT_TRUE(ring.ok()) << ring.status();
    const Poster poster = Poster::create(*ring).value();
    kernel.hold(true);
    block_on(*ring, yield(*ring));
    ring->core().submit();
    EXPECT_EQ(ring->stats().in_flight, 1u);
  }
  EXPECT_NE(report, "");
  kernel.hold(false);
  kernel.finish_torn_down();
  EXPECT_EQ(kernel.violations(), std::vector<std::string>{});
  EXPECT_EQ(kernel.in_flight(), 0u);
}

}  // namespace
}  // namespace uring
