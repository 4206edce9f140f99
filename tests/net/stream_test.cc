// A socket as a Reader and a Writer: two halves that do not wait for each other.

#include "bufio/stream.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bufio/closing_calls.h"
#include "gtest/gtest.h"
#include "tests/ring_fixture.h"
#include "tests/ring_testing.h"
#include "uring/block_on.h"
#include "uring/buffer_pool.h"
#include "uring/descriptor.h"
#include "uring/owned_fd.h"
#include "uring/ref.h"
#include "uring/socket.h"
#include "uring/spawn.h"
#include "uring/status.h"
#include "uring/task.h"

namespace bufio {
namespace {

using uring::Task;
using uring::testing::open_descriptors;
using uring::testing::turn_until;

class StreamTest : public uring::testing::RingTest {
 protected:
  void SetUp() override {
    before_ = open_descriptors();
    make_ring();
    std::array<int, 2> ends;
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0) << errno;
    peer_ = ends[1];
    socket_.emplace(uring::Ref<uring::RingCore>(&ring().core()),
                    uring::make_ref<uring::Descriptor>(ends[0]));
    open_with({});
  }
  void TearDown() override {
    stream_.reset();
    socket_.reset();
    close(peer_);
    uring::testing::RingTest::TearDown();
    EXPECT_EQ(open_descriptors(), before_);
  }

  Stream& stream() { return *stream_; }
  void open_with(ReaderOptions options) { stream_.emplace(open_stream(*socket_, options)); }
  void drop_socket() { socket_.reset(); }
  void drop_stream() { stream_.reset(); }
  template <class A>
  auto await(A&& awaitable) {
    return uring::block_on(ring(), std::forward<A>(awaitable));
  }

  // The peer does not know of rings.
  void peer_says(std::string_view text) {
    EXPECT_EQ(write(peer_, text.data(), text.size()), static_cast<ssize_t>(text.size())) << errno;
  }
  void peer_says_no_more() { EXPECT_EQ(::shutdown(peer_, SHUT_WR), 0) << errno; }
  // Of at most a page; "" at the end of the stream.
  std::string peer_hears() {
    std::array<char, 4096> bytes;
    ssize_t got = read(peer_, bytes.data(), bytes.size());
    EXPECT_GE(got, 0) << errno;
    return std::string(bytes.data(), static_cast<size_t>(std::max<ssize_t>(got, 0)));
  }
  bool peer_hears_nothing() {
    char byte;
    return recv(peer_, &byte, 1, MSG_DONTWAIT | MSG_PEEK) < 0 && errno == EAGAIN;
  }

 private:
  int before_ = 0;
  int peer_ = -1;
  std::optional<uring::Socket> socket_;
  std::optional<Stream> stream_;
};

Task<void> read_one_line(Reader& reader, std::optional<std::string>& line) {
  absl::StatusOr<Token> token = co_await reader.read_line();
  if (token.ok() && token->has_value()) line = std::string(**token);
}

TEST_F(StreamTest, APendingReadDoesNotBlockAWrite) {
  std::optional<std::string> line;
  uring::spawn(ring(), read_one_line(stream().reader, line));
  ASSERT_TRUE(turn_until(ring(), [this] { return ring().stats().in_flight > 0; }));
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(await(stream().writer.write("question")).ok());
    ASSERT_TRUE(await(stream().writer.flush()).ok());
    ASSERT_EQ(peer_hears(), "question");
  }
  EXPECT_FALSE(line.has_value());
  peer_says("answer\n");
  ring().run();
  EXPECT_EQ(line, "answer");
}

Task<void> write_much(Writer& writer, size_t size, std::optional<absl::Status>& outcome) {
  std::string much(size, 'x');
  absl::Status status = co_await writer.write_owned(std::move(much));
  if (status.ok()) status = co_await writer.flush();
  outcome = std::move(status);
}

TEST_F(StreamTest, AWriteThatWaitsDoesNotBlockAReader) {
  constexpr size_t kMuch = 8 << 20;
  std::optional<absl::Status> written;
  uring::spawn(ring(), write_much(stream().writer, kMuch, written));
  peer_says("one\ntwo\n");
  absl::StatusOr<Token> one = await(stream().reader.read_line());
  ASSERT_TRUE(one.ok()) << one.status();
  EXPECT_EQ(**one, "one");
  absl::StatusOr<Token> two = await(stream().reader.read_line());
  ASSERT_TRUE(two.ok()) << two.status();
  EXPECT_EQ(**two, "two");
  EXPECT_FALSE(written.has_value());  // the peer has not read
  size_t heard = 0;
  auto all_heard = [&] {
    while (!peer_hears_nothing()) heard += peer_hears().size();
    return heard == kMuch;
  };
  ASSERT_TRUE(turn_until(ring(), all_heard)) << heard;
  ring().run();
  EXPECT_TRUE(written.has_value() && written->ok());
}

TEST_F(StreamTest, ShutdownEndsOneDirection) {
  ASSERT_TRUE(await(stream().writer.write("last words")).ok());
  ASSERT_TRUE(await(stream().writer.shutdown()).ok());
  EXPECT_EQ(peer_hears(), "last words");
  EXPECT_EQ(peer_hears(), "");
  absl::Status more = await(stream().writer.write("more"));
  EXPECT_TRUE(absl::IsFailedPrecondition(more)) << more;
  peer_says("reply\n");
  absl::StatusOr<Token> line = await(stream().reader.read_line());
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(**line, "reply");
}

TEST_F(StreamTest, TheEndOfWhatThePeerSaysLeavesTheWriterAlone) {
  peer_says_no_more();
  absl::StatusOr<std::string_view> end = await(stream().reader.fill_buf());
  ASSERT_TRUE(end.ok()) << end.status();
  EXPECT_EQ(*end, "");
  ASSERT_TRUE(await(stream().writer.write("still here")).ok());
  ASSERT_TRUE(await(stream().writer.flush()).ok());
  EXPECT_EQ(peer_hears(), "still here");
}

TEST_F(StreamTest, ReadsFromAPoolIfItIsToldTo) {
  uring::BufferPool pool(ring(), {.buffers = 2, .buffer_size = 4096});
  open_with({.pool = &pool});
  peer_says("pooled\n");
  absl::StatusOr<Token> line = await(stream().reader.read_line());
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(**line, "pooled");
  EXPECT_EQ(pool.stats().handed_out, 1u);
}

TEST_F(StreamTest, EachHalfOutlivesTheOther) {
  drop_socket();
  const int open = open_descriptors();
  std::optional<Writer> writer(std::move(stream().writer));
  std::optional<Reader> reader(std::move(stream().reader));
  drop_stream();
  peer_says("to the reader\n");
  ASSERT_TRUE(await(writer->write("from the writer")).ok());
  ASSERT_TRUE(await(writer->close()).ok());
  writer.reset();
  EXPECT_EQ(peer_hears(), "from the writer");
  EXPECT_EQ(peer_hears(), "");
  absl::StatusOr<Token> line = await(reader->read_line());
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(**line, "to the reader");
  EXPECT_EQ(open_descriptors(), open);
  reader.reset();
  ASSERT_TRUE(turn_until(ring(), [&] { return open_descriptors() < open; }));
}

TEST_F(StreamTest, TheReaderMayGoFirst) {
  drop_socket();
  const int open = open_descriptors();
  std::optional<Writer> writer(std::move(stream().writer));
  stream().reader.set_deadline(std::chrono::steady_clock::now());
  absl::StatusOr<std::string_view> late = await(stream().reader.fill_buf());
  EXPECT_TRUE(absl::IsDeadlineExceeded(late.status())) << late.status();
  EXPECT_GT(ring().stats().in_flight, 0u);  // its read
  drop_stream();
  ASSERT_TRUE(turn_until(ring(), [this] { return ring().orphans().empty(); }));
  ASSERT_TRUE(await(writer->write("alone")).ok());
  ASSERT_TRUE(await(writer->flush()).ok());
  EXPECT_EQ(peer_hears(), "alone");
  EXPECT_EQ(open_descriptors(), open);
  writer.reset();
  EXPECT_LT(open_descriptors(), open);
}

// A number of its own, of the same socket.
TEST_F(StreamTest, TheReadersShareCanBeReleasedWhileTheWriterGoesOn) {
  drop_socket();
  peer_says("line\nrest");
  absl::StatusOr<Token> line = await(stream().reader.read_line());
  ASSERT_TRUE(line.ok()) << line.status();
  absl::StatusOr<Released> released = await(stream().reader.release());
  ASSERT_TRUE(released.ok()) << released.status();
  EXPECT_EQ(released->leftover, "rest");
  const int fd = released->fd.release();
  ASSERT_GE(fd, 0);
  ASSERT_TRUE(await(stream().writer.write("still here")).ok());
  ASSERT_TRUE(await(stream().writer.flush()).ok());
  EXPECT_EQ(peer_hears(), "still here");
  released->fd = uring::OwnedFd();
  drop_stream();
  peer_says("!");
  char byte = 0;
  EXPECT_EQ(read(fd, &byte, 1), 1) << errno;
  EXPECT_EQ(byte, '!');
  EXPECT_EQ(close(fd), 0);
}

TEST_F(StreamTest, TheWritersShareCanBeReleasedWhileTheReaderGoesOn) {
  drop_socket();
  ASSERT_TRUE(await(stream().writer.write("first ")).ok());
  absl::StatusOr<uring::OwnedFd> released = await(stream().writer.release());
  ASSERT_TRUE(released.ok()) << released.status();
  const int fd = released->release();
  ASSERT_GE(fd, 0);
  peer_says("to the reader\n");
  absl::StatusOr<Token> line = await(stream().reader.read_line());
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(**line, "to the reader");
  *released = uring::OwnedFd();
  drop_stream();
  EXPECT_EQ(write(fd, "last", 4), 4) << errno;
  EXPECT_EQ(peer_hears(), "first last");
  EXPECT_EQ(close(fd), 0);
}

// Who has it alone is given the number itself.
TEST_F(StreamTest, TheLastShareIsReleasedAsItIs) {
  drop_socket();
  const int open = open_descriptors();
  { const Writer gone = std::move(stream().writer); }
  absl::StatusOr<Released> released = await(stream().reader.release());
  ASSERT_TRUE(released.ok()) << released.status();
  const int fd = released->fd.get();
  EXPECT_EQ(released->fd.release(), fd);
  EXPECT_EQ(open_descriptors(), open);
  EXPECT_EQ(close(fd), 0);
}

}  // namespace
}  // namespace bufio
