// The N-th system call fails, once or from then on, with each errno; the N-th allocation fails.
// For N from 1 until nothing fails any more.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <memory_resource>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bufio/descriptor.h"
#include "bufio/reader.h"
#include "tests/simulate/unobserved.h"
#include "uring/kernel.h"
#include "uring/ring.h"
#include "uring/status.h"
#include "uring/task.h"
#include "uring/testing/choices.h"
#include "uring/testing/sim_kernel.h"
#include "uring/testing/sim_memory.h"

namespace bufio::simulate {
namespace {

using uring::testing::SeededChoices;
using uring::testing::SimKernel;
using uring::testing::SimMemory;

enum class Call { kSetUp, kRegister, kEnter };

// A kernel whose n-th call fails.
class FailingKernel final : public uring::Kernel {
 public:
  explicit FailingKernel(uring::Kernel& inner) : inner_(inner) {}
  void fail(uint64_t n, int error, bool sticky) {
    left_ = n;
    error_ = error;
    sticky_ = sticky;
  }
  // The call that failed first, if it came to that.
  std::optional<Call> failed() const { return failed_; }

  uring::TimePoint now() const override { return inner_.now(); }
  int set_up(unsigned entries, io_uring_params& params, io_uring& ring) override {
    return fails(Call::kSetUp) ? -error_ : inner_.set_up(entries, params, ring);
  }
  int register_with(io_uring& ring, unsigned opcode, const void* argument,
                    unsigned count) override {
    return fails(Call::kRegister) ? -error_ : inner_.register_with(ring, opcode, argument, count);
  }
  int enter(io_uring& ring, unsigned to_submit, unsigned min_complete, unsigned flags,
            const __kernel_timespec* timeout) override {
    return fails(Call::kEnter) ? -error_
                               : inner_.enter(ring, to_submit, min_complete, flags, timeout);
  }
  void tear_down(io_uring& ring) override { inner_.tear_down(ring); }

 private:
  bool fails(Call call) {
    if (left_ > 0 && --left_ == 0 && !failed_) failed_ = call;
    return failed_ && (sticky_ || std::exchange(once_, false));
  }

  uring::Kernel& inner_;
  uint64_t left_ = 0;
  int error_ = 0;
  bool sticky_ = false;
  bool once_ = true;
  std::optional<Call> failed_;
};

// What became of one source.
struct Reading {
  std::string got;
  absl::Status status;
};

uring::Task<void> read_all(Reader& reader, Reading& into) {
  for (;;) {
    absl::StatusOr<std::string_view> view = co_await reader.fill_buf();
    into.status = view.status();
    if (!view.ok() || view->empty()) co_return;
    into.got += *view;
    reader.consume(view->size());
  }
}

// A file and a pipe, read side by side on a Ring that is made for it.
class Session {
 public:
  static constexpr std::string_view kText = "the quick brown fox jumps over the lazy dog";

  explicit Session(std::pmr::memory_resource* memory = nullptr)
      : memory_(memory != nullptr ? memory : &sim_memory_) {
    sim_.watch(sim_memory_);
    sim_.knobs().inline_one_in = 2;
    sim_.knobs().steps_per_enter = 2;
    sim_.on_idle = [this] { return feed(); };
  }

  FailingKernel& kernel() { return kernel_; }
  // Why there was no Ring.
  const absl::Status& no_ring() const { return no_ring_; }
  const Reading& file() const { return file_; }
  const Reading& pipe() const { return pipe_; }
  bool leaked() const { return leaked_; }

  void run() {
    uring::RingOptions options;
    options.entries = 4;
    options.completion_entries = 16;
    options.kernel = &kernel_;
    options.buffer_memory = memory_;
    options.on_leak = [this](std::string_view) { leaked_ = true; };
    absl::StatusOr<uring::Ring> ring = uring::Ring::create(std::move(options));
    if (!ring.ok()) {
      no_ring_ = ring.status();
      return;
    }
    const int file = memfd_create("text", MFD_CLOEXEC);
    if (ftruncate(file, static_cast<off_t>(kText.size())) != 0) std::abort();
    sim_.attach_file(file, std::string(kText));
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) std::abort();
    ::close(ends[1]);
    stream_ = sim_.attach_stream(ends[0]);
    Reader file_reader = adopt_fd(*ring, file, {.read_size = 8, .offload = true});
    Reader pipe_reader = adopt_fd(*ring, ends[0], {.read_size = 8, .pipe_size = 0});
    uring::Task<void> file_task = read_all(file_reader, file_);
    uring::Task<void> pipe_task = read_all(pipe_reader, pipe_);
    static_cast<void>(file_task.start(Unobserved::instance()));
    static_cast<void>(pipe_task.start(Unobserved::instance()));
    while (!file_task.ended() || !pipe_task.ended()) ring->core().turn();
  }

  // Compares what must hold whatever failed.
  void expect_sound() {
    for (const Reading* reading : {&file_, &pipe_}) {
      EXPECT_EQ(reading->got, kText.substr(0, reading->got.size()));
      if (no_ring_.ok() && reading->status.ok()) {
        EXPECT_EQ(reading->got, kText);
      }
    }
    sim_.finish_torn_down();
    EXPECT_EQ(sim_.in_flight(), 0u);
    for (const std::string& violation : sim_.violations()) ADD_FAILURE() << violation;
    if (!leaked_) {
      EXPECT_EQ(sim_memory_.live_blocks(), 0u);
    }
  }

 private:
  bool feed() {
    if (!stream_ || stream_->ended()) return false;
    const std::string_view piece = kText.substr(fed_, 10);
    stream_->feed(piece);
    fed_ += piece.size();
    if (piece.empty()) stream_->end();
    return true;
  }

  SimMemory sim_memory_;
  std::pmr::memory_resource* memory_;
  SeededChoices choices_{7};
  SimKernel sim_{choices_};
  FailingKernel kernel_{sim_};
  std::shared_ptr<uring::testing::SimStream> stream_;
  size_t fed_ = 0;
  absl::Status no_ring_;
  Reading file_;
  Reading pipe_;
  bool leaked_ = false;
};

constexpr uint64_t kFarMoreThanThereAre = 1000;

bool transient(int error) {
  return error == EINTR || error == EAGAIN || error == EBUSY || error == ENOMEM;
}

// What an entering that fails means: nothing, if it may go better the next time; else the Ring is
// broken, and every Reader says why.
void expect_outcome(const Session& session, Call call, int error, bool sticky) {
  const bool broken = sticky || !transient(error);
  if (call == Call::kSetUp) {
    // A way of setting up that the kernel does not know, or has no memory for, has others behind.
    const bool goes_on = !sticky && (error == EINVAL || error == ENOMEM);
    EXPECT_EQ(session.no_ring().ok(), goes_on) << session.no_ring();
    if (!goes_on) {
      EXPECT_EQ(uring::errno_of(session.no_ring()), error);
    }
  }
  if (call != Call::kEnter) {
    if (!session.no_ring().ok() || sticky) return;
    EXPECT_TRUE(session.file().status.ok()) << session.file().status;
    EXPECT_TRUE(session.pipe().status.ok()) << session.pipe().status;
    return;
  }
  EXPECT_TRUE(session.no_ring().ok());
  for (const Reading* reading : {&session.file(), &session.pipe()}) {
    if (!broken) {
      EXPECT_TRUE(reading->status.ok()) << reading->status;
    }
    if (!reading->status.ok()) {
      EXPECT_EQ(uring::errno_of(reading->status), error);
    }
  }
  const bool one_fails = !session.file().status.ok() || !session.pipe().status.ok();
  if (broken) {
    EXPECT_TRUE(one_fails || session.pipe().got == Session::kText);
  }
}

// Returns how many calls there are.
uint64_t fail_each_call(int error, bool sticky, uint64_t most = kFarMoreThanThereAre) {
  for (uint64_t n = 1; n <= most; ++n) {
    SCOPED_TRACE("call " + std::to_string(n) + " fails with errno " + std::to_string(error) +
                 (sticky ? ", and all after it" : ""));
    Session session;
    session.kernel().fail(n, error, sticky);
    session.run();
    session.expect_sound();
    if (!session.kernel().failed()) {
      EXPECT_TRUE(session.file().status.ok() && session.pipe().status.ok());
      return n - 1;
    }
    expect_outcome(session, *session.kernel().failed(), error, sticky);
  }
  return most;
}

TEST(SystemCall, FailsOnceAndNothingIsLost) {
  for (int error : {EINTR, EAGAIN, EBUSY, ENOMEM}) EXPECT_GT(fail_each_call(error, false), 8u);
}

TEST(SystemCall, FailsForGoodAndEveryReaderSaysWhy) {
  for (int error : {EINVAL, EPERM, EBADR, EBADF, ENXIO, ENOSYS}) {
    EXPECT_GT(fail_each_call(error, false), 4u);
    EXPECT_GT(fail_each_call(error, true), 4u);
  }
}

// A kernel that never has the memory is believed in the end, a second later.
TEST(SystemCall, FailsTransientlyForEver) {
  Session session;
  uint64_t n = 1;
  for (; n < kFarMoreThanThereAre; ++n) {
    Session probe;
    probe.kernel().fail(n, EINVAL, false);
    probe.run();
    probe.expect_sound();
    if (probe.kernel().failed() == Call::kEnter) break;
  }
  session.kernel().fail(n, EAGAIN, true);
  session.run();
  session.expect_sound();
  expect_outcome(session, Call::kEnter, EAGAIN, true);
}

// --- memory --------------------------------------------------------------------------------------

class FailingMemory final : public std::pmr::memory_resource {
 public:
  // The n-th allocation fails.
  explicit FailingMemory(uint64_t n) : left_(n) {}
  bool failed() const { return left_ == 0; }

 private:
  void* do_allocate(size_t size, size_t alignment) override {
    if (left_ > 0 && --left_ == 0) {
#if defined(__cpp_exceptions)
      throw std::bad_alloc();
#else
      std::abort();
#endif
    }
    return std::pmr::new_delete_resource()->allocate(size, alignment);
  }
  void do_deallocate(void* block, size_t size, size_t alignment) override {
    std::pmr::new_delete_resource()->deallocate(block, size, alignment);
  }
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }

  uint64_t left_;
};

// Whether the n-th allocation was made, by one who lived to tell.
bool runs_without_allocation(uint64_t n) {
  FailingMemory memory(n);
  Session session(&memory);
  session.run();
  return !memory.failed() && session.file().got == Session::kText &&
         session.pipe().got == Session::kText;
}

TEST(AllocationDeathTest, FailsAndTheProcessEnds) {
  // Each look takes a process; the first allocation that is not made any more ends it.
  uint64_t n = 1;
  for (; n < kFarMoreThanThereAre; ++n) {
    int status = 0;
    const pid_t child = fork();
    if (child == 0) {
      if (std::freopen("/dev/null", "w", stderr) == nullptr) std::abort();
      std::_Exit(runs_without_allocation(n) ? 0 : 1);
    }
    ASSERT_EQ(waitpid(child, &status, 0), child);
    if (WIFEXITED(status)) {
      EXPECT_EQ(WEXITSTATUS(status), 0) << "allocation " << n << " failed, and it went on";
      break;
    }
    EXPECT_EQ(WTERMSIG(status), SIGABRT) << "allocation " << n;
  }
  EXPECT_GT(n, 3u);
}

}  // namespace
}  // namespace bufio::simulate
