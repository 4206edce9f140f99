#include "uring/descriptor.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "gtest/gtest.h"
#include "tests/coroutine_testing.h"
#include "tests/fault_kernel.h"
#include "tests/ring_testing.h"
#include "uring/block_on.h"
#include "uring/open.h"
#include "uring/owned_fd.h"
#include "uring/ring.h"
#include "uring/status.h"
#include "uring/task.h"
#include "uring/when_any.h"

namespace uring {
namespace {

using testing::FaultKernel;
using testing::open_descriptors;
using testing::Pipe;
using testing::Reading;
using testing::Root;
using testing::TemporaryFile;
using testing::turn_until;

bool is_open(int fd) { return fcntl(fd, F_GETFD) != -1; }

// --- a descriptor by itself ----------------------------------------------------------------------

TEST(Descriptor, IsClosedWithTheLastShare) {
  const int fd = dup(0);
  Ref<Descriptor> first = make_ref<Descriptor>(fd);
  Ref<Descriptor> second = first;
  first.reset();
  EXPECT_TRUE(is_open(fd));
  second.reset();
  EXPECT_FALSE(is_open(fd));
}

TEST(Descriptor, BorrowedIsNeverClosed) {
  const int fd = dup(0);
  Ref<Descriptor> borrowed = make_ref<Descriptor>(fd, Descriptor::Ownership::kBorrowed);
  EXPECT_EQ(borrowed->close(), 0);
  borrowed.reset();
  EXPECT_TRUE(is_open(fd));
  close(fd);
}

TEST(Descriptor, IsClosedOnlyOnce) {
  const int fd = dup(0);
  Ref<Descriptor> descriptor = make_ref<Descriptor>(fd);
  EXPECT_EQ(descriptor->close(), 0);
  ASSERT_EQ(dup2(0, fd), fd);  // the number is somebody else's now
  EXPECT_EQ(descriptor->close(), 0);
  descriptor.reset();
  EXPECT_TRUE(is_open(fd));
  close(fd);
}

TEST(Descriptor, GivenAwayIsNotClosed) {
  const int fd = dup(0);
  Ref<Descriptor> descriptor = make_ref<Descriptor>(fd);
  EXPECT_EQ(descriptor->release(), fd);
  EXPECT_EQ(descriptor->fd(), -1);
  descriptor.reset();
  EXPECT_TRUE(is_open(fd));
  close(fd);
}

TEST(Descriptor, GivenAwayWhileOthersShareItIsADuplicate) {
  const int fd = dup(0);
  Ref<Descriptor> mine = make_ref<Descriptor>(fd);
  Ref<Descriptor> theirs = mine;
  const int given = mine->release();
  EXPECT_NE(given, fd);
  EXPECT_TRUE(is_open(given));
  EXPECT_NE(fcntl(given, F_GETFD) & FD_CLOEXEC, 0);
  mine.reset();
  EXPECT_EQ(theirs->fd(), fd);
  theirs.reset();
  EXPECT_FALSE(is_open(fd));
  EXPECT_TRUE(is_open(given));
  close(given);
}

TEST(Descriptor, SaysHowClosingWent) { EXPECT_EQ(make_ref<Descriptor>(9999)->close(), EBADF); }

TEST(Descriptor, HasAName) {
  const auto borrowed = Descriptor::Ownership::kBorrowed;
  EXPECT_EQ(make_ref<Descriptor>(7, borrowed)->name(), "fd 7");
  EXPECT_EQ(make_ref<Descriptor>(7, borrowed, "log.txt")->name(), "log.txt");
}

TEST(OwnedFd, ClosesUnlessGivenAway) {
  const int fd = dup(0);
  {
    const OwnedFd owned(make_ref<Descriptor>(fd));
  }
  EXPECT_FALSE(is_open(fd));
  const int other = dup(0);
  {
    OwnedFd owned(make_ref<Descriptor>(other));
    OwnedFd moved = std::move(owned);
    EXPECT_EQ(moved.get(), other);
    EXPECT_EQ(moved.release(), other);
  }
  EXPECT_TRUE(is_open(other));
  close(other);
  OwnedFd none;
  EXPECT_FALSE(static_cast<bool>(none));
  EXPECT_EQ(none.get(), -1);
  EXPECT_EQ(none.release(), -1);
}

// --- with requests in flight ---------------------------------------------------------------------

class DescriptorInFlight : public ::testing::Test {
 protected:
  void SetUp() override {
    RingOptions options = testing::modest_options();
    options.kernel = &kernel_;
    options.on_leak = [](std::string_view) {};  // that of a Ring that failed
    absl::StatusOr<Ring> made = Ring::create(std::move(options));
    ASSERT_TRUE(made.ok()) << made.status();
    ring_.emplace(*std::move(made));
  }
  Ring& ring() { return *ring_; }
  FaultKernel& kernel() { return kernel_; }
  bool drained() {
    return turn_until(ring(), [&] { return ring().stats().in_flight == 0; }, 20);
  }
  void destroy_ring() { ring_.reset(); }

 private:
  FaultKernel kernel_;
  std::optional<Ring> ring_;
};

TEST_F(DescriptorInFlight, IsClosedOnlyAfterTheLastRequestThatNamesIt) {
  Pipe silent;
  const int fd = silent.reader();
  Ref<Descriptor> descriptor = silent.take_reader();
  Reading first(ring(), descriptor, ReadKind::kStream);
  Reading second(ring(), descriptor, ReadKind::kStream);
  descriptor.reset();
  first.start();
  second.start();
  ring().core().submit();
  first.let_go();
  EXPECT_TRUE(is_open(fd));
  ASSERT_TRUE(turn_until(ring(), [&] { return ring().stats().in_flight == 1; }, 20));
  EXPECT_TRUE(is_open(fd));
  second.let_go();
  EXPECT_TRUE(is_open(fd));  // the kernel does not know of it yet
  ASSERT_TRUE(drained());
  EXPECT_FALSE(is_open(fd));
}

// Before it was submitted a request is only a number; another file must not have it by then.
TEST_F(DescriptorInFlight, NumberOfAnOrphanIsNotGivenToAnotherFile) {
  for (const bool submitted : {false, true}) {
    SCOPED_TRACE(submitted);
    std::optional<Pipe> abandoned(std::in_place);
    const int number = abandoned->reader();
    {
      Reading reading(ring(), abandoned->take_reader(), ReadKind::kStream);
      reading.start();
      if (submitted) ring().core().submit();
    }
    ASSERT_EQ(ring().stats().orphans, 1u);
    // Whoever opens now gets another number, and loses none of its bytes to the orphan.
    Pipe fresh;
    EXPECT_NE(fresh.reader(), number);
    EXPECT_NE(fresh.writer(), number);
    ASSERT_TRUE(fresh.write("mine"));
    ASSERT_TRUE(drained());
    EXPECT_FALSE(is_open(number));
    // Now the number is free, and nothing is left that could reach it.
    ASSERT_EQ(dup2(fresh.reader(), number), number);
    Reading reading(ring(), make_ref<Descriptor>(number), ReadKind::kStream);
    reading.start();
    ASSERT_TRUE(turn_until(ring(), [&] { return reading.done(); }, 20));
    EXPECT_EQ(reading.text(), "mine");
  }
  EXPECT_EQ(ring().stats().stale_completions, 0u);
}

TEST_F(DescriptorInFlight, ClosingItElsewhereDoesNotDisturbTheRead) {
  Pipe pipe;
  const int fd = pipe.reader();
  Reading reading(ring(), pipe.take_reader(), ReadKind::kStream);
  reading.start();
  ring().core().submit();
  close(fd);  // misuse, but the kernel holds the file
  ASSERT_TRUE(pipe.write("still read"));
  ASSERT_TRUE(turn_until(ring(), [&] { return reading.done(); }, 20));
  EXPECT_EQ(reading.text(), "still read");
  ASSERT_EQ(dup2(0, fd), fd);  // so that what the Descriptor closes is not a stranger's
}

// --- open_file -----------------------------------------------------------------------------------

using OpenFile = DescriptorInFlight;

TEST_F(OpenFile, GivesADescriptorThatIsClosedInTheEnd) {
  const TemporaryFile file("contents");
  const int before = open_descriptors();
  {
    const auto opened = block_on(ring(), open_file(ring(), file.path()));
    ASSERT_TRUE(opened.ok()) << opened.status();
    EXPECT_EQ((*opened)->name(), file.path());
    EXPECT_NE(fcntl((*opened)->fd(), F_GETFD) & FD_CLOEXEC, 0);
    Reading reading(ring(), *opened, ReadKind::kPositional);
    reading.start();
    ASSERT_TRUE(turn_until(ring(), [&] { return reading.done(); }));
    EXPECT_EQ(reading.text(), "contents");
  }
  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(OpenFile, GivesTheErrorWithPathAndErrno) {
  const auto none = block_on(ring(), open_file(ring(), "/no/such/file"));
  EXPECT_EQ(none.status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(errno_of(none.status()), ENOENT);
  EXPECT_EQ(none.status().message(), "open /no/such/file: No such file or directory");
  const auto folder = block_on(ring(), open_file(ring(), "/tmp", O_WRONLY));
  EXPECT_EQ(errno_of(folder.status()), EISDIR);
}

TEST_F(OpenFile, CreatesWithTheModeThatItIsTold) {
  const TemporaryFile file("");
  const std::string path = file.path() + ".new";
  const auto opened = block_on(ring(), open_file(ring(), path, O_WRONLY | O_CREAT | O_EXCL, 0600));
  EXPECT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(access(path.c_str(), R_OK), 0);
  const auto again = block_on(ring(), open_file(ring(), path, O_WRONLY | O_CREAT | O_EXCL, 0600));
  EXPECT_EQ(errno_of(again.status()), EEXIST);
  unlink(path.c_str());
}

TEST_F(OpenFile, InterruptedIsTriedAgain) {
  const TemporaryFile file("contents");
  const int before = open_descriptors();
  int left = 2;
  kernel().alter_completion = [&left](io_uring_cqe& completion) {
    if (left-- <= 0 || completion.res < 0) return;
    close(completion.res);
    completion.res = -EINTR;
  };
  {
    const auto opened = block_on(ring(), open_file(ring(), file.path()));
    EXPECT_TRUE(opened.ok()) << opened.status();
  }
  EXPECT_EQ(open_descriptors(), before);
}

Task<bool> open_it(Ring& ring, std::string path) {
  const auto opened = co_await open_file(ring, path);
  co_return opened.ok();
}

TEST_F(OpenFile, CancelledClosesWhatItOpenedAfterAll) {
  const TemporaryFile file("contents");
  const int before = open_descriptors();
  enum Step { kQueued, kSubmitted, kReady };
  for (const Step step : {kQueued, kSubmitted, kReady}) {
    SCOPED_TRACE(step);
    Root root;
    Task<bool> task = open_it(ring(), file.path());
    root.start(task);
    if (step >= kSubmitted) ring().core().submit();
    task.reset();
    ASSERT_TRUE(drained());
    EXPECT_EQ(open_descriptors(), before);
  }
}

TEST_F(OpenFile, CancelledAfterItsCompletionClosesToo) {
  const TemporaryFile file("contents");
  const int before = open_descriptors();
  // Both complete in one turn; the first to be resumed destroys the other.
  for (int i = 0; i < 10; ++i) {
    const auto first =
        block_on(ring(), when_any(open_it(ring(), file.path()), open_it(ring(), file.path())));
    static_cast<void>(first);
    ASSERT_TRUE(drained());
    EXPECT_EQ(open_descriptors(), before);
  }
}

TEST_F(OpenFile, OnARingThatFailedGivesItsStatus) {
  const TemporaryFile file("contents");
  kernel().fail_enters(EPERM);
  const auto stranded = block_on(ring(), open_file(ring(), file.path()));
  EXPECT_EQ(errno_of(stranded.status()), EPERM);
  const auto refused = block_on(ring(), open_file(ring(), file.path()));
  EXPECT_EQ(errno_of(refused.status()), EPERM);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kPermissionDenied);
}

TEST_F(OpenFile, OnADestroyedRingFails) {
  std::optional<OpenAwaiter> opening(open_file(ring(), "/tmp"));
  destroy_ring();
  EXPECT_FALSE(opening->await_suspend(nullptr));
  const auto opened = opening->await_resume();
  EXPECT_EQ(opened.status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace uring
