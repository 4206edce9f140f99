#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <iostream>
#include <iterator>
#include <string>
#include <thread>

#include "gtest/gtest.h"
#include "tests/sim/conformance.h"
#include "tests/sim/raw_ring.h"
#include "uring/testing/choices.h"

// What the real kernel does is among what the simulated one may do: setting up, waiting, a full
// completion queue, calls that fail, and a ring's end.

namespace uring::testing {
namespace {

void nops(RawRing& ring, uint64_t first, uint64_t last) {
  for (uint64_t i = first; i <= last; ++i) io_uring_prep_nop(ring.entry(i));
}

// Until a 'Q' is there, for five seconds at most.
void wait_for_late_write(World& world, const char* place) {
  world.finish_torn_down();
  volatile const char* memory = place;
  auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  while (*memory != 'Q' && std::chrono::steady_clock::now() < give_up) std::this_thread::yield();
}

const Script kScripts[] = {
    {"SetUp",
     [](World& world, unsigned flags) {
       auto sizes = [&](unsigned entries, unsigned more_flags, unsigned completions) {
         RawRing ring(world.kernel(), entries, flags | more_flags, completions);
         world.say(ring.error() != 0 ? errno_text(ring.error())
                                     : std::to_string(ring.params().sq_entries) + "/" +
                                           std::to_string(ring.params().cq_entries));
       };
       sizes(8, 0, 0);
       sizes(5, 0, 0);
       sizes(8, 0, 100);
       sizes(0, 0, 0);
       sizes(64, 0, 8);
       sizes(1U << 20, 0, 0);
       sizes(8, 1U << 31, 0);
     }},
    {"UnknownRegistration",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       world.say(errno_text(-ring.register_with(12345, nullptr, 0)));
     }},
    {"HandedOverInOrder",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       nops(ring, 1, 8);
       world.say(std::to_string(ring.enter(8)));
       world.say(ring.completions());
     }},
    {"MoreThanThereIs",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       nops(ring, 1, 2);
       ring.enter();
       nops(ring, 3, 4);
       io_uring_sq& sq = ring.ring().sq;
       sq.sqe_head = sq.sqe_tail;
       io_uring_smp_store_release(sq.ktail, sq.sqe_tail);
       // It does not wait then.
       world.say(std::to_string(
           world.kernel().enter(ring.ring(), 5, 100, IORING_ENTER_GETEVENTS, nullptr)));
       world.run(ring);
     }},
    {"CompletionQueueThatIsFull",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       for (uint64_t first = 1; first <= 17; first += 8) {
         nops(ring, first, first + 7);
         world.say(std::to_string(ring.enter()));
       }
       world.say(std::to_string(*ring.ring().sq.kflags & IORING_SQ_CQ_OVERFLOW));
       world.say(ring.completions());
       world.run(ring);
       world.say(std::to_string(*ring.ring().sq.kflags & IORING_SQ_CQ_OVERFLOW));
       world.say(std::to_string(*ring.ring().cq.koverflow));
     }},
    {"WaitToItsLimit",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       char buffer[8];
       ring.read(1, world.pipe(), buffer, 8);
       constexpr auto kLimit = std::chrono::milliseconds(5);
       TimePoint before = world.kernel().now();
       world.say(std::to_string(ring.enter(1, kLimit)));
       world.say(std::to_string(ring.enter(1, kLimit)));
       world.say(world.kernel().now() - before >= 2 * kLimit ? "in time" : "too early");
       // Not all that it waited for, but something.
       nops(ring, 2, 2);
       world.say(std::to_string(ring.enter(2, kLimit)));
       world.say(std::to_string(ring.enter(2, kLimit)));
       world.say(ring.completions());
     }},
    {"WaitThatIsInterrupted",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       char buffer[8];
       ring.read(1, world.pipe(), buffer, 8);
       ring.enter();
       world.interrupt_waits(true);
       world.say(errno_text(-ring.enter(1)));
       nops(ring, 2, 2);
       ring.enter();
       world.say(std::to_string(ring.enter(2)));
       world.interrupt_waits(false);
       world.say(ring.completions());
     }},
    {"TornDownWhileRequestsWait",
     [](World& world, unsigned flags) {
       int fd = world.pipe();
       char buffer[] = "....";
       {
         RawRing ring(world.kernel(), 8, flags);
         ring.read(1, fd, buffer, 4);
         ring.enter();
       }
       // What its requests take now, if they can, they take in vain; here they never did.
       world.say(std::to_string(world.unread(fd)));
     }},
    {"TornDownInMidCopy",
     [](World& world, unsigned flags) {
       int fd = world.file(std::string(4096, 'Q'));
       char* held = world.held_memory();
       if (held == nullptr) return;
       {
         RawRing ring(world.kernel(), 8, flags);
         ring.read(1, fd, held, 4096);
         ring.ring().sq.sqes[0].flags |= IOSQE_ASYNC;
         ring.enter();
         world.await_held();
       }
       world.let_go();
       wait_for_late_write(world, held + 4095);
       world.say(held[4095] == 'Q' ? "written late" : "not written");
     }},
    {"TornDownWhileTheDiskReads",
     [](World& world, unsigned flags) {
       int fd = world.slow_file(std::string(size_t{64} << 10, 'Q'));
       if (fd < 0) return;
       alignas(4096) static char blocks[2][4096];
       std::memset(blocks, '.', sizeof blocks);
       world.slow_down();
       {
         RawRing ring(world.kernel(), 8, flags);
         ring.read(1, fd, blocks[0], 4096);
         ring.read(2, fd, blocks[1], 4096, 8192);
         ring.enter();
       }
       world.say(blocks[1][4095] == 'Q' ? "written early" : "not written yet");
       world.let_go();
       wait_for_late_write(world, blocks[1] + 4095);
       world.say(blocks[1][4095] == 'Q' ? "written late" : "not written");
     }},
};

class EnteringConformance : public ::testing::TestWithParam<Script> {};

TEST_P(EnteringConformance, TheRealKernelDoesWhatTheModelAllows) { compare(GetParam()); }

INSTANTIATE_TEST_SUITE_P(Calls, EnteringConformance, ::testing::ValuesIn(kScripts),
                         [](const auto& named) { return std::string(named.param.name); });

// --- calls that a filter fails -------------------------------------------------------------------

// From now on io_uring_enter fails with `error` when it is to take exactly two entries. For ever,
// so only in a child of the test's.
bool fail_enters_of_two(int error) {
  constexpr auto kWord = [](size_t offset) {
    return sock_filter(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<unsigned>(offset)));
  };
  auto verdict = static_cast<unsigned>(SECCOMP_RET_ERRNO | static_cast<unsigned>(error));
  sock_filter filter[] = {
      kWord(offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_enter, 0, 3),
      kWord(offsetof(seccomp_data, args[1])),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 2, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, verdict),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  sock_fprog program = {static_cast<unsigned short>(std::size(filter)), filter};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

// Two entries are refused, and stay; with a third they are taken.
std::string refused_and_taken(Kernel& kernel, const std::function<void()>& refuse) {
  RawRing ring(kernel);
  if (ring.error() != 0) return "";
  refuse();
  nops(ring, 1, 2);
  std::string said = errno_text(-ring.enter(1));
  said += " left " + std::to_string(ring.queued());
  nops(ring, 3, 3);
  said += " took " + std::to_string(ring.enter(3));
  return said + " " + to_text(ring.completions());
}

TEST(EnteringConformance, AFailedEnterTakesNothingAndTheNextTakesIt) {
  for (int error : {EAGAIN, EBUSY, EINTR, ENOMEM, EPERM}) {
    int report[2];
    ASSERT_EQ(pipe(report), 0);
    pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      LinuxKernel kernel;
      bool refusing = false;
      std::string said = refused_and_taken(kernel, [&] { refusing = fail_enters_of_two(error); });
      if (!refusing) said = "";
      _exit(write(report[1], said.data(), said.size()) == static_cast<ssize_t>(said.size()) ? 0
                                                                                            : 1);
    }
    close(report[1]);
    std::string said(200, '\0');
    said.resize(static_cast<size_t>(std::max<ssize_t>(read(report[0], said.data(), 200), 0)));
    close(report[0]);
    int status = 0;
    waitpid(child, &status, 0);
    if (said.empty()) GTEST_SKIP() << "no io_uring, or no seccomp filters, here";
    SeededChoices choices(1);
    SimKernel simulated(choices);
    EXPECT_EQ(refused_and_taken(simulated, [&] { simulated.fail_enters(error, 1); }), said);
    std::cout << said << "\n";
  }
}

}  // namespace
}  // namespace uring::testing
