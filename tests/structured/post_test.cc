#include "uring/post.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <semaphore>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/ring_fixture.h"
#include "tests/ring_testing.h"
#include "tests/structured/parked.h"
#include "uring/block_on.h"
#include "uring/mailbox.h"
#include "uring/sleep.h"
#include "uring/spawn.h"
#include "uring/task.h"

namespace uring {
namespace {

using std::chrono::milliseconds;
using testing::Parked;
using testing::Pipe;
using testing::Request;
using testing::turn_until;

class PostTest : public testing::RingTest {
 protected:
  void SetUp() override { make_ring(); }
  Poster poster() { return Poster::create(ring()).value(); }
  bool quiet_within(int turns) {
    return turn_until(
        ring(), [this] { return ring().stats().in_flight == 0; }, turns);
  }
};

Task<void> park(Parked& parked) { co_await parked; }

// --- being run -----------------------------------------------------------------------------------

TEST_F(PostTest, WakesALoopThatWaitsForNothingElse) {
  Parked parked(ring());
  const Poster from_here = poster();
  std::thread::id ran_on;
  std::thread other([&] {
    EXPECT_TRUE(from_here.post([&] {
      ran_on = std::this_thread::get_id();
      parked.let_go();
    }));
  });
  block_on(ring(), park(parked));
  other.join();
  EXPECT_EQ(ran_on, std::this_thread::get_id());
}

TEST_F(PostTest, RunsWhatOneThreadPostsInOrderAndEachOnce) {
  Parked parked(ring());
  constexpr int kPosts = 2000;
  std::vector<int> ran;
  std::thread other([&, from_there = poster()] {
    for (int i = 0; i < kPosts; ++i) {
      EXPECT_TRUE(from_there.post([&ran, i] { ran.push_back(i); }));
      if (i % 100 == 0) std::this_thread::yield();
    }
    EXPECT_TRUE(from_there.post([&parked] { parked.let_go(); }));
  });
  block_on(ring(), park(parked));
  other.join();
  ASSERT_EQ(ran.size(), static_cast<size_t>(kPosts));
  for (int i = 0; i < kPosts; ++i) EXPECT_EQ(ran[static_cast<size_t>(i)], i);
}

TEST_F(PostTest, ManyThreadsLoseNothing) {
  constexpr int kThreads = 4;
  constexpr int kPosts = 1000;
  int ran = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&ran, from_there = poster()] {
      for (int i = 0; i < kPosts; ++i) EXPECT_TRUE(from_there.post([&ran] { ++ran; }));
    });
  }
  EXPECT_TRUE(turn_until(
      ring(), [&ran] { return ran == kThreads * kPosts; }, 1000000));
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(ran, kThreads * kPosts);
}

TEST_F(PostTest, OnTheRingsOwnThreadRunsInTheNextTurnAndNotBefore) {
  int ran = 0;
  const Poster own = poster();
  const auto again = [&] {
    ++ran;
    EXPECT_TRUE(own.post([&ran] { ++ran; }));
    EXPECT_EQ(ran, 1);
  };
  EXPECT_TRUE(own.post(again));
  EXPECT_EQ(ran, 0);
  ring().core().turn();
  EXPECT_EQ(ran, 1);
  ring().core().turn();
  EXPECT_EQ(ran, 2);
}

TEST_F(PostTest, TakesWhatCanOnlyBeMoved) {
  int got = 0;
  auto value = std::make_unique<int>(7);
  EXPECT_TRUE(poster().post([&got, value = std::move(value)] { got = *value; }));
  ring().core().turn();
  EXPECT_EQ(got, 7);
}

TEST_F(PostTest, RunsThoughItsPosterIsGone) {
  int ran = 0;
  EXPECT_TRUE(poster().post([&ran] { ++ran; }));
  ring().core().turn();
  EXPECT_EQ(ran, 1);
}

TEST_F(PostTest, WakesALoopWhoseRequestsInFlightAreAsManyAsMayBe) {
  make_small_ring(8, 16);
  const Pipe silent;
  std::vector<Ref<Request>> reads;
  for (int i = 0; i < 20; ++i) {
    reads.push_back(request());
    reads.back()->read(silent.reader()).start();
  }
  ring().core().submit();
  EXPECT_GT(ring().stats().waiting_for_entry, 0u);
  Parked parked(ring());
  std::counting_semaphore<> sleeping(0);
  kernel().enter_fault = [&sleeping](const testing::FaultKernel::Enter& call) {
    if (call.min_complete > 0) sleeping.release();
    return 0;
  };
  std::thread other([&, from_there = poster()] {
    sleeping.acquire();
    EXPECT_TRUE(from_there.post([&parked] { parked.let_go(); }));
  });
  block_on(ring(), park(parked));
  other.join();
  for (const Ref<Request>& read : reads) read->abandon();
  EXPECT_TRUE(quiet_within(50));
}

TEST_F(PostTest, ARingThatTheKernelRefusesToServeStillRunsWhatIsPosted) {
  Parked parked(ring());
  const Poster from_here = poster();
  kernel().fail_enters(EINVAL);
  std::thread other([&] { EXPECT_TRUE(from_here.post([&parked] { parked.let_go(); })); });
  block_on(ring(), park(parked));
  other.join();
  EXPECT_FALSE(ring().core().status().ok());
}

// Two Rings that hand a ball to and fro. Touched by whoever has the ball.
class Rally {
 public:
  explicit Rally(Ring& here)
      : here_(here), at_here_(here), to_here_(Poster::create(here).value()) {}

  void play() {
    std::thread there([this] {
      RingOptions options = testing::modest_options();
      options.busy_poll = busy_poll_;
      Ring ring = Ring::create(std::move(options)).value();
      Parked parked(ring);
      at_there_ = &parked;
      to_there_ = Poster::create(ring).value();
      EXPECT_TRUE(to_here_.post([this] { hit_here(); }));
      block_on(ring, park(parked));
    });
    block_on(here_, park(at_here_));
    there.join();
  }
  void poll_for(std::chrono::nanoseconds busy_poll) { busy_poll_ = busy_poll; }
  int hits() const { return hits_; }
  static constexpr int kHits = 2000;

 private:
  void hit_here() {
    const bool last = ++hits_ == kHits;
    EXPECT_TRUE(to_there_.post([this] { hit_there(); }));
    if (last) at_here_.let_go();
  }
  void hit_there() {
    if (hits_ == kHits) return at_there_->let_go();
    EXPECT_TRUE(to_here_.post([this] { hit_here(); }));
  }

  Ring& here_;
  Parked at_here_;
  Parked* at_there_ = nullptr;
  Poster to_here_;
  Poster to_there_;
  int hits_ = 0;
  std::chrono::nanoseconds busy_poll_{0};
};

TEST_F(PostTest, RingsPostToEachOther) {
  Rally rally(ring());
  rally.play();
  EXPECT_EQ(rally.hits(), Rally::kHits);
}

TEST_F(PostTest, RingsThatPollDoToo) {
  RingOptions options = testing::modest_options();
  options.busy_poll = std::chrono::microseconds(20);
  make_ring(std::move(options));
  Rally rally(ring());
  rally.poll_for(std::chrono::microseconds(20));
  rally.play();
  EXPECT_EQ(rally.hits(), Rally::kHits);
}

// --- what it costs -------------------------------------------------------------------------------

TEST_F(PostTest, ARingWithoutPostersPaysNothing) {
  const int before = testing::open_descriptors();
  block_on(ring(), sleep_for(ring(), milliseconds(1)));
  EXPECT_EQ(ring().stats().submitted, 0u);
  EXPECT_EQ(testing::open_descriptors(), before);
}

TEST_F(PostTest, NothingIsInFlightWhenTheLastPosterHasGone) {
  std::optional<Poster> one = poster();
  std::optional<Poster> two = one;
  block_on(ring(), sleep_for(ring(), milliseconds(1)));
  EXPECT_EQ(ring().stats().in_flight, 1u);
  one.reset();
  block_on(ring(), sleep_for(ring(), milliseconds(1)));
  EXPECT_EQ(ring().stats().in_flight, 1u);
  two.reset();
  EXPECT_TRUE(quiet_within(3));
}

TEST_F(PostTest, TheLastPosterToGoWakesALoopThatCanWaitForNobodyElse) {
  const auto wait_in_vain = [] {
    Ring own = Ring::create().value();  // the child of a fork may not use another's
    Parked parked(own);
    std::optional<Poster> only = Poster::create(own).value();
    std::thread([&only] {
      std::this_thread::sleep_for(milliseconds(20));
      only.reset();
    }).detach();
    block_on(own, park(parked));
  };
  EXPECT_DEATH(wait_in_vain(), "would sleep for ever");
}

class Counted final : public Posted {
 public:
  int ran() const { return ran_; }
  int discarded() const { return discarded_; }

 private:
  void run() override { ++ran_; }
  void discard() override { ++discarded_; }

  int ran_ = 0;
  int discarded_ = 0;
};

TEST(MailboxTest, WritesOncePerSleepHoweverMuchIsPosted) {
  Mailbox mailbox(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  const auto writes = [&mailbox] {
    uint64_t count = 0;
    return read(mailbox.event_fd(), &count, sizeof count) < 0 ? 0 : count;
  };
  mailbox.add_poster();
  Counted posted[3];
  for (Counted& one : posted) EXPECT_TRUE(mailbox.post(one));
  EXPECT_EQ(writes(), 0u);
  EXPECT_FALSE(mailbox.fall_asleep(Mailbox::Listening::kYes));
  mailbox.run_all();
  EXPECT_TRUE(mailbox.fall_asleep(Mailbox::Listening::kYes));
  for (Counted& one : posted) EXPECT_TRUE(mailbox.post(one));
  EXPECT_EQ(writes(), 1u);
  mailbox.take_back(posted[1]);
  mailbox.run_all();
  EXPECT_EQ(posted[0].ran(), 2);
  EXPECT_EQ(posted[1].ran(), 1);
  EXPECT_TRUE(mailbox.fall_asleep(Mailbox::Listening::kYes));
  mailbox.remove_poster();
  EXPECT_EQ(writes(), 1u);
  EXPECT_FALSE(mailbox.fall_asleep(Mailbox::Listening::kYes)) << "nobody is left to be listened to";
  EXPECT_TRUE(mailbox.fall_asleep(Mailbox::Listening::kNo));
  EXPECT_TRUE(mailbox.fall_asleep(Mailbox::Listening::kEnding)) << "nothing to do but wait for it";
  mailbox.add_poster();
  EXPECT_TRUE(mailbox.fall_asleep(Mailbox::Listening::kEnding)) << "what is posted ends it, too";
  EXPECT_FALSE(mailbox.fall_asleep(Mailbox::Listening::kNo));
}

// --- the Ring's end ------------------------------------------------------------------------------

// Says what became of it.
class Witness {
 public:
  Witness(std::atomic<int>& ran, std::atomic<int>& gone) : ran_(&ran), gone_(&gone) {}
  Witness(Witness&& other) noexcept
      : ran_(other.ran_), gone_(std::exchange(other.gone_, nullptr)) {}
  Witness(const Witness&) = delete;
  Witness& operator=(const Witness&) = delete;
  ~Witness() {
    if (gone_ != nullptr) ++*gone_;
  }
  void operator()() const { ++*ran_; }

 private:
  std::atomic<int>* ran_;
  std::atomic<int>* gone_;
};

TEST_F(PostTest, WhatIsPendingWhenTheRingDiesIsDestroyedUnrun) {
  std::atomic<int> ran = 0;
  std::atomic<int> gone = 0;
  const Poster outlives = poster();
  EXPECT_TRUE(outlives.post(Witness(ran, gone)));
  EXPECT_EQ(gone, 0);
  destroy_ring();
  EXPECT_EQ(gone, 1);
  EXPECT_FALSE(outlives.post(Witness(ran, gone)));
  EXPECT_EQ(gone, 2);
  EXPECT_EQ(ran, 0);
}

TEST_F(PostTest, ARingMayDieWhileOtherThreadsPost) {
  for (int round = 0; round < 20; ++round) {
    make_ring();
    std::atomic<int> taken = 0;
    std::atomic<int> tried = 0;
    std::atomic<int> ran = 0;
    std::atomic<int> gone = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back([&, from_there = poster()] {
        bool alive = true;
        while (alive) {
          const Poster copy = from_there;
          alive = copy.post(Witness(ran, gone));
          if (alive) ++taken;
          ++tried;
        }
      });
    }
    turn_until(
        ring(), [&] { return ran >= 10 * round; }, 100000);
    destroy_ring();
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(gone, tried);
    EXPECT_EQ(tried, taken + 3);
    EXPECT_LE(ran, taken);
    EXPECT_GE(ran, 10 * round);
  }
}

TEST_F(PostTest, WhatIsPostedMayDestroyTheRing) {
  std::atomic<int> ran = 0;
  std::atomic<int> gone = 0;
  const Poster own = poster();
  EXPECT_TRUE(own.post([this] { destroy_ring(); }));
  EXPECT_TRUE(own.post(Witness(ran, gone)));
  const Ref<RingCore> core(&ring().core());
  core->turn();
  EXPECT_EQ(ran, 0);
  EXPECT_EQ(gone, 1);
}

TEST_F(PostTest, CannotBeMadeForARingThatIsGone) {
  const Ref<RingCore> core(&ring().core());
  const Poster before = poster();
  destroy_ring();
  EXPECT_EQ(Poster::create(*core).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(PostTest, AnEmptyOrForkedPosterRefuses) {
  EXPECT_FALSE(Poster().post([] {}));
  const Poster parents = poster();
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) _exit(parents.post([] {}) ? 1 : 0);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace uring
