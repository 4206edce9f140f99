// The kernel never writes to memory that was given back, in whatever order things die.
//
// Buffers come from memory that becomes inaccessible when it is retired (guard_memory.h), so a read
// that is late by a moment completes with EFAULT, and the kernel that we watch sees it.

#include <liburing.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bufio/reader.h"
#include "gtest/gtest.h"
#include "tests/guard_memory.h"
#include "tests/stream_rig.h"
#include "tests/watching_kernel.h"
#include "uring/buffer_cache.h"
#include "uring/ref.h"
#include "uring/ring.h"
#include "uring/task.h"

namespace bufio {
namespace {

using testing::kAllSources;
using testing::source_name;
using testing::SourceKind;
using testing::StreamRig;
using testing::Unobserved;
using uring::Task;
using uring::testing::GuardMemory;
using uring::testing::WatchingKernel;

// --- the detector --------------------------------------------------------------------------------

enum class Retire { kNever, kUnderTheRead };

// Reads a pipe into a buffer that is retired while the read waits, or not.
int read_result(Retire retire, int* left_in_pipe) {
  GuardMemory memory;
  io_uring ring;
  if (io_uring_queue_init(4, &ring, 0) != 0) std::abort();
  int ends[2];
  if (pipe(ends) != 0) std::abort();
  auto cache = uring::make_ref<uring::BufferCache>(&memory, size_t{0});
  uring::Ref<uring::Buffer> buffer = cache->allocate(100, BufferKind::kHeap);
  io_uring_prep_read(io_uring_get_sqe(&ring), ends[0], buffer->data(), 100, 0);
  io_uring_submit(&ring);
  if (retire == Retire::kUnderTheRead) buffer.reset();
  if (write(ends[1], "bytes", 5) != 5) std::abort();
  io_uring_cqe* entry = nullptr;
  io_uring_wait_cqe(&ring, &entry);
  int result = entry->res;
  ioctl(ends[0], FIONREAD, left_in_pipe);
  io_uring_queue_exit(&ring);
  close(ends[0]);
  close(ends[1]);
  return result;
}

TEST(GuardMemory, ShowsAReadIntoRetiredMemoryAsEfault) {
  int left = 0;
  EXPECT_EQ(read_result(Retire::kNever, &left), 5);
  EXPECT_EQ(left, 0);
  EXPECT_EQ(read_result(Retire::kUnderTheRead, &left), -EFAULT);
  EXPECT_EQ(left, 5);
}

// --- deaths --------------------------------------------------------------------------------------

std::string sample(size_t size) {
  std::string text;
  for (size_t i = 0; i < size; ++i) text += i % 37 == 36 ? '\n' : static_cast<char>('a' + i % 26);
  return text;
}

Task<void> fill(StreamRig& rig, size_t min) {
  absl::StatusOr<std::string_view> view = co_await rig.reader().fill_buf(min);
  static_cast<void>(view);
}

Task<void> read_exact(StreamRig& rig, std::string& into) {
  absl::Status status = co_await rig.reader().read_exact(std::span<char>(into));
  static_cast<void>(status);
}

Task<void> skip(StreamRig& rig, uint64_t bytes) {
  absl::StatusOr<uint64_t> passed = co_await rig.reader().skip(bytes);
  static_cast<void>(passed);
}

struct Deaths {
  SourceKind kind;
  size_t read_size;
  // In which the Reader, the coroutine that waits and the Ring die.
  std::string order;
  // What has happened before: 0 nothing, 1 the read was handed over, 2 bytes have come as well,
  // 3 the completion was taken and the next read is on its way.
  int stage;
  // Whether bytes come between one death and the next.
  bool feeding;
};

class EveryOrder : public ::testing::TestWithParam<SourceKind> {
 protected:
  uring::RingOptions options() {
    uring::RingOptions options;
    options.entries = 16;
    // The system frees a ring some time after it was given back, and hundreds are made here.
    options.completion_entries = 64;
    options.fixed_buffers = false;  // the kernel would not notice
    options.buffer_cache_bytes = 0;
    options.buffer_memory = &memory_;
    options.kernel = &kernel_;
    options.on_leak = [this](std::string_view what) { leaks_ += what; };
    return options;
  }
  uring::Ring make_ring() {
    absl::StatusOr<uring::Ring> ring = uring::Ring::create(options());
    EXPECT_TRUE(ring.ok()) << ring.status();
    return *std::move(ring);
  }
  void TearDown() override {
    EXPECT_EQ(kernel_.faults(), 0u);
    EXPECT_GT(kernel_.completions(), 0u);
    // Mirrored buffers are mappings of their own, which are gone when they are retired: EFAULT,
    // too.
    bool mirrored =
        GetParam() == SourceKind::kMirroredPipe || GetParam() == SourceKind::kMirroredFile;
    EXPECT_TRUE(mirrored || memory_.allocated() > 0);
    EXPECT_EQ(memory_.retired(), memory_.allocated()) << "a buffer was not given back";
    EXPECT_EQ(leaks_, "");
  }

  void run(const Deaths& deaths) {
    std::optional<uring::Ring> ring(make_ring());
    const std::string text = sample(600);
    std::optional<StreamRig> rig(std::in_place, *ring, deaths.kind, text,
                                 std::vector<size_t>{7, 50},
                                 ReaderOptions{.read_size = deaths.read_size});
    std::string into(400, '?');
    std::optional<Task<void>> waiting(deaths.stage % 2 == 0 ? fill(*rig, 500)
                                                            : read_exact(*rig, into));
    Unobserved nobody;
    bool ended = waiting->start(nobody);
    if (deaths.stage >= 1) rig->core().submit();
    if (deaths.stage >= 2) rig->feed();
    for (int turn = 0; deaths.stage == 3 && turn < 3 && !ended; ++turn) {
      rig->feed();
      rig->core().turn();
      ended = waiting->ended();
    }
    for (char dying : deaths.order) {
      switch (dying) {
        case 'R':
          rig->abandon_reader();
          break;
        case 'C':
          waiting.reset();
          break;
        default:
          ring.reset();
          break;
      }
      if (deaths.feeding) rig->feed();
      if (deaths.feeding && ring.has_value()) ring->core().submit();
    }
    rig.reset();
  }

  GuardMemory memory_;
  WatchingKernel kernel_;
  std::string leaks_;
};

INSTANTIATE_TEST_SUITE_P(All, EveryOrder, ::testing::ValuesIn(kAllSources),
                         [](const auto& each) { return source_name(each.param); });

class EveryFile : public EveryOrder {};
INSTANTIATE_TEST_SUITE_P(All, EveryFile,
                         ::testing::Values(SourceKind::kFile, SourceKind::kOffload,
                                           SourceKind::kMirroredFile, SourceKind::kPooledFile),
                         [](const auto& each) { return source_name(each.param); });

TEST_P(EveryOrder, ReadersCoroutinesAndRingsDieWithoutAWriteToTheirMemory) {
  for (size_t read_size : {size_t{3}, size_t{64}, size_t{0}}) {
    std::string order = "CGR";
    do {
      for (int stage = 0; stage <= 3; ++stage) {
        for (bool feeding : {false, true}) {
          run({GetParam(), read_size, order, stage, feeding});
          ASSERT_EQ(kernel_.faults(), 0u)
              << order << ", stage " << stage << ", read size " << read_size;
        }
      }
    } while (std::next_permutation(order.begin(), order.end()));
  }
}

TEST_P(EveryOrder, CallsThatAreDroppedAndMadeAgainWriteToNothingThatIsGone) {
  for (size_t read_size : {size_t{5}, size_t{100}}) {
    uring::Ring ring = make_ring();
    const std::string text = sample(3000);
    StreamRig rig(ring, GetParam(), text, {9, 40}, {.max_buffer_size = 70, .read_size = read_size});
    Unobserved nobody;
    std::string consumed;
    std::string into(90, '?');
    for (size_t round = 0; consumed.size() < text.size(); ++round) {
      Task<void> waiting = round % 3 == 0 ? read_exact(rig, into) : fill(rig, 1 + round % 60);
      bool ended = waiting.start(nobody);
      for (size_t step = 0; step < round % 4 && !ended; ++step) {
        rig.feed();
        rig.core().turn();
        ended = waiting.ended();
      }
      if (ended && round % 3 == 0 && rig.reader().pos() == consumed.size() + into.size()) {
        consumed += into;
        continue;
      }
      waiting.reset();
      std::string_view view = rig.reader().buffered();
      view = view.substr(0, round % 5 == 0 ? view.size() / 2 : view.size());
      consumed += view;
      rig.reader().consume(view.size());
    }
    EXPECT_EQ(consumed, text);
    EXPECT_TRUE(rig.dismantle());
  }
}

// Reads of whole pages would end where their memory does, were it not for the padding.
TEST_P(EveryFile, PaddingIsReadableThoughTheMemoryEndsThere) {
  for (int read_ahead : {0, 3}) {
    uring::Ring ring = make_ring();
    const std::string text = sample(size_t{64} << 10);
    StreamRig rig(ring, GetParam(), text, {0}, {.read_size = 8192, .max_read_ahead = read_ahead});
    Unobserved nobody;
    unsigned sum = 0;
    while (rig.reader().pos() < text.size()) {
      Task<void> waiting = fill(rig, 1);
      bool ended = waiting.start(nobody);
      for (; !ended; ended = waiting.ended()) rig.core().turn();
      const std::string_view view = rig.reader().buffered();
      ASSERT_EQ(view, std::string_view(text).substr(rig.reader().pos(), view.size()));
      for (size_t i = 0; i < 64; ++i)
        sum += static_cast<unsigned char>(*const_cast<const volatile char*>(view.end() + i));
      rig.reader().consume(view.size());
    }
    ::testing::Test::RecordProperty("sum", static_cast<int>(sum));
    ASSERT_TRUE(rig.dismantle());
  }
}

TEST_P(EveryFile, SeekAndSkipDuringReadAheadWriteToNothingThatIsGone) {
  uring::Ring ring = make_ring();
  const std::string text = sample(400000);
  for (size_t moves = 0; moves < 60; ++moves) {
    StreamRig rig(ring, GetParam(), text, {0},
                  {.read_size = size_t{1024} << moves % 3, .max_read_ahead = 5});
    Unobserved nobody;
    for (size_t move = 0; move < moves; ++move) {
      const size_t target = move * 7919 * 13 % text.size();
      Task<void> waiting = fill(rig, 200);
      bool ended = waiting.start(nobody);
      if (move % 2 == 0) rig.core().submit();
      if (move % 3 == 0 && !ended) rig.core().turn();
      waiting.reset();
      if (move % 4 == 3 && target > rig.reader().pos()) {
        // Passes over what is read ahead, without waiting for it.
        Task<void> skipping = skip(rig, target - rig.reader().pos());
        static_cast<void>(skipping.start(nobody));
      }
      ASSERT_TRUE(rig.reader().seek(target).ok());
      std::string_view there = rig.reader().buffered();
      ASSERT_EQ(there, std::string_view(text).substr(target, there.size()));
    }
    ASSERT_TRUE(rig.dismantle());
  }
}

}  // namespace
}  // namespace bufio
