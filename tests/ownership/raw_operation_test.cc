#include "uring/raw_operation.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "tests/guard_memory.h"
#include "tests/ownership/owned_testing.h"
#include "uring/block_on.h"
#include "uring/cancellation.h"
#include "uring/sleep.h"
#include "uring/spawn.h"
#include "uring/timeout.h"

namespace uring {
namespace {

using std::chrono::milliseconds;
using testing::Pipe;
using testing::TemporaryFile;
using testing::turn_until;

// Notes how often, and with what, it was run; counts its living copies.
struct Record {
  int runs = 0;
  int32_t result = 0;
  int living = 0;

  Cancellation cancellation() {
    return Cancellation([this, alive = testing::Tracked(living)](int32_t with) {
      ++runs;
      result = with;
    });
  }
};

class RawOperationTest : public testing::OwnedTest {
 protected:
  void read(RawOperation& operation, int fd) {
    operation.start([&](io_uring_sqe& entry) {
      io_uring_prep_read(&entry, fd, bytes_, sizeof bytes_, static_cast<__u64>(-1));
    });
  }
  char* bytes() { return bytes_; }

 private:
  char bytes_[64] = {};
};

// --- with its owner ------------------------------------------------------------------------------

Task<int32_t> read_twice(Ring& ring, int fd, char* into) {
  RawOperation read(ring, "read");
  read.start([&](io_uring_sqe& entry) { io_uring_prep_read(&entry, fd, into, 4, 0); });
  const int32_t first = co_await read;
  read.start([&](io_uring_sqe& entry) { io_uring_prep_read(&entry, fd, into + first, 4, 4); });
  const int32_t second = co_await read;
  co_return first * 100 + second;
}

TEST_F(RawOperationTest, IsAwaitedAndStartedAgain) {
  const TemporaryFile file("012345");
  EXPECT_EQ(block_on(ring(), read_twice(ring(), file.fd(), bytes())), 402);
  EXPECT_EQ(std::string_view(bytes(), 6), "012345");
}

TEST_F(RawOperationTest, ToldIsWhatTheKernelSaid) {
  RawOperation operation(ring());
  for (const int said : {-EINTR, -EAGAIN, -ECANCELED, 7}) {
    answer({said});
    operation.start([](io_uring_sqe& entry) { io_uring_prep_nop(&entry); });
    EXPECT_TRUE(operation.in_flight());
    EXPECT_EQ(block_on(ring(), operation), said);
    EXPECT_FALSE(operation.in_flight());
    EXPECT_EQ(operation.result(), said);
  }
  EXPECT_EQ(sent(), 4u) << "nothing is absorbed";
}

TEST_F(RawOperationTest, CancelAsksTheKernelAndTheOwnerWaits) {
  const Pipe silent;
  RawOperation operation(ring());
  operation.cancel();  // none in flight
  read(operation, silent.reader());
  operation.cancel();
  EXPECT_TRUE(operation.in_flight());
  EXPECT_EQ(block_on(ring(), operation), -ECANCELED);
  operation.cancel();
  EXPECT_EQ(ring().stats().cancels, 1u);
  EXPECT_EQ(ring().stats().buried, 0u);
}

TEST_F(RawOperationTest, CanBeAwaitedAgainAfterAWaiterWasDestroyed) {
  const Pipe pipe;
  RawOperation operation(ring());
  read(operation, pipe.reader());
  auto outcome = block_on(ring(), with_timeout(ring(), milliseconds(1), operation));
  EXPECT_TRUE(absl::IsDeadlineExceeded(outcome.status()));
  EXPECT_TRUE(operation.in_flight());
  ASSERT_TRUE(pipe.write("late"));
  EXPECT_EQ(block_on(ring(), operation), 4);
  EXPECT_EQ(std::string_view(bytes(), 4), "late");
}

TEST_F(RawOperationTest, AnUnusedCancellationIsDestroyedWithItNotRun) {
  const TemporaryFile file("012345");
  Record record;
  {
    RawOperation operation(ring());
    operation.set_cancellation(record.cancellation());
    for (int i = 0; i < 3; ++i) {
      read(operation, file.fd());
      block_on(ring(), operation);
      EXPECT_EQ(record.living, 1) << "kept for the next request";
    }
  }
  EXPECT_EQ(record.runs, 0);
  EXPECT_EQ(record.living, 0);
}

TEST_F(RawOperationTest, MovedStaysInFlight) {
  const Pipe pipe;
  std::optional<RawOperation> moved;
  {
    RawOperation operation(ring());
    read(operation, pipe.reader());
    moved.emplace(std::move(operation));
  }
  ASSERT_TRUE(pipe.write("on"));
  EXPECT_EQ(block_on(ring(), *moved), 2);
}

TEST_F(RawOperationTest, OfAZeroCopySendEndsWithTheNotification) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(listen(listener, 1), 0);
  ASSERT_EQ(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);
  const int sender = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(connect(sender, reinterpret_cast<sockaddr*>(&address), size), 0);
  const int receiver = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  RawOperation operation(ring());
  operation.start([&](io_uring_sqe& entry) {
    io_uring_prep_send_zc(&entry, sender, "zero", 4, MSG_NOSIGNAL, 0);
  });
  const int32_t result = block_on(ring(), operation);
  for (const int fd : {listener, sender, receiver}) close(fd);
  if (result == -EINVAL || result == -EOPNOTSUPP) GTEST_SKIP() << "no zero-copy sends here";
  EXPECT_EQ(result, 4);
  EXPECT_EQ(ring().stats().completions, 2u);
  EXPECT_EQ(ring().stats().in_flight, 0u);
}

Task<void> await_one(RawOperation& operation, int& over) {
  co_await operation;
  ++over;
}

TEST_F(RawOperationTest, IsNotOverWhileMoreCompletionsAreToCome) {
  const Pipe pipe;
  RawOperation operation(ring());
  operation.start([&](io_uring_sqe& entry) {
    io_uring_prep_poll_multishot(&entry, pipe.reader(), POLLIN);
  });
  int over = 0;
  spawn(ring(), await_one(operation, over));
  block_on(ring(), yield(ring()));  // it waits
  ASSERT_TRUE(pipe.write("x"));
  ASSERT_TRUE(turn_until(ring(), [&] { return ring().stats().completions == 1; }));
  block_on(ring(), yield(ring()));
  EXPECT_EQ(over, 0);
  operation.cancel();
  ASSERT_TRUE(turn_until(ring(), [&] { return over == 1; }));
  EXPECT_EQ(operation.result(), -ECANCELED);
}

// --- let go --------------------------------------------------------------------------------------

TEST_F(RawOperationTest, LetGoRunsTheCancellationOnceAtTheTerminalCompletion) {
  const Pipe silent;
  Record record;
  RawOperation operation(ring(), "read silence", 64);
  read(operation, silent.reader());
  ring().core().submit();
  std::move(operation).let_go(record.cancellation());
  EXPECT_EQ(record.runs, 0);
  EXPECT_EQ(record.living, 1);
  ASSERT_EQ(ring().orphans().size(), 1u);
  EXPECT_EQ(ring().orphans()[0].what, "read silence");
  EXPECT_EQ(ring().orphans()[0].pinned_bytes, 64u);
  ASSERT_TRUE(finish_orphans());
  EXPECT_EQ(record.runs, 1);
  EXPECT_EQ(record.result, -ECANCELED);
  EXPECT_EQ(record.living, 0);
}

TEST_F(RawOperationTest, LetGoTellsBytesThatCameAfterAll) {
  const Pipe pipe;
  ASSERT_TRUE(pipe.write("bytes"));
  Record record;
  RawOperation operation(ring());
  read(operation, pipe.reader());
  ring().core().submit();
  std::move(operation).let_go(record.cancellation());
  ASSERT_TRUE(finish_orphans());
  EXPECT_EQ(record.runs, 1);
  EXPECT_EQ(record.result, 5);
}

TEST_F(RawOperationTest, LetGoAfterTheEndRunsItAtOnce) {
  const TemporaryFile file("0123");
  ASSERT_EQ(lseek(file.fd(), 0, SEEK_SET), 0);
  Record record;
  {
    RawOperation operation(ring());
    read(operation, file.fd());
    block_on(ring(), operation);
    std::move(operation).let_go(record.cancellation());
    EXPECT_EQ(record.runs, 1);
  }
  EXPECT_EQ(record.result, 4);
  RawOperation never(ring());
  std::move(never).let_go(record.cancellation());
  EXPECT_EQ(record.runs, 2);
  EXPECT_EQ(record.result, -ECANCELED);
  EXPECT_EQ(record.living, 0);
}

TEST_F(RawOperationTest, LetGoBeforeTheKernelHadItRunsInTheNextTurn) {
  ASSERT_NO_FATAL_FAILURE(make_small_ring(8, 16));
  const Pipe pipe;
  Record record;
  std::vector<RawOperation> operations;
  for (int i = 0; i < 12; ++i) {
    operations.emplace_back(ring());
    operations.back().set_cancellation(record.cancellation());
    read(operations.back(), pipe.reader());
  }
  ASSERT_GT(ring().stats().waiting_for_entry, 0u);
  operations.pop_back();
  EXPECT_EQ(record.runs, 0) << "not from within the destructor";
  ASSERT_TRUE(pipe.write("x"));  // ends one of them, or the turn would wait
  ring().core().turn();
  EXPECT_EQ(record.runs, 1);
  EXPECT_EQ(record.result, -ECANCELED);
  EXPECT_EQ(ring().stats().buried, 0u);
  operations.clear();
  ASSERT_TRUE(finish_orphans());
  EXPECT_EQ(record.runs, 11);
  EXPECT_EQ(record.living, 0);
}

Task<> read_own_memory(Ring& ring, int fd, testing::GuardMemory& memory) {
  char* const data = static_cast<char*>(memory.allocate(64));
  RawOperation read(ring, "read");
  read.set_cancellation([&memory, data] { memory.deallocate(data, 64); });
  read.start([&](io_uring_sqe& entry) {
    io_uring_prep_read(&entry, fd, data, 64, static_cast<__u64>(-1));
  });
  co_await read;
  memory.deallocate(data, 64);
}

TEST_F(RawOperationTest, ACoroutineWithACancellationMayBeDestroyed) {
  testing::GuardMemory memory;
  const Pipe pipe;
  auto outcome = block_on(ring(), with_timeout(ring(), milliseconds(1),
                                               read_own_memory(ring(), pipe.reader(), memory)));
  EXPECT_TRUE(absl::IsDeadlineExceeded(outcome));
  EXPECT_EQ(memory.retired(), 0u);
  ASSERT_TRUE(pipe.write("late"));
  ASSERT_TRUE(finish_orphans());
  EXPECT_EQ(memory.retired(), 1u);
}

TEST_F(RawOperationTest, WhoAwaitsOneThatIsLetGoIsToldSo) {
  const Pipe silent;
  Record record;
  std::optional<RawOperation> operation(ring());
  read(*operation, silent.reader());
  const auto await = [](RawOperation& awaited, int32_t& told) -> Task<> {
    told = co_await awaited;
  };
  int32_t told = 0;
  testing::Root root;
  Task<> task = await(*operation, told);
  root.start(task);
  std::move(*operation).let_go(record.cancellation());
  operation.reset();
  ASSERT_TRUE(turn_until(ring(), [&] { return root.ended(); }));
  EXPECT_EQ(told, -ECANCELED);
  ASSERT_TRUE(finish_orphans());
  EXPECT_EQ(record.runs, 1);
}

TEST_F(RawOperationTest, ACancellationMayStartTheNextOperation) {
  const Pipe silent;
  RawOperation next(ring());
  {
    RawOperation operation(ring());
    read(operation, silent.reader());
    std::move(operation).let_go(
        [&] { next.start([](io_uring_sqe& entry) { io_uring_prep_nop(&entry); }); });
  }
  ASSERT_TRUE(turn_until(ring(), [&] { return next.in_flight(); }));
  EXPECT_EQ(block_on(ring(), next), 0);
}

// --- what a cancellation can be ------------------------------------------------------------------

TEST(CancellationTest, KeepsWhatCannotBeCalled) {
  auto shared = std::make_shared<int>(1);
  const std::weak_ptr<int> alive = shared;
  Cancellation kept(std::move(shared));
  EXPECT_TRUE(kept);
  EXPECT_FALSE(alive.expired());
  kept.run(0);
  EXPECT_FALSE(kept);
  EXPECT_TRUE(alive.expired());
  Cancellation(std::make_unique<char[]>(10)).run(0);
  Cancellation(std::string(100, 'x')).run(0);
}

TEST(CancellationTest, CallsWithTheResultOrWithout) {
  int called = 0;
  Cancellation([&](int32_t result) { called = result; }).run(-5);
  EXPECT_EQ(called, -5);
  Cancellation([&] { called = 9; }).run(-5);
  EXPECT_EQ(called, 9);
  const std::function<void(int32_t)> function = [&](int32_t result) { called = result; };
  Cancellation(function).run(3);
  EXPECT_EQ(called, 3);
}

TEST(CancellationTest, MovesAndIsEmptyByDefault) {
  EXPECT_FALSE(Cancellation());
  Record record;
  Cancellation first = record.cancellation();
  Cancellation second = std::move(first);
  second.run(1);
  EXPECT_EQ(record.runs, 1);
  EXPECT_EQ(record.living, 0);
}

// --- the Ring's end ------------------------------------------------------------------------------

TEST_F(RawOperationTest, OrphansAreRunWhileTheRingDrains) {
  const Pipe silent;
  Record record;
  RawOperation operation(ring());
  read(operation, silent.reader());
  std::move(operation).let_go(record.cancellation());
  destroy_ring();
  EXPECT_EQ(record.runs, 1);
  EXPECT_EQ(record.living, 0);
}

TEST_F(RawOperationTest, SpawnedCoroutinesGoWithTheRing) {
  testing::GuardMemory memory;
  const Pipe silent;
  spawn(ring(), read_own_memory(ring(), silent.reader(), memory));
  ring().core().turn();
  ring().core().submit();
  ASSERT_EQ(ring().stats().in_flight, 1u);
  destroy_ring();
  EXPECT_EQ(memory.retired(), 1u);
}

TEST_F(RawOperationTest, DrainedWithTheRingMayBeDestroyedAfterIt) {
  const Pipe silent;
  RawOperation operation(ring());
  read(operation, silent.reader());
  ring().core().submit();
  destroy_ring();
  EXPECT_FALSE(operation.in_flight());
  EXPECT_EQ(operation.result(), -ECANCELED);
  operation.cancel();
}

TEST_F(RawOperationTest, OnADestroyedRingEndsAtOnce) {
  RawOperation operation(ring());
  destroy_ring();
  operation.start([](io_uring_sqe& entry) { io_uring_prep_nop(&entry); });
  EXPECT_FALSE(operation.in_flight());
  ASSERT_NO_FATAL_FAILURE(make_ring());
  EXPECT_EQ(block_on(ring(), operation), -ECANCELED);
}

// The kernel refuses to go on: nobody can know when it is done with the memory.
TEST(StrandedOperation, IsToldAndItsCancellationLeakedNeverRun) {
  static Record record;  // what is leaked stays for ever
  static testing::FaultKernel kernel;
  std::string leaks;
  RingOptions options = testing::modest_options();
  options.kernel = &kernel;
  options.on_leak = [&](std::string_view report) { leaks += report; };
  std::optional<Ring> ring = Ring::create(std::move(options)).value();
  static const Pipe silent;
  static char memory[8];
  const auto start = [&](RawOperation& operation) {
    operation.start([&](io_uring_sqe& entry) {
      io_uring_prep_read(&entry, silent.reader(), memory, sizeof memory, static_cast<__u64>(-1));
    });
  };
  {
    RawOperation let_go(*ring, "let go");
    start(let_go);
    RawOperation awaited(*ring, "awaited");
    awaited.set_cancellation(record.cancellation());
    start(awaited);
    ring->core().submit();
    std::move(let_go).let_go(record.cancellation());
    kernel.fail_enters(EBADR);
    EXPECT_EQ(block_on(*ring, awaited), -EBADR);
    EXPECT_TRUE(awaited.in_flight());
    EXPECT_EQ(block_on(*ring, awaited), -EBADR);
  }
  ring.reset();
  EXPECT_NE(leaks.find("let go"), std::string::npos) << leaks;
  EXPECT_NE(leaks.find("awaited"), std::string::npos) << leaks;
  EXPECT_EQ(record.runs, 0);
  EXPECT_EQ(record.living, 2);
}

// --- misuse --------------------------------------------------------------------------------------

class RawOperationDeathTest : public ::testing::Test {
 protected:
  // Within a process of its own: with a Ring, and an operation that reads a silent pipe.
  static void misuse(void (*how)(Ring& ring, std::optional<RawOperation>& reading)) {
    Ring own = Ring::create().value();
    const Pipe silent;
    char bytes[8];
    std::optional<RawOperation> reading(own);
    reading->start([&](io_uring_sqe& entry) {
      io_uring_prep_read(&entry, silent.reader(), bytes, sizeof bytes, static_cast<__u64>(-1));
    });
    own.core().submit();
    how(own, reading);
  }
};

TEST_F(RawOperationDeathTest, DestroyedInFlightWithoutACancellationFails) {
  EXPECT_DEATH(misuse([](Ring&, std::optional<RawOperation>& reading) { reading.reset(); }),
               "a raw operation was let go in flight without a cancellation: the kernel may still "
               "use its memory");
}

Task<> wait_for_silence(Ring& ring, int fd) {
  char bytes[8];
  RawOperation read(ring);
  read.start([&](io_uring_sqe& entry) {
    io_uring_prep_read(&entry, fd, bytes, sizeof bytes, static_cast<__u64>(-1));
  });
  co_await read;
}

TEST_F(RawOperationDeathTest, DestroyedCoroutineWithoutACancellationFails) {
  const auto time_out = [] {
    Ring own = Ring::create().value();
    const Pipe silent;
    block_on(own, with_timeout(own, milliseconds(1), wait_for_silence(own, silent.reader())))
        .IgnoreError();
  };
  EXPECT_DEATH(time_out(), "a raw operation was let go in flight without a cancellation");
}

TEST_F(RawOperationDeathTest, LetGoWithNothingFails) {
  EXPECT_DEATH(misuse([](Ring&, std::optional<RawOperation>& reading) {
                 std::move(*reading).let_go(Cancellation());
               }),
               "a raw operation was let go without a cancellation");
}

TEST_F(RawOperationDeathTest, ASecondCancellationInFlightFails) {
  EXPECT_DEATH(misuse([](Ring&, std::optional<RawOperation>& reading) {
                 reading->set_cancellation([] {});
                 reading->set_cancellation([] {});
               }),
               "a raw operation in flight was given a second cancellation");
  EXPECT_DEATH(misuse([](Ring&, std::optional<RawOperation>& reading) {
                 reading->set_cancellation([] {});
                 std::move(*reading).let_go([] {});
               }),
               "a raw operation was given a second cancellation");
}

TEST_F(RawOperationDeathTest, StartedTwiceFails) {
  EXPECT_DEATH(misuse([](Ring&, std::optional<RawOperation>& reading) {
                 reading->start([](io_uring_sqe& entry) { io_uring_prep_nop(&entry); });
               }),
               "a raw operation was started while it is in flight");
}

TEST_F(RawOperationDeathTest, AwaitedBeforeItWasStartedFails) {
  EXPECT_DEATH(misuse([](Ring& ring, std::optional<RawOperation>&) {
                 RawOperation never(ring);
                 block_on(ring, never);
               }),
               "a raw operation was awaited before it was started");
}

TEST_F(RawOperationDeathTest, WhatMayNeverCompleteFails) {
  static unsigned flag;
  for (const unsigned each : {IOSQE_IO_LINK, IOSQE_IO_HARDLINK, IOSQE_CQE_SKIP_SUCCESS}) {
    flag = each;
    EXPECT_DEATH(misuse([](Ring& ring, std::optional<RawOperation>&) {
                   RawOperation odd(ring);
                   odd.start([](io_uring_sqe& entry) {
                     io_uring_prep_nop(&entry);
                     entry.flags = static_cast<__u8>(flag);
                   });
                 }),
                 "a raw operation was started whose completion may never come");
  }
}

}  // namespace
}  // namespace uring
