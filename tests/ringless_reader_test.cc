// What a Reader does when its Ring was destroyed while reads were on their way.

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bufio/descriptor.h"
#include "bufio/reader.h"
#include "gtest/gtest.h"
#include "uring/ring.h"
#include "uring/status.h"
#include "uring/task.h"
#include "uring/testing/choices.h"
#include "uring/testing/sim_kernel.h"

namespace bufio {
namespace {

using uring::testing::SeededChoices;
using uring::testing::SimKernel;
using uring::testing::SimKnobs;

class Nobody final : public uring::TaskObserver {
  std::coroutine_handle<> task_ended() noexcept override { return std::noop_coroutine(); }
};

uring::Task<absl::StatusOr<std::string>> fill(Reader& reader, size_t more) {
  absl::StatusOr<std::string_view> view = co_await reader.fill_more(more);
  if (!view.ok()) co_return view.status();
  co_return std::string(*view);
}

uring::Task<absl::Status> release(Reader& reader) {
  absl::StatusOr<Released> released = co_await reader.release();
  co_return released.status();
}

class RinglessReader : public ::testing::Test {
 protected:
  void make_ring() {
    uring::RingOptions options;
    options.entries = 8;
    options.completion_entries = 32;
    options.kernel = &kernel_;
    options.on_leak = [this](std::string_view report) { leaks_ += report; };
    absl::StatusOr<uring::Ring> made = uring::Ring::create(options);
    ASSERT_TRUE(made.ok()) << made.status();
    ring_.emplace(*std::move(made));
  }
  // Sends what a call needs, and lets go of the call.
  void send_reads(Reader& reader) {
    uring::Task<absl::StatusOr<std::string>> call = fill(reader, 1);
    ASSERT_FALSE(call.start(nobody_));
    ring_->core().submit();
  }
  absl::StatusOr<std::string> fill_now(Reader& reader) {
    uring::Task<absl::StatusOr<std::string>> call = fill(reader, 1);
    return call.start(nobody_) ? call.result() : absl::UnknownError("it waits");
  }

  Nobody nobody_;
  SeededChoices choices_{1};
  SimKernel kernel_{choices_};
  std::optional<uring::Ring> ring_;
  std::string leaks_;
};

// The bytes behind the gap are there, those in the gap can never be read.
TEST_F(RinglessReader, ShortReadInFrontOfOthersIsHandedOutBeforeTheError) {
  kernel_.knobs().inline_one_in = 0;
  kernel_.knobs().steps_per_enter = 1;
  kernel_.knobs().short_one_in = 1;
  make_ring();
  const std::string text(400, 'x');
  const int fd = memfd_create("text", MFD_CLOEXEC);
  ASSERT_EQ(ftruncate(fd, static_cast<off_t>(text.size())), 0);
  kernel_.attach_file(fd, text);
  Reader reader = adopt_fd(*ring_, fd, {.read_size = 100, .offload = true});
  send_reads(reader);
  while (kernel_.counts().completed == 0) ASSERT_TRUE(kernel_.step());
  ring_.reset();

  absl::StatusOr<std::string> first = fill_now(reader);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_LT(first->size(), 100u);
  EXPECT_EQ(*first, text.substr(0, first->size()));
  EXPECT_TRUE(absl::IsFailedPrecondition(fill_now(reader).status()));
  EXPECT_EQ(reader.available(), first->size());
}

// A read that a worker thread was interrupted in says EINTR, not ECANCELED.
TEST_F(RinglessReader, InterruptedReadIsToldAsTheRingsEnd) {
  kernel_.knobs().cancel_eintr_one_in = 1;
  make_ring();
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  kernel_.attach_stream(ends[0]);
  Reader reader = adopt_fd(*ring_, ends[0], {.pipe_size = 0});
  send_reads(reader);
  ring_.reset();

  const absl::Status status = fill_now(reader).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_EQ(uring::errno_of(status), 0) << status;
  close(ends[1]);
}

// What went wrong first is what every call tells, however much goes wrong after it.
TEST_F(RinglessReader, ErrorOfTheSourceStaysWhenTheRingGoes) {
  kernel_.knobs().inline_one_in = 0;
  kernel_.knobs().steps_per_enter = 1;
  kernel_.knobs().error_one_in = 1;
  kernel_.knobs().errors = {EIO};
  make_ring();
  const int fd = memfd_create("text", MFD_CLOEXEC);
  ASSERT_EQ(ftruncate(fd, 400), 0);
  kernel_.attach_file(fd, std::string(400, 'x'));
  Reader reader = adopt_fd(*ring_, fd, {.read_size = 100, .offload = true});
  send_reads(reader);
  while (kernel_.counts().completed == 0) ASSERT_TRUE(kernel_.step());
  kernel_.hold(true);
  uring::Task<absl::StatusOr<std::string>> call = fill(reader, 1);
  ASSERT_FALSE(call.start(nobody_));
  ring_->core().turn();
  ASSERT_TRUE(call.ended());
  ASSERT_EQ(uring::errno_of(call.result().status()), EIO);
  ring_.reset();
  ASSERT_NE(leaks_, "");

  uring::Task<absl::Status> released = release(reader);
  ASSERT_TRUE(released.start(nobody_));
  EXPECT_EQ(uring::errno_of(released.result()), EIO);
  EXPECT_EQ(uring::errno_of(reader.status()), EIO) << reader.status();
  kernel_.hold(false);
  kernel_.finish_torn_down();
}

}  // namespace
}  // namespace bufio
