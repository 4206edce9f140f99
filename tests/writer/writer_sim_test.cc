// Writers on a simulated kernel: what a real one seldom does, or does not show.

#include <gtest/gtest.h>

#include <cerrno>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bufio/writer.h"
#include "bufio/writer_descriptor.h"
#include "tests/reader_testing.h"
#include "tests/sim/descriptors.h"
#include "uring/ring.h"
#include "uring/status.h"
#include "uring/testing/sim_kernel.h"
#include "uring/testing/sim_memory.h"

namespace bufio {
namespace {

using testing::code;
using testing::Started;
using uring::testing::SeededChoices;
using uring::testing::SimFile;
using uring::testing::SimKernel;
using uring::testing::SimMemory;
using uring::testing::SimStream;

class WriterSimTest : public ::testing::Test {
 protected:
  WriterSimTest() {
    kernel_.watch(memory_);
    uring::RingOptions options;
    options.kernel = &kernel_;
    options.entries = 8;
    options.completion_entries = 16;
    options.buffer_memory = &memory_;
    options.buffer_cache_bytes = 0;
    options.on_leak = [this](std::string_view report) { leaks_ += report; };
    absl::StatusOr<uring::Ring> ring = uring::Ring::create(std::move(options));
    if (!ring.ok()) std::abort();
    ring_.emplace(*std::move(ring));
  }

  uring::Ring& ring() { return *ring_; }
  void destroy_ring() { ring_.reset(); }
  SimKernel& kernel() { return kernel_; }
  const std::string& leaks() const { return leaks_; }
  std::string violations() const {
    return kernel_.violations().empty() ? "" : kernel_.violations().front();
  }

  void let_the_kernel_finish() {
    while (kernel().in_flight() > 0) ASSERT_TRUE(kernel().step());
  }
  // Of a call that need not wait.
  template <class A>
  absl::Status status_at_once(A&& awaitable) {
    Started call(std::forward<A>(awaitable));
    if (!call.ended()) return absl::UnknownError("it waits");
    return call.result();
  }

 private:
  SeededChoices choices_{1};
  SimMemory memory_;
  SimKernel kernel_{choices_};
  std::string leaks_;
  std::optional<uring::Ring> ring_;
};

// --- a Ring that goes, or cannot go on -----------------------------------------------------------

class WriterRingEndTest : public WriterSimTest {
 protected:
  WriterRingEndTest() {
    file_ = kernel().attach_file(fd_.get(), "");
    writer_.emplace(borrow_fd_for_writing(ring(), fd_.get()));
  }

  Writer& writer() { return *writer_; }
  const std::string& written() const { return file_->bytes(); }
  void begin_and_give_up_a_sync() {
    Started sync(writer().sync());
    EXPECT_FALSE(sync.ended());
    ring().core().submit();
  }

 private:
  uring::OwnedFd fd_ = uring::testing::empty_file();
  std::shared_ptr<SimFile> file_;
  std::optional<Writer> writer_;
};

// Nothing is left to be written, so it is only the fsync that close() could wait for.
TEST_F(WriterRingEndTest, CloseDoesNotWaitForAnFsyncThatWasLeaked) {
  kernel().hold(true);
  begin_and_give_up_a_sync();
  destroy_ring();
  EXPECT_NE(leaks().find("fsync"), std::string::npos) << leaks();
  EXPECT_EQ(writer().status(), absl::OkStatus());
  EXPECT_EQ(code(status_at_once(writer().close())), absl::StatusCode::kFailedPrecondition);
}

TEST_F(WriterRingEndTest, ReleaseDoesNotWaitForAnFsyncThatWasLeaked) {
  kernel().hold(true);
  begin_and_give_up_a_sync();
  destroy_ring();
  Started release(writer().release());
  ASSERT_TRUE(release.ended());
  EXPECT_EQ(code(release.result().status()), absl::StatusCode::kFailedPrecondition);
}

TEST_F(WriterRingEndTest, CloseDoesNotWaitForAnFsyncOfARingThatCannotGoOn) {
  kernel().hold(true);
  begin_and_give_up_a_sync();
  kernel().fail_enters(EBADF, 1);
  Started sync(writer().sync());  // waits for the first one to end
  ring().core().turn();
  ASSERT_TRUE(sync.ended());
  EXPECT_EQ(uring::errno_of(sync.result()), EBADF) << sync.result();
  EXPECT_EQ(uring::errno_of(status_at_once(writer().close())), EBADF);
  destroy_ring();
}

// The fsync's end, found while the Ring goes, lets the Writer see that it does; only then does it
// come to the write.
TEST_F(WriterRingEndTest, AWriteThatEndsAfterItsWriterHasFailedTakesNothing) {
  begin_and_give_up_a_sync();
  let_the_kernel_finish();
  EXPECT_EQ(status_at_once(writer().write("hello")), absl::OkStatus());
  Started flush(writer().flush());
  ring().core().submit();
  let_the_kernel_finish();
  destroy_ring();
  EXPECT_EQ(written(), "hello");
  EXPECT_EQ(leaks(), "");
  EXPECT_EQ(code(writer().status()), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(writer().written(), 0U);
  EXPECT_EQ(writer().unwritten(), 5U);
  flush.destroy();
  EXPECT_EQ(code(status_at_once(writer().close())), absl::StatusCode::kFailedPrecondition);
}

// --- sockets -------------------------------------------------------------------------------------

class WriterToSocketSimTest : public WriterSimTest {
 protected:
  WriterToSocketSimTest() {
    stream_ = kernel().attach_stream(ends_.first.get());
    stream_->set_room(0);
  }

  Writer make_writer() {
    WriterOptions options;
    options.copy_below = 0;
    options.on_drop = [](const DroppedBytes&) {};
    return borrow_fd_for_writing(ring(), ends_.first.get(), options);
  }
  SimStream& stream() { return *stream_; }

 private:
  std::pair<uring::OwnedFd, uring::OwnedFd> ends_ = uring::testing::make_sockets();
  std::shared_ptr<SimStream> stream_;
};

TEST_F(WriterToSocketSimTest, AWriteInFlightKeepsItsBytesThoughTheWriterGoes) {
  for (bool several : {false, true}) {
    std::optional<Writer> writer(make_writer());
    EXPECT_EQ(status_at_once(writer->write("hello")), absl::OkStatus());
    if (several) {
      EXPECT_EQ(status_at_once(writer->write_owned(std::string(40, '!'))), absl::OkStatus());
    }
    ring().core().submit();
    ASSERT_EQ(kernel().in_flight(), 1U);
    writer.reset();
    ring().core().submit();
    let_the_kernel_finish();
    EXPECT_EQ(violations(), "");
  }
}

// (A real ring adds the flag itself.)
TEST_F(WriterToSocketSimTest, NoSendRaisesASignal) {
  for (bool several : {false, true}) {
    Writer writer = make_writer();
    stream().hang_up();
    EXPECT_EQ(status_at_once(writer.write("hello")), absl::OkStatus());
    if (several) {
      EXPECT_EQ(status_at_once(writer.write_owned(std::string(40, '!'))), absl::OkStatus());
    }
    Started flush(writer.flush());
    while (!flush.ended()) ring().core().turn();
    EXPECT_EQ(uring::errno_of(flush.result()), EPIPE) << flush.result();
    EXPECT_EQ(violations(), "");
  }
}

}  // namespace
}  // namespace bufio
