#include "uring/capabilities.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/fault_kernel.h"
#include "tests/ring_testing.h"
#include "uring/ring.h"
#include "uring/status.h"

namespace uring {
namespace {

using testing::FaultKernel;
using testing::Pipe;
using testing::Reading;
using testing::TemporaryFile;
using testing::turn_until;

// An environment variable, for as long as this lives.
class Environment {
 public:
  Environment(const char* name, const char* value) : name_(name) {
    const char* before = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
    if (before != nullptr) before_ = before;
    set(value);
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
  ~Environment() { set(before_.has_value() ? before_->c_str() : nullptr); }

 private:
  void set(const char* value) const {
    // NOLINTNEXTLINE(concurrency-mt-unsafe)
    value != nullptr ? setenv(name_, value, 1) : unsetenv(name_);
  }

  const char* name_;
  std::optional<std::string> before_;
};

bool contains(absl::string_view text, std::string_view part) {
  return std::string_view(text.data(), text.size()).find(part) != std::string_view::npos;
}

RingOptions with(Kernel& kernel) {
  RingOptions options;
  options.kernel = &kernel;
  return options;
}

// Every kind of read over `ring`, with every kind of buffer.
void expect_reads_work(Ring& ring) {
  for (const BufferKind buffer : {BufferKind::kHeap, BufferKind::kFixed, BufferKind::kMirrored}) {
    SCOPED_TRACE(static_cast<int>(buffer));
    const TemporaryFile file("from a file");
    Reading positional(ring, file.borrow(), ReadKind::kPositional, 4096, buffer);
    positional.start(5);
    Pipe pipe;
    ASSERT_TRUE(pipe.write("from a pipe"));
    Reading stream(ring, pipe.take_reader(), ReadKind::kStream, 4096, buffer);
    stream.start();
    Pipe silent;
    Reading pending(ring, silent.take_reader(), ReadKind::kStream, 4096, buffer);
    pending.start();
    ASSERT_TRUE(turn_until(ring, [&] { return positional.done() && stream.done(); }));
    EXPECT_EQ(positional.text(), "a file");
    EXPECT_EQ(stream.text(), "from a pipe");
    ASSERT_TRUE(silent.write("later"));
    ASSERT_TRUE(turn_until(ring, [&] { return pending.done(); }));
    EXPECT_EQ(pending.text(), "later");
  }
  EXPECT_TRUE(ring.core().status().ok()) << ring.core().status();
}

// --- the ladder ----------------------------------------------------------------------------------

class Rung : public ::testing::TestWithParam<SetupRung> {
 protected:
  // Why this machine lacks the rung, or nothing.
  static std::string missing() {
    RingOptions forced;
    forced.setup = GetParam();
    const auto found = probe_capabilities(forced);
    return found.ok() ? "" : std::string(found.status().message());
  }
};

TEST_P(Rung, ForcedByOptionReads) {
  if (const std::string why = missing(); !why.empty()) GTEST_SKIP() << why;
  RingOptions options;
  options.setup = GetParam();
  absl::StatusOr<Ring> ring = Ring::create(std::move(options));
  ASSERT_TRUE(ring.ok()) << ring.status();
  EXPECT_EQ(ring->capabilities().setup, GetParam());
  expect_reads_work(*ring);
}

TEST_P(Rung, ForcedByEnvironmentReads) {
  if (const std::string why = missing(); !why.empty()) GTEST_SKIP() << why;
  const std::string name(setup_rung_name(GetParam()));
  const Environment forced("URING_SETUP", name.c_str());
  absl::StatusOr<Ring> ring = Ring::create();
  ASSERT_TRUE(ring.ok()) << ring.status();
  EXPECT_EQ(ring->capabilities().setup, GetParam());
  EXPECT_TRUE(contains(ring->capabilities().describe(), name));
  expect_reads_work(*ring);
}

TEST_P(Rung, OptionOutranksEnvironment) {
  if (const std::string why = missing(); !why.empty()) GTEST_SKIP() << why;
  const Environment forced("URING_SETUP", "no such rung");
  RingOptions options;
  options.setup = GetParam();
  absl::StatusOr<Ring> ring = Ring::create(std::move(options));
  ASSERT_TRUE(ring.ok()) << ring.status();
  EXPECT_EQ(ring->capabilities().setup, GetParam());
}

TEST_P(Rung, WithoutFixedBuffersReads) {
  if (const std::string why = missing(); !why.empty()) GTEST_SKIP() << why;
  RingOptions options;
  options.setup = GetParam();
  options.fixed_buffers = false;
  absl::StatusOr<Ring> ring = Ring::create(std::move(options));
  ASSERT_TRUE(ring.ok()) << ring.status();
  EXPECT_FALSE(ring->capabilities().fixed_buffers);
  EXPECT_EQ(ring->core().buffers().allocate(4096, BufferKind::kFixed)->kind(), BufferKind::kHeap);
  expect_reads_work(*ring);
}

INSTANTIATE_TEST_SUITE_P(Rungs, Rung,
                         ::testing::Values(SetupRung::kDeferred, SetupRung::kCooperative,
                                           SetupRung::kPlain, SetupRung::kPolling),
                         [](const auto& tested) {
                           return std::string(setup_rung_name(tested.param));
                         });

TEST(Capabilities, FixedBuffersAreOffByEnvironment) {
  const Environment off("URING_FIXED_BUFFERS", "0");
  absl::StatusOr<Ring> ring = Ring::create();
  ASSERT_TRUE(ring.ok()) << ring.status();
  EXPECT_FALSE(ring->capabilities().fixed_buffers);
  expect_reads_work(*ring);
}

TEST(Capabilities, OtherValuesOfTheEnvironmentLeaveFixedBuffersAlone) {
  const bool here = probe_capabilities().value().fixed_buffers;
  const Environment on("URING_FIXED_BUFFERS", "1");
  EXPECT_EQ(probe_capabilities().value().fixed_buffers, here);
}

TEST(Capabilities, EmptyEnvironmentForcesNothing) {
  const SetupRung here = probe_capabilities().value().setup;
  const Environment empty("URING_SETUP", "");
  EXPECT_EQ(probe_capabilities().value().setup, here);
}

TEST(Capabilities, UnknownRungInTheEnvironmentSaysWhichThereAre) {
  const Environment wrong("URING_SETUP", "fastest");
  const absl::Status status = Ring::create().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(contains(status.message(), "deferred, cooperative, plain or polling")) << status;
}

struct Refused {
  unsigned flags;
  SetupRung left;
};

class Ladder : public ::testing::TestWithParam<Refused> {};

TEST_P(Ladder, EndsAtTheBestRungThatTheKernelKnows) {
  const Environment unset("URING_SETUP", nullptr);
  FaultKernel kernel;
  kernel.set_up_fault = [](unsigned, const io_uring_params& params) {
    return (params.flags & GetParam().flags) != 0 ? EINVAL : 0;
  };
  absl::StatusOr<Ring> ring = Ring::create(with(kernel));
  ASSERT_TRUE(ring.ok()) << ring.status();
  EXPECT_EQ(ring->capabilities().setup, GetParam().left);
  expect_reads_work(*ring);
}

INSTANTIATE_TEST_SUITE_P(
    Refusals, Ladder,
    ::testing::Values(Refused{0, SetupRung::kDeferred},
                      Refused{IORING_SETUP_DEFER_TASKRUN, SetupRung::kCooperative},
                      Refused{IORING_SETUP_SINGLE_ISSUER, SetupRung::kCooperative},
                      Refused{IORING_SETUP_TASKRUN_FLAG, SetupRung::kPlain},
                      Refused{IORING_SETUP_SUBMIT_ALL, SetupRung::kPlain}));

TEST(LadderOfSizes, TriesSmallerRingsWhileMemoryIsShort) {
  for (const unsigned fitting : {16384U, 4096U, 512U, 100U, 16U}) {
    SCOPED_TRACE(fitting);
    FaultKernel kernel;
    kernel.set_up_fault = [fitting](unsigned entries, const io_uring_params& params) {
      return entries + params.cq_entries > fitting + fitting / 2 ? ENOMEM : 0;
    };
    absl::StatusOr<Ring> ring = Ring::create(with(kernel));
    ASSERT_TRUE(ring.ok()) << ring.status();
    EXPECT_LE(ring->capabilities().completion_entries, fitting + fitting / 2);
    EXPECT_GE(ring->capabilities().submission_entries, 8u);
    EXPECT_GE(ring->capabilities().completion_entries, 2 * ring->capabilities().submission_entries);
    expect_reads_work(*ring);
  }
}

// The queue of completions is what costs memory.
TEST(LadderOfSizes, ShrinksTheCompletionsOfARingOfFewEntriesToo) {
  for (const unsigned entries : {1U, 8U, 12U}) {
    SCOPED_TRACE(entries);
    FaultKernel kernel;
    kernel.set_up_fault = [](unsigned, const io_uring_params& params) {
      return params.cq_entries > 100 ? ENOMEM : 0;
    };
    RingOptions options = with(kernel);
    options.entries = entries;
    absl::StatusOr<Ring> ring = Ring::create(std::move(options));
    ASSERT_TRUE(ring.ok()) << ring.status();
    expect_reads_work(*ring);
  }
}

TEST(LadderOfSizes, EndsAtEightEntries) {
  FaultKernel kernel;
  unsigned smallest = ~0U;
  kernel.set_up_fault = [&smallest](unsigned entries, const io_uring_params&) {
    smallest = std::min(smallest, entries);
    return ENOMEM;
  };
  const absl::Status status = Ring::create(with(kernel)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(smallest, 8u);
  EXPECT_LT(kernel.counts().set_up_tries, 30u);
}

TEST(LadderOfSizes, OptionsOfZeroMakeARing) {
  RingOptions options;
  options.entries = 0;
  options.completion_entries = 0;
  absl::StatusOr<Ring> ring = Ring::create(std::move(options));
  ASSERT_TRUE(ring.ok()) << ring.status();
  expect_reads_work(*ring);
}

// --- errors --------------------------------------------------------------------------------------

struct SetupError {
  const char* name;
  int error;
  absl::StatusCode code;
  const char* advice;
};

class FailedSetup : public ::testing::TestWithParam<SetupError> {};

void expect_error(const absl::Status& status, const SetupError& expected) {
  EXPECT_EQ(status.code(), expected.code) << status;
  EXPECT_EQ(errno_of(status), expected.error) << status;
  EXPECT_TRUE(contains(status.message(), "io_uring_setup")) << status;
  EXPECT_TRUE(contains(status.message(), expected.advice)) << status;
}

TEST_P(FailedSetup, SaysWhatToDo) {
  FaultKernel kernel;
  kernel.set_up_fault = [](unsigned, const io_uring_params&) { return GetParam().error; };
  expect_error(Ring::create(with(kernel)).status(), GetParam());
  expect_error(probe_capabilities(with(kernel)).status(), GetParam());
  EXPECT_EQ(kernel.counts().tear_downs, 0u);
}

INSTANTIATE_TEST_SUITE_P(
    Errors, FailedSetup,
    ::testing::Values(
        SetupError{"ENOSYS", ENOSYS, absl::StatusCode::kUnimplemented, "seccomp profile hides it"},
        SetupError{"EPERM", EPERM, absl::StatusCode::kPermissionDenied, "kernel.io_uring_disabled"},
        SetupError{"EACCES", EACCES, absl::StatusCode::kPermissionDenied, "security module"},
        SetupError{"ENOMEM", ENOMEM, absl::StatusCode::kResourceExhausted, "RLIMIT_MEMLOCK"},
        SetupError{"EMFILE", EMFILE, absl::StatusCode::kResourceExhausted, "RLIMIT_NOFILE"},
        SetupError{"ENFILE", ENFILE, absl::StatusCode::kResourceExhausted, "too many open files"},
        SetupError{"EINVAL", EINVAL, absl::StatusCode::kInvalidArgument, "no URING_SETUP"}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST(Capabilities, ForcedRungThatTheKernelLacksIsNotReplaced) {
  FaultKernel kernel;
  kernel.set_up_fault = [](unsigned, const io_uring_params& params) {
    return (params.flags & IORING_SETUP_DEFER_TASKRUN) != 0 ? EINVAL : 0;
  };
  RingOptions options = with(kernel);
  options.setup = SetupRung::kDeferred;
  const absl::Status status = Ring::create(std::move(options)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(errno_of(status), EINVAL);
}

TEST(Capabilities, FailedSetUpLeavesNoDescriptorOpen) {
  const int before = testing::open_descriptors();
  FaultKernel kernel;
  kernel.set_up_fault = [](unsigned, const io_uring_params&) { return EPERM; };
  EXPECT_FALSE(Ring::create(with(kernel)).ok());
  EXPECT_TRUE(probe_capabilities().ok());
  EXPECT_EQ(testing::open_descriptors(), before);
}

TEST(Capabilities, RingWorksWhereNothingMayBeRegistered) {
  for (const int error : {EPERM, ENOSYS, EINVAL, ENOMEM}) {
    SCOPED_TRACE(error);
    FaultKernel kernel;
    kernel.register_fault = [error](unsigned) { return error; };
    absl::StatusOr<Ring> ring = Ring::create(with(kernel));
    ASSERT_TRUE(ring.ok()) << ring.status();
    EXPECT_FALSE(ring->capabilities().fixed_buffers);
    EXPECT_TRUE(ring->capabilities().opcodes.test(IORING_OP_READ));
    expect_reads_work(*ring);
  }
}

TEST(Capabilities, ProbedAreThoseOfTheRing) {
  const Capabilities found = probe_capabilities().value();
  absl::StatusOr<Ring> ring = Ring::create();
  ASSERT_TRUE(ring.ok());
  EXPECT_EQ(found.setup, ring->capabilities().setup);
  EXPECT_EQ(found.features, ring->capabilities().features);
  EXPECT_EQ(found.opcodes, ring->capabilities().opcodes);
  EXPECT_EQ(found.fixed_buffers, ring->capabilities().fixed_buffers);
  EXPECT_TRUE(found.opcodes.test(IORING_OP_READ));
  EXPECT_TRUE(found.opcodes.test(IORING_OP_ASYNC_CANCEL));
}

// --- the real thing, in a process of its own -----------------------------------------------------

constexpr int kCannot = 77;

// Runs `body` in a child; true if it ended with 0. A child that ends with kCannot skips the test.
int run_in_child(const std::function<int()>& body) {
  const pid_t child = fork();
  if (child == 0) _exit(body());
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) return -1;
  return WEXITSTATUS(status);
}

// Has `number`, and nothing else, fail with `error`; false if the kernel does not let us.
bool forbid_system_call(long number, int error) {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(number), 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(error)),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  sock_fprog program = {static_cast<unsigned short>(std::size(filter)), filter};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

int expect_in_child(const SetupError& expected) {
  expect_error(Ring::create().status(), expected);
  return ::testing::Test::HasFailure() ? 1 : 0;
}

class Seccomp : public ::testing::TestWithParam<SetupError> {};

TEST_P(Seccomp, ForbiddingSetUpGivesAStatus) {
  const int result = run_in_child([] {
    if (!forbid_system_call(SYS_io_uring_setup, GetParam().error)) return kCannot;
    return expect_in_child(GetParam());
  });
  if (result == kCannot) GTEST_SKIP() << "seccomp filters are not allowed here";
  EXPECT_EQ(result, 0);
}

INSTANTIATE_TEST_SUITE_P(
    Errors, Seccomp,
    ::testing::Values(
        SetupError{"ENOSYS", ENOSYS, absl::StatusCode::kUnimplemented, "seccomp profile hides it"},
        SetupError{"EPERM", EPERM, absl::StatusCode::kPermissionDenied, "seccomp profile"}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST(SeccompOfRegister, LeavesAWorkingRing) {
  const int result = run_in_child([] {
    if (!forbid_system_call(SYS_io_uring_register, EPERM)) return kCannot;
    absl::StatusOr<Ring> ring = Ring::create();
    EXPECT_TRUE(ring.ok()) << ring.status();
    if (ring.ok()) expect_reads_work(*ring);
    return ::testing::Test::HasFailure() ? 1 : 0;
  });
  if (result == kCannot) GTEST_SKIP() << "seccomp filters are not allowed here";
  EXPECT_EQ(result, 0);
}

// A filter that comes after the ring: nothing can be submitted, nothing drained.
TEST(SeccompOfEnter, TellsTheWaiterAndLeaks) {
  const int result = run_in_child([] {
    std::string leaks;
    RingOptions options;
    options.on_leak = [&leaks](std::string_view report) { leaks += report; };
    absl::StatusOr<Ring> ring = Ring::create(std::move(options));
    if (!ring.ok()) return 1;
    Pipe pipe;
    Reading reading(*ring, pipe.take_reader(), ReadKind::kStream);
    reading.start();
    ring->core().submit();
    if (!forbid_system_call(SYS_io_uring_enter, EPERM)) return kCannot;
    EXPECT_TRUE(turn_until(*ring, [&] { return reading.stranded() == 1; }, 5));
    EXPECT_EQ(errno_of(ring->core().status()), EPERM);
    {
      const Ring gone = *std::move(ring);
    }
    EXPECT_TRUE(contains(leaks, "1 requests in flight")) << leaks;
    return ::testing::Test::HasFailure() ? 1 : 0;
  });
  if (result == kCannot) GTEST_SKIP() << "seccomp filters are not allowed here";
  EXPECT_EQ(result, 0);
}

TEST(FileLimit, GivesAStatusAndLeavesNothingOpen) {
  const int result = run_in_child([] {
    const int before = testing::open_descriptors();
    rlimit old;
    if (getrlimit(RLIMIT_NOFILE, &old) != 0) return kCannot;
    // Below the lowest free descriptor.
    const int lowest = dup(0);
    close(lowest);
    const rlimit none = {static_cast<rlim_t>(lowest), old.rlim_max};
    if (setrlimit(RLIMIT_NOFILE, &none) != 0) return kCannot;
    expect_error(Ring::create().status(),
                 {"EMFILE", EMFILE, absl::StatusCode::kResourceExhausted, "raise RLIMIT_NOFILE"});
    if (setrlimit(RLIMIT_NOFILE, &old) != 0) return kCannot;
    EXPECT_EQ(testing::open_descriptors(), before);
    return ::testing::Test::HasFailure() ? 1 : 0;
  });
  if (result == kCannot) GTEST_SKIP() << "the limit cannot be set here";
  EXPECT_EQ(result, 0);
}

}  // namespace
}  // namespace uring
