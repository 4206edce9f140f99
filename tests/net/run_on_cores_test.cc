#include "uring/run_on_cores.h"

#include <sched.h>

#include <cerrno>
#include <mutex>
#include <set>
#include <stop_token>
#include <thread>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "uring/linux_kernel.h"
#include "uring/sleep.h"

namespace uring {
namespace {

RingOptions small() {
  RingOptions options;
  options.completion_entries = 512;
  return options;
}

struct Seen {
  std::mutex mutex;
  std::set<int> cores;
  std::set<std::thread::id> threads;
};

Task<absl::Status> note(Seen& seen, Ring& ring, int core) {
  co_await yield(ring);
  const std::lock_guard lock(seen.mutex);
  seen.cores.insert(core);
  seen.threads.insert(std::this_thread::get_id());
  co_return absl::OkStatus();
}

TEST(RunOnCores, RunsEachOnAThreadOfItsOwn) {
  Seen seen;
  absl::Status status = run_on_cores(
      3, [&seen](Ring& ring, int core) { return note(seen, ring, core); }, small());
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(seen.cores, (std::set<int>{0, 1, 2}));
  EXPECT_EQ(seen.threads.size(), 3u);
  EXPECT_TRUE(seen.threads.contains(std::this_thread::get_id()));
}

TEST(RunOnCores, TakesAllCoresUnlessToldOtherwise) {
  Seen seen;
  ASSERT_TRUE(run_on_cores(
                  0, [&seen](Ring& ring, int core) { return note(seen, ring, core); }, small())
                  .ok());
  EXPECT_EQ(seen.cores.size(), static_cast<size_t>(usable_cores()));
}

TEST(RunOnCores, LeavesTheCallersProcessorsAsTheyWere) {
  cpu_set_t before;
  cpu_set_t after;
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  Seen seen;
  ASSERT_TRUE(run_on_cores(
                  2, [&seen](Ring& ring, int core) { return note(seen, ring, core); }, small())
                  .ok());
  ASSERT_EQ(sched_getaffinity(0, sizeof after, &after), 0);
  EXPECT_TRUE(CPU_EQUAL(&before, &after));
}

Task<absl::Status> fail_or_wait(Ring& ring, int core, std::stop_token stop) {
  if (core == 1) co_return absl::DataLossError("core 1 fails");
  while (!stop.stop_requested()) co_await yield(ring);
  co_return absl::OkStatus();
}

TEST(RunOnCores, AFailureStopsTheOthersAndIsTold) {
  std::stop_source stop;
  absl::Status status = run_on_cores(
      3, [&stop](Ring& ring, int core) { return fail_or_wait(ring, core, stop.get_token()); },
      small(), stop);
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
}

// Forbids all rings.
class ForbiddingKernel final : public LinuxKernel {
  int set_up(unsigned, io_uring_params&, io_uring&) override { return -EPERM; }
};

TEST(RunOnCores, ARingThatCannotBeMadeIsAnError) {
  ForbiddingKernel kernel;
  RingOptions options = small();
  options.kernel = &kernel;
  Seen seen;
  absl::Status status = run_on_cores(
      2, [&seen](Ring& ring, int core) { return note(seen, ring, core); }, options);
  EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
  EXPECT_TRUE(seen.cores.empty());
}

}  // namespace
}  // namespace uring
