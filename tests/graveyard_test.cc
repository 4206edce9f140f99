#include "uring/graveyard.h"

#include <cerrno>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/fault_kernel.h"
#include "tests/ring_testing.h"
#include "uring/ring.h"

namespace uring {
namespace {

using std::chrono::seconds;
using testing::FaultKernel;
using testing::Pipe;
using testing::Request;
using testing::turn_until;

class GraveyardTest : public ::testing::Test {
 protected:
  void SetUp() override {
    RingOptions options = testing::modest_options();
    options.kernel = &kernel_;
    absl::StatusOr<Ring> made = Ring::create(std::move(options));
    ASSERT_TRUE(made.ok()) << made.status();
    ring_.emplace(*std::move(made));
  }
  Ring& ring() { return *ring_; }
  FaultKernel& kernel() { return kernel_; }
  // A read of `pipe` that the kernel waits for.
  Ref<Request> pending(const Pipe& pipe, std::string name = "read") {
    Ref<Request> read = make_ref<Request>(ring(), std::move(name));
    read->read(pipe.reader()).start();
    return read;
  }
  bool empty_within(int turns) {
    return turn_until(ring(), [&] { return ring().stats().in_flight == 0; }, turns);
  }

 private:
  FaultKernel kernel_;
  std::optional<Ring> ring_;
};

TEST_F(GraveyardTest, AbandonedReadOfASilentPipeEndsPromptly) {
  const Pipe silent;
  int living = 0;
  {
    const Ref<Request> read = pending(silent);
    read->count_in(living);
    ring().core().submit();
    read->abandon();
    EXPECT_TRUE(read->orphaned());
  }
  EXPECT_EQ(living, 1);
  EXPECT_TRUE(empty_within(3));
  EXPECT_EQ(living, 0);
}

TEST_F(GraveyardTest, ManyEndPromptlyToo) {
  const Pipe silent;
  int living = 0;
  for (int i = 0; i < 1000; ++i) {
    const Ref<Request> read = pending(silent);
    read->count_in(living);
    if (i % 10 == 0) ring().core().submit();
    read->abandon();
  }
  EXPECT_TRUE(empty_within(30));
  EXPECT_EQ(living, 0);
  EXPECT_EQ(ring().stats().orphans, 0u);
}

TEST_F(GraveyardTest, ListsWhatHowOldAndHowManyBytesOldestFirst) {
  const Pipe silent;
  const Ref<Request> first = pending(silent, "read first");
  const Ref<Request> second = pending(silent, "read second");
  const Ref<Request> kept = pending(silent, "read kept");
  ring().core().submit();
  EXPECT_TRUE(ring().orphans().empty());
  first->abandon();
  kernel().advance(seconds(10));
  second->abandon();
  kernel().advance(seconds(5));
  const std::vector<Orphan> orphans = ring().orphans();
  ASSERT_EQ(orphans.size(), 2u);
  EXPECT_EQ(orphans[0].what, "read first");
  EXPECT_GE(orphans[0].age, seconds(15));
  EXPECT_LT(orphans[0].age, seconds(20));
  EXPECT_EQ(orphans[0].pinned_bytes, 64u);
  EXPECT_EQ(orphans[1].what, "read second");
  EXPECT_GE(orphans[1].age, seconds(5));
  EXPECT_LT(orphans[1].age, seconds(10));
  EXPECT_EQ(ring().stats().orphans, 2u);
  EXPECT_EQ(ring().stats().orphaned_bytes, 128u);
  EXPECT_EQ(kept->completions(), 0);
}

TEST_F(GraveyardTest, CountsThoseItHasHad) {
  const Pipe silent;
  for (int round = 0; round < 3; ++round) {
    std::vector<Ref<Request>> reads;
    for (int i = 0; i < 4; ++i) reads.push_back(pending(silent));
    ring().core().submit();
    for (const Ref<Request>& read : reads) read->abandon();
    ASSERT_TRUE(empty_within(5));
  }
  EXPECT_EQ(ring().stats().orphans, 0u);
  EXPECT_EQ(ring().stats().orphaned_bytes, 0u);
  EXPECT_EQ(ring().stats().max_orphans, 4u);
  EXPECT_EQ(ring().stats().buried, 12u);
  EXPECT_EQ(ring().stats().cancels, 12u);
}

TEST_F(GraveyardTest, OrphanThatSucceedsAfterAllIsFreed) {
  const Pipe pipe;
  int living = 0;
  {
    const Ref<Request> read = pending(pipe);
    read->count_in(living);
    ring().core().submit();
    ASSERT_TRUE(pipe.write("too late"));
    read->abandon();
  }
  EXPECT_TRUE(empty_within(3));
  EXPECT_EQ(living, 0);
}

TEST_F(GraveyardTest, AbandoningTwiceBuriesOnce) {
  const Pipe silent;
  const Ref<Request> read = pending(silent);
  ring().core().submit();
  read->abandon();
  read->abandon();
  read->cancel();
  EXPECT_EQ(ring().stats().buried, 1u);
  EXPECT_EQ(ring().stats().cancels, 1u);
  EXPECT_TRUE(empty_within(3));
}

TEST_F(GraveyardTest, AbandoningWhatIsIdleDoesNothing) {
  const Ref<Request> never = make_ref<Request>(ring());
  never->abandon();
  never->cancel();
  EXPECT_FALSE(never->orphaned());
  never->nop().start();
  EXPECT_TRUE(empty_within(3));
  never->abandon();
  never->cancel();
  EXPECT_EQ(ring().stats().buried, 0u);
  EXPECT_EQ(ring().stats().cancels, 0u);
}

TEST_F(GraveyardTest, AnOperationMayBeUsedAgainAfterItWasAnOrphan) {
  const Pipe silent;
  const Ref<Request> read = pending(silent);
  ring().core().submit();
  read->abandon();
  ASSERT_TRUE(empty_within(3));
  read->nop().start();
  EXPECT_FALSE(read->orphaned());
  ASSERT_TRUE(empty_within(3));
  EXPECT_EQ(read->completions(), 2);
  EXPECT_EQ(read->result(), 0);
}

TEST_F(GraveyardTest, CancelOfAnOrphanSurvivesFailingSystemCalls) {
  const Pipe silent;
  int living = 0;
  {
    const Ref<Request> read = pending(silent);
    read->count_in(living);
    ring().core().submit();
    kernel().fail_enters(EAGAIN, 50);
    read->abandon();
  }
  EXPECT_TRUE(empty_within(60));
  EXPECT_EQ(living, 0);
  EXPECT_EQ(ring().stats().cancels, 1u);
}

}  // namespace
}  // namespace uring
