// Owned calls that are cancelled or dropped, at every moment.

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "tests/ownership/owned_testing.h"
#include "uring/block_on.h"
#include "uring/read_owned.h"
#include "uring/sized_array.h"
#include "uring/sleep.h"
#include "uring/spawn.h"
#include "uring/status.h"
#include "uring/timeout.h"
#include "uring/when_any.h"
#include "uring/write_owned.h"

namespace uring {
namespace {

using std::chrono::milliseconds;
using testing::open_descriptors;
using testing::Pipe;
using testing::ResourceBuffer;
using testing::TemporaryFile;
using testing::turn_until;
using testing::Waiting;

// --- cancel(): buffer and bytes come back --------------------------------------------------------

using OwnedCancel = testing::OwnedTest;

TEST_F(OwnedCancel, BeforeItIsAwaitedAsksNobody) {
  const Pipe silent;
  auto call = read_owned(borrow(silent.reader()), std::string("kept"));
  call.cancel();
  auto [result, buffer] = block_on(ring(), call);
  EXPECT_TRUE(absl::IsCancelled(result.status()));
  EXPECT_EQ(buffer, "kept");
  EXPECT_EQ(sent(), 0u);
}

TEST_F(OwnedCancel, InFlightEndsWithTheTerminalCompletion) {
  const Pipe silent;
  Waiting call(read_owned(borrow(silent.reader(), "silent"), std::string("kept")));
  ring().core().submit();
  call.call().cancel();
  EXPECT_FALSE(call.over()) << "not before the kernel is done";
  ASSERT_TRUE(call.finish(ring()));
  EXPECT_TRUE(absl::IsCancelled(call->result.status())) << call->result.status();
  EXPECT_EQ(errno_of(call->result.status()), ECANCELED);
  EXPECT_NE(call->result.status().message().find("read silent"), std::string::npos);
  EXPECT_EQ(call->buffer, "kept");
  EXPECT_EQ(ring().stats().buried, 0u);
}

TEST_F(OwnedCancel, HandsBackBytesThatWonTheRace) {
  const Pipe pipe;
  ASSERT_TRUE(pipe.write("in time"));
  Waiting call(read_owned(borrow(pipe.reader()), SizedArray(100)));
  ring().core().submit();  // its completion waits in the queue
  call.call().cancel();
  ASSERT_TRUE(call.finish(ring()));
  ASSERT_TRUE(call->result.ok()) << call->result.status();
  EXPECT_EQ(call->buffer.view(), "in time");
}

TEST_F(OwnedCancel, AfterTheEndDoesNothing) {
  const Pipe pipe;
  ASSERT_TRUE(pipe.write("bytes"));
  Waiting call(read_owned(borrow(pipe.reader()), SizedArray(100)));
  const Canceller canceller = call.call().canceller();
  ASSERT_TRUE(call.finish(ring()));
  call.call().cancel();
  canceller.cancel();
  EXPECT_EQ(call->buffer.view(), "bytes");
  EXPECT_EQ(ring().stats().cancels, 0u);
  call.destroy();
  canceller.cancel();  // outlives the call
}

TEST_F(OwnedCancel, OfWhatWasNotHandedOverYetTakesNoRequest) {
  const Pipe silent;
  ASSERT_NO_FATAL_FAILURE(make_small_ring(8, 16));
  std::vector<std::optional<Waiting<BufferCall<std::string>>>> calls(12);  // 8 fit
  const File file = borrow(silent.reader());
  for (auto& call : calls) call.emplace(read_owned(file, std::string("kept")));
  ASSERT_GT(ring().stats().waiting_for_entry, 0u);
  calls.back()->call().cancel();
  ASSERT_TRUE(turn_until(
      ring(), [&] { return calls.back()->over(); }, 3));
  EXPECT_TRUE(absl::IsCancelled((*calls.back())->result.status()));
  EXPECT_EQ((*calls.back())->buffer, "kept");
  EXPECT_EQ(ring().stats().cancels, 0u);
  for (auto& call : calls) call->call().cancel();
  for (auto& call : calls) ASSERT_TRUE(call->finish(ring()));
  calls.clear();
}

TEST_F(OwnedCancel, TwiceCancelsOnce) {
  const Pipe silent;
  Waiting call(read_owned(borrow(silent.reader()), std::string("kept")));
  ring().core().submit();
  call.call().cancel();
  call.call().canceller().cancel();
  ASSERT_TRUE(call.finish(ring()));
  EXPECT_EQ(ring().stats().cancels, 1u);
}

TEST_F(OwnedCancel, IsNotDroppedWhileSystemCallsFail) {
  const Pipe silent;
  Waiting call(read_owned(borrow(silent.reader()), std::string("kept")));
  ring().core().submit();
  kernel().fail_enters(EBUSY, 30);
  call.call().cancel();
  ASSERT_TRUE(call.finish(ring()));
  EXPECT_TRUE(absl::IsCancelled(call->result.status()));
}

TEST_F(OwnedCancel, IsNotSentAgainWhateverTheKernelSays) {
  for (const int said : {-EINTR, -EAGAIN}) {
    SCOPED_TRACE(said);
    const Pipe silent;
    Waiting call(read_owned(borrow(silent.reader()), std::string("kept")));
    ring().core().submit();
    sent();
    answer({said});
    call.call().cancel();
    ASSERT_TRUE(call.finish(ring()));
    EXPECT_TRUE(absl::IsCancelled(call->result.status())) << call->result.status();
    EXPECT_EQ(call->buffer, "kept");
    EXPECT_EQ(sent(), 0u);
  }
}

TEST_F(OwnedCancel, WhileItPollsReadsNothingAnyMore) {
  for (const int poll_said : {-ECANCELED, -EINTR, 1 << 3}) {
    SCOPED_TRACE(poll_said);
    const TemporaryFile file("contents");
    answer({-EAGAIN, poll_said});
    Waiting call(read_owned(borrow(file.fd()), std::string("kept"), 0));
    ring().core().turn();  // the read said EAGAIN, a poll is queued
    ASSERT_FALSE(call.over());
    sent();
    call.call().cancel();
    ASSERT_TRUE(call.finish(ring()));
    EXPECT_TRUE(absl::IsCancelled(call->result.status()));
    EXPECT_EQ(call->buffer.size(), 4u);
    EXPECT_EQ(sent(), 0u);
  }
}

TEST_F(OwnedCancel, OfAnExactReadHandsBackTheBytesSoFar) {
  const Pipe pipe;
  ASSERT_TRUE(pipe.write("first"));
  Waiting call(read_exact_owned(borrow(pipe.reader()), SizedArray(100), 10));
  ASSERT_TRUE(turn_until(ring(), [&] { return ring().stats().completions == 1; }));
  ring().core().submit();
  call.call().cancel();
  ASSERT_TRUE(call.finish(ring()));
  EXPECT_TRUE(absl::IsCancelled(call->status)) << call->status;
  EXPECT_EQ(call->transferred, 5u);
  EXPECT_EQ(call->buffer.view(), "first");
  ASSERT_TRUE(pipe.write("next"));
  auto [result, rest] = block_on(ring(), read_owned(borrow(pipe.reader()), SizedArray(100)));
  EXPECT_EQ(rest.view(), "next") << "none lost, none twice";
}

// A part is there when the cancel comes: it is handed back, and no other is asked for.
TEST_F(OwnedCancel, OfAnExactReadThatMovesOnEndsIt) {
  const Pipe pipe;
  ASSERT_TRUE(pipe.write("part"));
  Waiting call(read_exact_owned(borrow(pipe.reader()), SizedArray(100), 10));
  ring().core().submit();
  call.call().cancel();
  ASSERT_TRUE(call.finish(ring()));
  EXPECT_TRUE(absl::IsCancelled(call->status));
  EXPECT_EQ(call->transferred, 4u);
  EXPECT_EQ(call->buffer.view(), "part");
  EXPECT_EQ(sent(), 1u);
}

TEST_F(OwnedCancel, OfAWriteSaysHowMuchWasWritten) {
  const Pipe pipe(O_NONBLOCK);
  const int room = fcntl(pipe.writer(), F_GETPIPE_SZ);
  Waiting call(write_all_owned(borrow(pipe.writer()), std::string(200000, 'w')));
  // Until the pipe is full: then it waits.
  int held = 0;
  for (int turn = 0; turn < 1000 && held < room; ++turn) {
    ring().core().submit();
    ASSERT_EQ(ioctl(pipe.reader(), FIONREAD, &held), 0);
  }
  ASSERT_EQ(held, room);
  call.call().cancel();
  ASSERT_TRUE(call.finish(ring()));
  EXPECT_TRUE(absl::IsCancelled(call->status)) << call->status;
  EXPECT_EQ(call->transferred, static_cast<size_t>(room));
  EXPECT_EQ(call->buffer.size(), 200000u);
}

Task<> cancel_soon(Ring& ring, Canceller canceller) {
  co_await sleep_for(ring, milliseconds(1));
  canceller.cancel();
}

Task<std::string> read_for_a_while(Ring& ring, File file) {
  auto call = read_owned(file, std::string("kept"));
  spawn(ring, cancel_soon(ring, call.canceller()));
  auto [result, buffer] = co_await call;
  if (!absl::IsCancelled(result.status())) co_return "not cancelled";
  co_return std::move(buffer);
}

TEST_F(OwnedCancel, ByAnotherCoroutine) {
  const Pipe silent;
  EXPECT_EQ(block_on(ring(), read_for_a_while(ring(), borrow(silent.reader()))), "kept");
}

// --- a std::stop_token does the same -------------------------------------------------------------

TEST_F(OwnedCancel, ByStopBeforeItIsAwaitedAsksNobody) {
  const Pipe silent;
  std::stop_source source;
  auto call = read_owned(borrow(silent.reader()), std::string("kept"), kCurrentPosition,
                         source.get_token());
  source.request_stop();
  auto [result, buffer] = block_on(ring(), call);
  EXPECT_TRUE(absl::IsCancelled(result.status()));
  EXPECT_EQ(buffer, "kept");
  EXPECT_EQ(sent(), 0u);
}

TEST_F(OwnedCancel, ByStopOnAnotherThreadHandsBackTheBuffer) {
  const Pipe silent;
  std::stop_source source;
  Waiting call(read_owned(borrow(silent.reader()), std::string("kept"), kCurrentPosition,
                          source.get_token()));
  ring().core().submit();
  std::thread stopper([&] { source.request_stop(); });
  EXPECT_TRUE(call.finish(ring()));
  stopper.join();
  EXPECT_TRUE(absl::IsCancelled(call->result.status())) << call->result.status();
  EXPECT_EQ(call->buffer, "kept");
  EXPECT_EQ(ring().stats().buried, 0u);
}

TEST_F(OwnedCancel, ByStopHandsBackBytesThatWonTheRace) {
  const Pipe pipe;
  ASSERT_TRUE(pipe.write("in time"));
  std::stop_source source;
  Waiting call(
      read_owned(borrow(pipe.reader()), SizedArray(100), kCurrentPosition, source.get_token()));
  ring().core().submit();
  source.request_stop();
  ASSERT_TRUE(call.finish(ring()));
  ASSERT_TRUE(call->result.ok()) << call->result.status();
  EXPECT_EQ(call->buffer.view(), "in time");
}

TEST_F(OwnedCancel, ByStopEndsEveryKindOfCall) {
  const Pipe silent;
  Pipe full(O_NONBLOCK);
  while (full.write("x")) {
  }
  const File in = borrow(silent.reader());
  const File out = borrow(full.writer());
  std::stop_source source;
  const std::stop_token stop = source.get_token();
  const auto several = [] { return std::vector<std::string>(3, "kept"); };
  Waiting a(read_owned(in, std::string("kept"), kCurrentPosition, stop));
  Waiting b(read_exact_owned(in, std::string("kept"), 4, kCurrentPosition, stop));
  Waiting c(readv_owned(in, several(), kCurrentPosition, stop));
  Waiting d(readv_exact_owned(in, several(), 4, kCurrentPosition, stop));
  Waiting e(write_owned(out, std::string("kept"), kCurrentPosition, stop));
  Waiting f(write_all_owned(out, std::string("kept"), kCurrentPosition, stop));
  Waiting g(writev_owned(out, several(), kCurrentPosition, stop));
  Waiting h(writev_all_owned(out, several(), kCurrentPosition, stop));
  ring().core().submit();
  source.request_stop();
  const auto expect_cancelled = [&](auto& call, const auto& buffer) {
    ASSERT_TRUE(call.finish(ring()));
    if constexpr (requires { call->status; }) {
      EXPECT_TRUE(absl::IsCancelled(call->status)) << call->status;
    } else {
      EXPECT_TRUE(absl::IsCancelled(call->result.status())) << call->result.status();
    }
    EXPECT_EQ(call->buffer, buffer);
  };
  expect_cancelled(a, "kept");
  expect_cancelled(b, "kept");
  expect_cancelled(c, several());
  expect_cancelled(d, several());
  expect_cancelled(e, "kept");
  expect_cancelled(f, "kept");
  expect_cancelled(g, several());
  expect_cancelled(h, several());
}

TEST_F(OwnedCancel, ByStopAfterTheEndOrTheWaiterDoesNothing) {
  const Pipe pipe;
  ASSERT_TRUE(pipe.write("x"));
  std::stop_source source;
  const File file = borrow(pipe.reader());
  Waiting over(read_owned(file, SizedArray(1), kCurrentPosition, source.get_token()));
  ASSERT_TRUE(over.finish(ring()));
  Waiting gone(read_owned(file, SizedArray(1), kCurrentPosition, source.get_token()));
  gone.destroy();
  source.request_stop();
  ASSERT_TRUE(turn_until(ring(), [&] { return ring().stats().orphans == 0; }));
  EXPECT_EQ(over->buffer.view(), "x");
}

TEST_F(OwnedCancel, ByStopAfterTheRingDoesNothing) {
  const Pipe silent;
  std::stop_source source;
  Waiting call(read_owned(borrow(silent.reader()), std::string("kept"), kCurrentPosition,
                          source.get_token()));
  ring().core().submit();
  destroy_ring();
  source.request_stop();
  EXPECT_FALSE(call.over());
}

// --- destroyed waiters ---------------------------------------------------------------------------

using DestroyedWaiter = testing::GuardedOwnedTest;

TEST_F(DestroyedWaiter, NeverAwaitedFreesAtOnce) {
  const Pipe silent;
  {
    auto call = read_owned(borrow(silent.reader()), buffer());
    EXPECT_FALSE(all_freed());
  }
  EXPECT_TRUE(all_freed());
}

TEST_F(DestroyedWaiter, LeavesBufferAndDescriptorToTheRingUntilTheTerminalCompletion) {
  const int before = open_descriptors();
  Pipe pipe;
  const int fd = pipe.reader();
  Waiting call(read_owned(File(ring(), pipe.take_reader("a pipe")), buffer(100)));
  ring().core().submit();
  call.destroy();
  EXPECT_FALSE(all_freed());
  EXPECT_NE(fcntl(fd, F_GETFD), -1);
  ASSERT_EQ(ring().orphans().size(), 1u);
  EXPECT_EQ(ring().orphans()[0].what, "read a pipe");
  EXPECT_EQ(ring().orphans()[0].pinned_bytes, 100u);
  ASSERT_TRUE(pipe.write("too late"));
  ASSERT_TRUE(finish_orphans());
  EXPECT_TRUE(all_freed());
  EXPECT_TRUE(ring().orphans().empty());
  pipe.close_writer();
  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(DestroyedWaiter, OfWhatWasNotHandedOverYetFreesAtOnce) {
  const Pipe silent;
  ASSERT_NO_FATAL_FAILURE(make_small_ring(8, 16));
  std::vector<std::optional<Waiting<BufferCall<ResourceBuffer>>>> calls(12);  // 8 fit
  const File file = borrow(silent.reader());
  for (auto& call : calls) call.emplace(read_owned(file, buffer()));
  ASSERT_GT(ring().stats().waiting_for_entry, 0u);
  const size_t freed = memory().retired();
  calls.back()->destroy();
  EXPECT_EQ(memory().retired(), freed + 1);
  EXPECT_EQ(ring().stats().buried, 0u);
  calls.clear();
  ASSERT_TRUE(finish_orphans());
}

TEST_F(DestroyedWaiter, AfterTheCompletionIsNotResumed) {
  const Pipe pipe;
  ASSERT_TRUE(pipe.write("bytes"));
  // The first to be resumed destroys the other, whose completion came in the same turn.
  std::optional<Waiting<BufferCall<ResourceBuffer>>> victim;
  struct Killer {
    std::optional<Waiting<BufferCall<ResourceBuffer>>>& victim;
    Task<> run(File file, ResourceBuffer buffer) {
      auto [result, read] = co_await read_owned(file, std::move(buffer));
      victim->destroy();
    }
  };
  Killer killer = {victim};
  testing::Root root;
  Task<> task = killer.run(borrow(pipe.reader()), buffer(2));
  root.start(task);
  victim.emplace(read_owned(borrow(pipe.reader()), buffer(2)));
  ASSERT_TRUE(turn_until(ring(), [&] { return root.ended(); }));
  EXPECT_FALSE(victim->over());
  EXPECT_TRUE(all_freed());
  EXPECT_EQ(ring().stats().buried, 0u);
}

TEST_F(DestroyedWaiter, InEveryKindOfCallIsSafe) {
  const Pipe silent;
  Pipe full(O_NONBLOCK);
  while (full.write("x")) {
  }
  const File in = borrow(silent.reader());
  const File out = borrow(full.writer());
  const auto several = [&] {
    std::vector<ResourceBuffer> buffers;
    for (int i = 0; i < 3; ++i) buffers.emplace_back(memory(), 64, 64);
    return buffers;
  };
  const auto drop = [&](auto call) {
    Waiting waiting(std::move(call));
    ring().core().submit();
    waiting.destroy();
    EXPECT_EQ(ring().stats().orphans, 1u);
    EXPECT_FALSE(all_freed());
    EXPECT_TRUE(finish_orphans());
    EXPECT_TRUE(all_freed());
  };
  drop(read_owned(in, buffer()));
  drop(read_exact_owned(in, buffer(), 64));
  drop(readv_owned(in, several()));
  drop(readv_exact_owned(in, several(), 100));
  drop(write_owned(out, ResourceBuffer(memory(), 64, 64)));
  drop(write_all_owned(out, ResourceBuffer(memory(), 64, 64)));
  drop(writev_owned(out, several()));
  drop(writev_all_owned(out, several()));
}

TEST_F(DestroyedWaiter, ByATimeout) {
  const Pipe silent;
  auto outcome = block_on(
      ring(), with_timeout(ring(), milliseconds(1), read_owned(borrow(silent.reader()), buffer())));
  EXPECT_TRUE(absl::IsDeadlineExceeded(outcome.status()));
  ASSERT_TRUE(finish_orphans());
}

Task<> only_a_turn(Ring& ring) { co_await yield(ring); }
Task<> read_into(File file, ResourceBuffer buffer) {
  auto done = co_await read_owned(file, std::move(buffer));
}

TEST_F(DestroyedWaiter, ByALostRace) {
  const Pipe silent;
  block_on(ring(), when_any(only_a_turn(ring()), read_into(borrow(silent.reader()), buffer())));
  ASSERT_TRUE(finish_orphans());
}

TEST_F(DestroyedWaiter, WithACancellerLeftDoesNotKeepTheMemory) {
  const Pipe silent;
  Waiting call(read_owned(borrow(silent.reader()), buffer()));
  ring().core().submit();
  const Canceller canceller = call.call().canceller();
  call.destroy();
  canceller.cancel();
  ASSERT_TRUE(finish_orphans());
  EXPECT_TRUE(all_freed());
  canceller.cancel();
}

// What an exact read would still ask for is not asked for by an orphan.
TEST_F(DestroyedWaiter, OfAnExactReadIsNotSentAgain) {
  const Pipe pipe;
  ASSERT_TRUE(pipe.write("part"));
  Waiting call(read_exact_owned(borrow(pipe.reader()), buffer(), 10));
  ring().core().submit();
  call.destroy();
  ASSERT_TRUE(finish_orphans());
  EXPECT_EQ(sent(), 1u);
}

}  // namespace
}  // namespace uring
