// AddressSanitizer reports a view that is used after its end, and nothing that is allowed.
//
// The Ring is made within the death statement: the statement runs in a forked child, where a Ring
// of the parent must not be used.

#include <unistd.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bufio/descriptor.h"
#include "bufio/reader.h"
#include "gtest/gtest.h"
#include "tests/stream_rig.h"
#include "uring/block_on.h"
#include "uring/ring.h"
#include "uring/sanitizer.h"
#include "uring/task.h"

namespace bufio {
namespace {

using testing::source_name;
using testing::SourceKind;
using testing::StreamRig;
using uring::Task;

constexpr char kReport[] = "use-after-poison|heap-use-after-free|heap-buffer-overflow";
constexpr size_t kPadding = 64;

// Reads a byte as a parser would.
[[gnu::noinline]] int look_at(const char* byte) { return *static_cast<const volatile char*>(byte); }

std::string text_of(size_t size) {
  std::string text;
  for (size_t i = 0; i < size; ++i) text += static_cast<char>('a' + i % 26);
  return text;
}

// Keeps a Reader with 1000 bytes in its window.
class Scene {
 public:
  explicit Scene(SourceKind kind)
      : ring_(*uring::Ring::create()),
        rig_(std::in_place, ring_, kind, text_of(20000), std::vector<size_t>{1000},
             ReaderOptions{.read_size = 1000}) {}

  Reader& reader() { return rig_->reader(); }
  StreamRig& rig() { return *rig_; }
  void turn() {
    rig_->feed();
    rig_->core().turn();
  }

  std::string_view fill(size_t min) {
    for (size_t fed = 0; fed < min; fed += 1000) rig_->feed();
    absl::StatusOr<std::string_view> view = uring::block_on(ring_, fill_task(min));
    return view.ok() ? *view : std::string_view();
  }
  void kill_reader() { rig_->abandon_reader(); }

 private:
  Task<absl::StatusOr<std::string_view>> fill_task(size_t min) {
    absl::StatusOr<std::string_view> view = co_await reader().fill_buf(min);
    co_return view;
  }

  uring::Ring ring_;
  std::optional<StreamRig> rig_;
};

class StaleViewDeathTest : public ::testing::TestWithParam<SourceKind> {
 protected:
  void SetUp() override {
    if constexpr (!uring::kAddressSanitizer) GTEST_SKIP() << "only AddressSanitizer sees it";
  }
};

INSTANTIATE_TEST_SUITE_P(All, StaleViewDeathTest,
                         ::testing::Values(SourceKind::kPipe, SourceKind::kSocket,
                                           SourceKind::kFile, SourceKind::kOffload,
                                           SourceKind::kCustom, SourceKind::kPooledPipe,
                                           SourceKind::kPooledSocket, SourceKind::kPooledFile),
                         [](const auto& each) { return source_name(each.param); });

INSTANTIATE_TEST_SUITE_P(Adaptors, StaleViewDeathTest,
                         ::testing::Values(SourceKind::kTakesPipe, SourceKind::kTakesFile,
                                           SourceKind::kTakePooledPipe, SourceKind::kUntilSocket,
                                           SourceKind::kTeePipe),
                         [](const auto& each) { return source_name(each.param); });

void use_after_next_fill(SourceKind kind) {
  Scene scene(kind);
  std::string_view view = scene.fill(500);
  const char* first = view.data();
  scene.reader().consume(view.size());
  scene.fill(500);
  look_at(first);
}

void use_of_consumed_bytes_after_satisfied_fill(SourceKind kind) {
  Scene scene(kind);
  const char* first = scene.fill(500).data();
  scene.reader().consume(100);
  scene.fill(1);  // satisfied, and yet a fill-class call
  look_at(first);
}

void use_after_growing_fill(SourceKind kind) {
  Scene scene(kind);
  const char* first = scene.fill(500).data();
  scene.reader().consume(300);
  scene.fill(9000);
  look_at(first);
}

void use_after_readers_death(SourceKind kind) {
  Scene scene(kind);
  const char* first = scene.fill(500).data();
  scene.kill_reader();
  look_at(first);
}

void use_behind_the_padding(SourceKind kind) {
  Scene scene(kind);
  std::string_view view = scene.fill(500);
  look_at(view.data() + view.size() + kPadding + 8);
}

void use_after_seek(SourceKind kind) {
  Scene scene(kind);
  const char* first = scene.fill(500).data();
  if (!scene.reader().seek(15000).ok()) _exit(1);
  look_at(first);
}

TEST_P(StaleViewDeathTest, AViewIsOverAfterTheNextFill) {
  EXPECT_DEATH(use_after_next_fill(GetParam()), kReport);
}

TEST_P(StaleViewDeathTest, ConsumedBytesAreOverEvenAfterAFillThatWasSatisfied) {
  EXPECT_DEATH(use_of_consumed_bytes_after_satisfied_fill(GetParam()), kReport);
}

TEST_P(StaleViewDeathTest, ConsumedBytesAreOverAfterAFillThatReads) {
  EXPECT_DEATH(use_after_growing_fill(GetParam()), kReport);
}

TEST_P(StaleViewDeathTest, AViewIsOverWithItsReader) {
  EXPECT_DEATH(use_after_readers_death(GetParam()), kReport);
}

TEST_P(StaleViewDeathTest, AViewEndsWithItsPadding) {
  EXPECT_DEATH(use_behind_the_padding(GetParam()), kReport);
}

class StaleFileViewDeathTest : public StaleViewDeathTest {};
INSTANTIATE_TEST_SUITE_P(All, StaleFileViewDeathTest,
                         ::testing::Values(SourceKind::kFile, SourceKind::kOffload,
                                           SourceKind::kPooledFile),
                         [](const auto& each) { return source_name(each.param); });

TEST_P(StaleFileViewDeathTest, AViewIsOverAfterSeek) {
  EXPECT_DEATH(use_after_seek(GetParam()), kReport);
}

// --- what is allowed -----------------------------------------------------------------------------

class LivingView : public ::testing::TestWithParam<SourceKind> {};

INSTANTIATE_TEST_SUITE_P(All, LivingView, ::testing::ValuesIn(testing::kAllSources),
                         [](const auto& each) { return source_name(each.param); });
INSTANTIATE_TEST_SUITE_P(Adaptors, LivingView, ::testing::ValuesIn(testing::kAdaptors),
                         [](const auto& each) { return source_name(each.param); });

void look_at_all(std::string_view view) {
  for (size_t i = 0; i < view.size() + kPadding; ++i) look_at(view.data() + i);
}

TEST_P(LivingView, OutlivesConsumeAMoveOfTheReaderAndReadAhead) {
  Scene scene(GetParam());
  const std::string text = text_of(20000);
  uint64_t pos = 0;
  for (size_t round = 0; round < 15; ++round) {
    std::string_view view = scene.fill(700);
    ASSERT_GE(view.size(), 700u);
    look_at_all(view);
    scene.reader().consume(view.size() - round);
    look_at_all(view);
    scene.rig().move_reader();
    look_at_all(view);
    // Reads that are in flight complete meanwhile.
    for (int turn = 0; turn < 3 && scene.rig().ring().stats().in_flight > 0; ++turn) scene.turn();
    look_at_all(view);
    EXPECT_EQ(view, std::string_view(text).substr(pos, view.size()));
    pos += view.size() - round;
    if (pos + 1000 > text.size()) break;
  }
}

Task<void> take_in_parts(Reader& reader, std::string& taken) {
  for (;;) {
    absl::StatusOr<std::string_view> view = co_await reader.fill_buf();
    if (!view.ok() || view->empty()) break;
    look_at_all(*view);
    taken += *view;
    reader.consume(view->size());
  }
}

TEST(LivingViewOfAReadThatTheLimitCuts, IsReadableToItsPadding) {
  absl::StatusOr<uring::Ring> ring = uring::Ring::create();
  ASSERT_TRUE(ring.ok()) << ring.status();
  const std::string text = text_of(5000);
  Reader reader = adopt_fd(*ring, testing::file_with(text), {.max_buffer_size = 100});
  std::string taken;
  uring::block_on(*ring, take_in_parts(reader, taken));
  EXPECT_EQ(taken, text);
}

}  // namespace
}  // namespace bufio
