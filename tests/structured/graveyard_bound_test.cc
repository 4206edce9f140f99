// RingOptions::max_orphaned_bytes: while orphans pin as much, new requests wait.

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/held_memory.h"
#include "tests/ring_fixture.h"
#include "tests/ring_testing.h"
#include "uring/operation.h"

namespace uring {
namespace {

using std::chrono::milliseconds;
using testing::HeldMemory;
using testing::Pipe;
using testing::Reading;
using testing::Request;
using testing::TemporaryFile;
using testing::turn_until;

constexpr size_t kEach = 64;  // what a Request pins

class GraveyardBound : public testing::RingTest {
 protected:
  void make_bounded_ring(size_t bytes) {
    RingOptions options = testing::modest_options();
    options.max_orphaned_bytes = bytes;
    make_ring(std::move(options));
  }
  // Requests that were in flight when their owner left; not even their cancels have been sent.
  void bury(size_t count) {
    for (size_t i = 0; i < count; ++i) {
      const Ref<Request> read = request();
      read->read(silent_.reader()).start();
      ring().core().submit();
      read->abandon();
    }
  }
  RingStats stats() { return ring().stats(); }

 private:
  Pipe silent_;
};

TEST_F(GraveyardBound, OrphansThatPinAsMuchHoldNewRequestsBackUntilTheyAreGone) {
  make_bounded_ring(2 * kEach);
  bury(1);
  const Ref<Request> early = request();
  early->nop().start();
  EXPECT_EQ(stats().held_back, 0u);
  bury(1);
  EXPECT_EQ(stats().orphaned_bytes, 2 * kEach);
  const Ref<Request> late = request();
  late->nop().start();
  EXPECT_EQ(stats().held_back, 1u);
  EXPECT_EQ(stats().waiting_for_entry, 0u);
  const uint64_t submitted = stats().submitted;
  EXPECT_TRUE(turn_until(
      ring(), [this] { return stats().orphans == 0; }, 5));
  EXPECT_EQ(stats().submitted, submitted) << "went ahead, though the orphans were not gone";
  EXPECT_EQ(late->completions(), 0);
  EXPECT_TRUE(turn_until(
      ring(), [&] { return late->completions() == 1; }, 3));
  EXPECT_EQ(early->completions(), 1);
  EXPECT_EQ(late->result(), 0);
  EXPECT_EQ(stats().held_back, 0u);
  EXPECT_EQ(stats().held_back_so_far, 1u);
}

TEST_F(GraveyardBound, ThoseHeldBackGoOnInOrderAndAreNotOvertaken) {
  make_bounded_ring(kEach);
  std::vector<const Request*> log;
  std::vector<Ref<Request>> made;
  bury(1);
  for (int i = 0; i < 3; ++i) {
    made.push_back(request());
    made.back()->nop().note_in(log).start();
  }
  EXPECT_TRUE(turn_until(
      ring(), [this] { return stats().orphans == 0; }, 5));
  made.push_back(request());  // the bound is not reached any more, but others wait
  made.back()->nop().note_in(log).start();
  EXPECT_EQ(stats().held_back, 4u);
  EXPECT_TRUE(turn_until(
      ring(), [&log] { return log.size() == 4; }, 5));
  for (size_t i = 0; i < log.size(); ++i) EXPECT_EQ(log[i], made[i].get());
}

// Pins nothing: harmless as an orphan.
class Poll final : public Operation {
 public:
  Poll(Ring& ring, int fd) : ring_(&ring.core()) { io_uring_prep_poll_add(&blank_sqe(), fd, POLLIN); }
  void start() { ring_->start(*this); }
  bool completed() const { return completed_; }
  std::string describe() const override { return "poll"; }
  size_t pinned_bytes() const override { return 0; }

 private:
  void completed(int32_t, uint32_t, bool) override { completed_ = true; }
  void stranded() override {}

  Ref<RingCore> ring_;
  bool completed_ = false;
};

TEST_F(GraveyardBound, WhatPinsNothingGoesAhead) {
  make_bounded_ring(0);
  bury(1);
  const Pipe pipe;
  ASSERT_TRUE(pipe.write("ready"));
  const Ref<Request> held = request();
  held->nop().start();
  const Ref<Poll> poll = make_ref<Poll>(ring(), pipe.reader());
  poll->start();
  EXPECT_EQ(stats().held_back, 1u);
  ring().core().turn();
  EXPECT_TRUE(poll->completed());
  EXPECT_EQ(held->completions(), 0);
  EXPECT_TRUE(turn_until(
      ring(), [&] { return held->completions() == 1; }, 5));
}

TEST_F(GraveyardBound, OfZeroWaitsForEveryOrphanAndOnlyForOrphans) {
  make_bounded_ring(0);
  const Ref<Request> first = request();
  first->nop().start();
  EXPECT_EQ(stats().held_back, 0u);
  EXPECT_TRUE(turn_until(
      ring(), [&] { return first->completions() == 1; }, 3));
}

TEST_F(GraveyardBound, OfSizeMaxHoldsNobodyBack) {
  make_bounded_ring(SIZE_MAX);
  bury(100);
  const Ref<Request> next = request();
  next->nop().start();
  EXPECT_EQ(stats().held_back, 0u);
  EXPECT_TRUE(turn_until(
      ring(), [&] { return next->completions() == 1; }, 3));
}

TEST_F(GraveyardBound, OneThatIsHeldBackMayBeCancelledAndAbandoned) {
  make_bounded_ring(0);
  bury(1);
  int living = 0;
  const Ref<Request> cancelled = request();
  cancelled->nop().start();
  {
    const Ref<Request> abandoned = request();
    abandoned->count_in(living).nop().start();
    EXPECT_EQ(stats().held_back, 2u);
    abandoned->abandon();
  }
  EXPECT_EQ(living, 0);
  EXPECT_EQ(stats().held_back, 1u);
  cancelled->cancel();
  EXPECT_EQ(stats().held_back, 0u);
  ring().core().turn();
  EXPECT_EQ(cancelled->completions(), 1);
  EXPECT_EQ(cancelled->result(), -ECANCELED);
  EXPECT_EQ(stats().buried, 1u);
  EXPECT_TRUE(turn_until(
      ring(), [this] { return stats().in_flight == 0; }, 5));
}

TEST_F(GraveyardBound, ThoseHeldBackWhenTheRingEndsAreCancelled) {
  for (const bool fails : {false, true}) {
    make_bounded_ring(0);
    bury(1);
    const Ref<Request> held = request();
    held->nop().start();
    if (fails) {
      kernel().fail_enters(EINVAL, 1);
      ring().core().turn();
      EXPECT_FALSE(ring().core().status().ok());
      EXPECT_EQ(stats().held_back, 0u);
    }
    destroy_ring();
    EXPECT_EQ(held->completions(), 1);
    EXPECT_EQ(held->result(), -ECANCELED);
  }
}

TEST_F(GraveyardBound, BoundsWhatAStormOfAbandonedReadsPins) {
  make_bounded_ring(10 * kEach);
  const Pipe silent;
  size_t most = 0;
  for (int i = 0; i < 500; ++i) {
    const Ref<Request> read = request();
    read->read(silent.reader()).start();
    ring().core().submit();
    read->abandon();
    most = std::max(most, stats().orphaned_bytes);
    if (i % 50 == 49) ring().core().turn();
  }
  EXPECT_EQ(most, 10 * kEach);
  EXPECT_TRUE(turn_until(
      ring(), [this] { return stats().in_flight == 0; }, 20));
}

TEST_F(GraveyardBound, ALoopWhoseOnlyWorkIsHeldBackSleeps) {
  HeldMemory memory;
  if (!memory.why_not().empty()) GTEST_SKIP() << memory.why_not();
  const TemporaryFile file(std::string(4096, 'Q'));
  RingOptions options = testing::modest_options();
  options.buffer_memory = &memory;
  options.fixed_buffers = false;
  options.max_orphaned_bytes = 4096;
  make_ring(std::move(options));
  {
    Reading reading(ring(), file.borrow(), ReadKind::kPositional);
    reading.start(0, /*offload=*/true);
    ring().core().submit();
    ASSERT_TRUE(memory.holds_somebody());  // the kernel is in the middle of its copy
  }
  const Ref<Request> held = request();
  held->nop().start();
  EXPECT_EQ(stats().held_back, 1u);
  std::thread other([&memory] {
    std::this_thread::sleep_for(milliseconds(50));  // long enough to be noticed by who spins
    memory.let_go();
  });
  EXPECT_TRUE(turn_until(
      ring(), [&] { return held->completions() == 1; }, 30));
  other.join();
}

}  // namespace
}  // namespace uring
