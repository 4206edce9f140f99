#include "uring/signals.h"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <coroutine>
#include <utility>

#include "gtest/gtest.h"
#include "tests/ring_fixture.h"
#include "tests/ring_testing.h"
#include "uring/block_on.h"
#include "uring/poll.h"
#include "uring/task.h"
#include "uring/timeout.h"

namespace uring {
namespace {

using namespace std::chrono_literals;

class SignalsTest : public testing::RingTest {
 protected:
  void SetUp() override { make_ring(); }
};

bool blocked(int signal) {
  sigset_t mask;
  EXPECT_EQ(pthread_sigmask(SIG_BLOCK, nullptr, &mask), 0);
  return sigismember(&mask, signal) == 1;
}

TEST_F(SignalsTest, ArriveAsNumbers) {
  absl::StatusOr<Signals> signals = Signals::block(ring(), {SIGUSR1, SIGUSR2});
  ASSERT_TRUE(signals.ok()) << signals.status();
  raise(SIGUSR2);
  absl::StatusOr<int> first = block_on(ring(), signals->next());
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(*first, SIGUSR2);
  raise(SIGUSR1);
  absl::StatusOr<int> second = block_on(ring(), signals->next());
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(*second, SIGUSR1);
}

TEST_F(SignalsTest, ACallThatIsCancelledLosesNone) {
  absl::StatusOr<Signals> signals = Signals::block(ring(), {SIGUSR1});
  ASSERT_TRUE(signals.ok()) << signals.status();
  auto late = block_on(ring(), with_timeout(ring(), 1ms, signals->next()));
  EXPECT_TRUE(absl::IsDeadlineExceeded(late.status()));
  raise(SIGUSR1);
  absl::StatusOr<int> signal = block_on(ring(), signals->next());
  EXPECT_TRUE(signal.ok() && *signal == SIGUSR1);
}

TEST_F(SignalsTest, AreBlockedForAsLongAsItLives) {
  sigset_t usr2;
  sigemptyset(&usr2);
  sigaddset(&usr2, SIGUSR2);
  ASSERT_EQ(pthread_sigmask(SIG_BLOCK, &usr2, nullptr), 0);
  {
    absl::StatusOr<Signals> signals = Signals::block(ring(), {SIGUSR1, SIGUSR2});
    ASSERT_TRUE(signals.ok()) << signals.status();
    Signals moved = *std::move(signals);
    EXPECT_TRUE(blocked(SIGUSR1));
  }
  EXPECT_FALSE(blocked(SIGUSR1));
  EXPECT_TRUE(blocked(SIGUSR2));  // as it was before
  ASSERT_EQ(pthread_sigmask(SIG_UNBLOCK, &usr2, nullptr), 0);
}

TEST_F(SignalsTest, RefusesWhatIsNone) {
  EXPECT_TRUE(absl::IsInvalidArgument(Signals::block(ring(), {SIGUSR1, 4711}).status()));
  EXPECT_FALSE(blocked(SIGUSR1));
}

class Unobserved final : public TaskObserver {
  std::coroutine_handle<> task_ended() noexcept override { return std::noop_coroutine(); }
};

TEST_F(SignalsTest, ACallEndsWithItsRing) {
  absl::StatusOr<Signals> signals = Signals::block(ring(), {SIGUSR1});
  ASSERT_TRUE(signals.ok()) << signals.status();
  destroy_ring();
  Unobserved nobody;
  Task<absl::StatusOr<int>> call = signals->next();
  ASSERT_TRUE(call.start(nobody));
  EXPECT_TRUE(absl::IsFailedPrecondition(call.result().status()));
}

TEST_F(SignalsTest, PollSaysWhatIsThereAndTakesNothing) {
  testing::Pipe pipe;
  ASSERT_TRUE(pipe.write("x"));
  absl::StatusOr<int> events = block_on(ring(), poll(ring(), pipe.borrow_reader(), POLLIN));
  ASSERT_TRUE(events.ok()) << events.status();
  EXPECT_EQ(*events & POLLIN, POLLIN);
  char byte;
  EXPECT_EQ(read(pipe.reader(), &byte, 1), 1);
  auto late =
      block_on(ring(), with_timeout(ring(), 1ms, poll(ring(), pipe.borrow_reader(), POLLIN)));
  EXPECT_TRUE(absl::IsDeadlineExceeded(late.status()));
  pipe.close_writer();
  events = block_on(ring(), poll(ring(), pipe.borrow_reader(), POLLIN));
  ASSERT_TRUE(events.ok()) << events.status();
  EXPECT_NE(*events & POLLHUP, 0);
}

}  // namespace
}  // namespace uring
