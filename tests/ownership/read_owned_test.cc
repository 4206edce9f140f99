#include "uring/read_owned.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "tests/ownership/owned_testing.h"
#include "uring/block_on.h"
#include "uring/sized_array.h"
#include "uring/slice.h"
#include "uring/status.h"

namespace uring {
namespace {

using testing::pattern;
using testing::Pipe;
using testing::SocketPair;
using testing::TemporaryFile;
using testing::Waiting;

using ReadOwnedTest = testing::OwnedTest;

// --- one read ------------------------------------------------------------------------------------

Task<std::string> head_and_tail(Ring& ring, std::string path) {
  absl::StatusOr<File> file = co_await File::open(ring, path);
  if (!file.ok()) co_return file.status().ToString();
  auto [result, buffer] = co_await read_owned(*file, SizedArray(4), 0);
  if (!result.ok()) co_return result.status().ToString();
  std::string text(buffer.view().substr(0, *result));
  auto [rest, tail] = co_await read_owned(*file, std::move(buffer), 12);
  if (!rest.ok()) co_return rest.status().ToString();
  text += "..";
  text += tail.view().substr(0, *rest);
  co_return text;
}

TEST_F(ReadOwnedTest, IsAwaitedWithTheBufferMovedThereAndBack) {
  const TemporaryFile file("0123456789abcd");
  EXPECT_EQ(block_on(ring(), head_and_tail(ring(), file.path())), "0123..cd");
}

template <class B>
class ReadOwnedInto : public ReadOwnedTest {
 protected:
  using Traits = OwnedBufferTraits<B>;
  static B made_of(std::string_view bytes, size_t capacity) {
    B buffer;
    if constexpr (std::is_same_v<B, SizedArray>) {
      buffer = SizedArray(capacity);
    } else {
      buffer.reserve(capacity);
    }
    Traits::set_size(buffer, bytes.size());
    bytes.copy(Traits::data(buffer), bytes.size());
    return buffer;
  }
  static std::string_view view(B& buffer) { return {Traits::data(buffer), Traits::size(buffer)}; }
};
using Buffers = ::testing::Types<std::string, std::vector<char>, std::vector<unsigned char>,
                                 std::vector<std::byte>, SizedArray>;
TYPED_TEST_SUITE(ReadOwnedInto, Buffers);

TYPED_TEST(ReadOwnedInto, ExtendsWhatCountsToWhatWasRead) {
  const TemporaryFile file("0123456789");
  TypeParam buffer = this->made_of("abc", 100);
  char* const data = OwnedBufferTraits<TypeParam>::data(buffer);
  auto [result, read] =
      block_on(this->ring(), read_owned(this->borrow(file.fd()), std::move(buffer), 2));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(*result, 8u);
  EXPECT_EQ(this->view(read), "23456789");
  EXPECT_EQ(OwnedBufferTraits<TypeParam>::data(read), data) << "the same memory";
}

TYPED_TEST(ReadOwnedInto, ShortReadsLeaveTheSizeAndWhatTheyDidNotReach) {
  const TemporaryFile file("0123");
  TypeParam buffer = this->made_of("abcdefgh", 100);
  auto [result, read] =
      block_on(this->ring(), read_owned(this->borrow(file.fd()), std::move(buffer), 0));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(*result, 4u);
  EXPECT_EQ(this->view(read), "0123efgh");
}

TYPED_TEST(ReadOwnedInto, FailuresLeaveTheBufferAsItWas) {
  auto [result, buffer] = block_on(
      this->ring(), read_owned(this->borrow(9999, "nothing"), this->made_of("abcd", 100), 0));
  EXPECT_EQ(errno_of(result.status()), EBADF);
  EXPECT_NE(result.status().message().find("read nothing"), std::string::npos);
  EXPECT_EQ(this->view(buffer), "abcd");
}

TYPED_TEST(ReadOwnedInto, TheEndOfTheFileIsZero) {
  const TemporaryFile file("0123");
  auto [result, buffer] =
      block_on(this->ring(), read_owned(this->borrow(file.fd()), this->made_of("abcd", 100), 4));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(*result, 0u);
  EXPECT_EQ(this->view(buffer), "abcd");
}

TYPED_TEST(ReadOwnedInto, ASliceTouchesNothingElse) {
  const TemporaryFile file("0123456789");
  auto [result, part] = block_on(
      this->ring(),
      read_owned(this->borrow(file.fd()), slice(this->made_of("abcdefghij", 100), 3, 7), 0));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(*result, 4u);
  TypeParam whole = std::move(part).whole();
  EXPECT_EQ(this->view(whole), "abc0123hij");
}

TYPED_TEST(ReadOwnedInto, ASliceMayExtendItsBuffer) {
  const TemporaryFile file("0123");
  auto [result, part] =
      block_on(this->ring(),
               read_owned(this->borrow(file.fd()), slice(this->made_of("abc", 100), 2, 50), 0));
  ASSERT_TRUE(result.ok()) << result.status();
  TypeParam whole = std::move(part).whole();
  EXPECT_EQ(this->view(whole), "ab0123");
}

// Moving a short string moves its bytes: the kernel must have been told their last address.
TEST_F(ReadOwnedTest, ShortStringsAreReadWhereTheyEndUp) {
  Pipe pipe;
  Waiting call(read_owned(borrow(pipe.reader()), std::string(5, '.')));
  ring().core().submit();
  ASSERT_TRUE(pipe.write("short"));
  ASSERT_TRUE(call.finish(ring()));
  EXPECT_EQ(call->buffer, "short");
}

TEST_F(ReadOwnedTest, TheCurrentPositionMovesAndOffsetsDoNotMoveIt) {
  const TemporaryFile temporary("0123456789");
  ASSERT_EQ(lseek(temporary.fd(), 2, SEEK_SET), 2);
  const File file = borrow(temporary.fd());
  auto first = block_on(ring(), read_owned(file, SizedArray(3)));
  EXPECT_EQ(first.buffer.view(), "234");
  auto elsewhere = block_on(ring(), read_owned(file, SizedArray(3), 7));
  EXPECT_EQ(elsewhere.buffer.view(), "789");
  auto second = block_on(ring(), read_owned(file, SizedArray(3), kCurrentPosition));
  EXPECT_EQ(second.buffer.view(), "567");
}

TEST_F(ReadOwnedTest, APipeTakesAnyOffsetForItsPosition) {
  const Pipe pipe;
  ASSERT_TRUE(pipe.write("abcdef"));
  auto first = block_on(ring(), read_owned(borrow(pipe.reader()), SizedArray(3), 0));
  EXPECT_EQ(first.buffer.view(), "abc");
  auto second = block_on(ring(), read_owned(borrow(pipe.reader()), SizedArray(3), 1000));
  EXPECT_EQ(second.buffer.view(), "def");
}

TEST_F(ReadOwnedTest, ReadsSocketsAndTheirEnd) {
  for (const int flags : {0, static_cast<int>(SOCK_NONBLOCK)}) {
    SocketPair sockets(flags);
    const File file(ring(), sockets.take(0));
    Waiting first(read_owned(file, std::string(100, '\0')));
    ring().core().submit();
    ASSERT_EQ(send(sockets.end(1), "hello", 5, 0), 5);
    ASSERT_TRUE(first.finish(ring()));
    ASSERT_TRUE(first->result.ok()) << first->result.status();
    EXPECT_EQ(first->buffer.substr(0, *first->result), "hello");
    sockets.close_end(1);
    auto [end, buffer] = block_on(ring(), read_owned(file, std::move(first->buffer)));
    ASSERT_TRUE(end.ok()) << end.status();
    EXPECT_EQ(*end, 0u);
  }
}

TEST_F(ReadOwnedTest, ABufferWithoutMemoryIsRefusedForItWouldLookLikeTheEnd) {
  const TemporaryFile file("0123");
  auto [result, buffer] = block_on(ring(), read_owned(borrow(file.fd()), std::vector<char>(), 0));
  EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument);
  auto [vectored, buffers] =
      block_on(ring(), readv_owned(borrow(file.fd()), std::vector<std::vector<char>>(3), 0));
  EXPECT_EQ(vectored.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(buffers.size(), 3u);
  EXPECT_EQ(sent(), 0u);
}

// --- what is absorbed ----------------------------------------------------------------------------

TEST_F(ReadOwnedTest, InterruptionsAreAbsorbed) {
  const TemporaryFile file("contents");
  answer({-EINTR, -EINTR});
  auto [result, buffer] = block_on(ring(), read_owned(borrow(file.fd()), SizedArray(100), 0));
  EXPECT_EQ(buffer.view(), "contents");
  EXPECT_EQ(sent(), 3u);
}

TEST_F(ReadOwnedTest, NotReadyIsAbsorbedByAPoll) {
  const TemporaryFile file("contents");
  answer({-EAGAIN, 1, -EAGAIN, -EINTR, 1, 1});  // read, poll, read, poll, poll, read
  kernel().recording = true;
  auto [result, buffer] = block_on(ring(), read_owned(borrow(file.fd()), SizedArray(100), 0));
  EXPECT_EQ(buffer.view(), "contents");
  std::vector<int> opcodes;
  for (const io_uring_sqe& entry : kernel().taken()) opcodes.push_back(entry.opcode);
  EXPECT_EQ(opcodes, (std::vector<int>{IORING_OP_READ, IORING_OP_POLL_ADD, IORING_OP_READ,
                                       IORING_OP_POLL_ADD, IORING_OP_POLL_ADD, IORING_OP_READ}));
}

TEST_F(ReadOwnedTest, NonBlockingPipesAreWaitedFor) {
  Pipe pipe(O_NONBLOCK);
  Waiting call(read_owned(borrow(pipe.reader()), SizedArray(100)));
  ring().core().submit();
  ASSERT_TRUE(pipe.write("late"));
  ASSERT_TRUE(call.finish(ring()));
  EXPECT_EQ(call->buffer.view(), "late");
}

TEST_F(ReadOwnedTest, NotReadyForEverIsBelievedInTheEnd) {
  const TemporaryFile file("contents");
  kernel().alter_completion = [](io_uring_cqe& completion) {
    if (completion.res == 8) completion.res = -EAGAIN;  // reads, not polls
  };
  Waiting call(read_owned(borrow(file.fd()), SizedArray(100), 0));
  ASSERT_TRUE(testing::turn_until(
      ring(), [&] { return call.over(); }, 10000));
  EXPECT_EQ(errno_of(call->result.status()), EAGAIN);
}

TEST_F(ReadOwnedTest, FailingSystemCallsLoseNothing) {
  const TemporaryFile file("contents");
  kernel().fail_enters(EAGAIN, 20);
  Waiting call(read_owned(borrow(file.fd()), SizedArray(100), 0));
  ASSERT_TRUE(call.finish(ring()));
  EXPECT_EQ(call->buffer.view(), "contents");
}

TEST_F(ReadOwnedTest, CompletionsOfNobodyChangeNothing) {
  Pipe pipe;
  kernel().recording = true;
  Waiting call(read_owned(borrow(pipe.reader()), SizedArray(100)));
  ring().core().submit();
  const uint64_t mine = kernel().taken().at(0).user_data;
  kernel().forge_completion(mine + (uint64_t{1} << 32), 7);  // of the next generation
  kernel().forge_completion(mine + 2, 7);                    // of another slot
  ring().core().turn();
  EXPECT_FALSE(call.over());
  ASSERT_TRUE(pipe.write("real"));
  ASSERT_TRUE(call.finish(ring()));
  EXPECT_EQ(call->buffer.view(), "real");
  EXPECT_EQ(ring().stats().stale_completions, 2u);
}

// --- exactly n bytes -----------------------------------------------------------------------------

TEST_F(ReadOwnedTest, ExactGoesOnAfterShortReads) {
  Pipe pipe;
  Waiting call(read_exact_owned(borrow(pipe.reader()), SizedArray(100), 10));
  for (const char* piece : {"a", "bcd", "efghi"}) {
    ASSERT_TRUE(pipe.write(piece));
    ASSERT_TRUE(testing::turn_until(ring(), [&] {
      ring().core().submit();
      int left = 0;
      return ioctl(pipe.reader(), FIONREAD, &left) == 0 && left == 0;
    }));
    EXPECT_FALSE(call.over());
  }
  ASSERT_TRUE(pipe.write("jk"));
  ASSERT_TRUE(call.finish(ring()));
  EXPECT_TRUE(call->status.ok()) << call->status;
  EXPECT_EQ(call->transferred, 10u);
  EXPECT_EQ(call->buffer.view(), "abcdefghij");
  auto [next, rest] = block_on(ring(), read_owned(borrow(pipe.reader()), SizedArray(100)));
  EXPECT_EQ(rest.view(), "k") << "not one byte too many";
}

TEST_F(ReadOwnedTest, ExactGoesOnInTheFileToo) {
  const TemporaryFile file("0123456789");
  answer({3, 1, 1});  // the first read is said to be short
  auto [status, buffer, transferred] =
      block_on(ring(), read_exact_owned(borrow(file.fd()), std::string(8, '.'), 7, 1));
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(transferred, 7u);
  EXPECT_EQ(buffer, "1234567.");
}

TEST_F(ReadOwnedTest, ExactAtTheEndIsOutOfRangeAndWithinDataLoss) {
  const TemporaryFile file("0123456789");
  auto end = block_on(ring(), read_exact_owned(borrow(file.fd()), std::string("kept"), 4, 10));
  EXPECT_EQ(end.status.code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(end.transferred, 0u);
  EXPECT_EQ(end.buffer, "kept");
  auto within = block_on(ring(), read_exact_owned(borrow(file.fd()), SizedArray(100), 4, 8));
  EXPECT_EQ(within.status.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(within.transferred, 2u);
  EXPECT_EQ(within.buffer.view(), "89");
}

TEST_F(ReadOwnedTest, ExactSaysWhatWasReadBeforeAnError) {
  const TemporaryFile file("0123456789");
  answer({4, -EIO});
  auto [status, buffer, transferred] =
      block_on(ring(), read_exact_owned(borrow(file.fd()), SizedArray(100), 10, 0));
  EXPECT_EQ(errno_of(status), EIO);
  EXPECT_EQ(transferred, 4u);
  EXPECT_EQ(buffer.view(), "0123");
}

TEST_F(ReadOwnedTest, ExactNothingAsksNobody) {
  auto [status, buffer, transferred] =
      block_on(ring(), read_exact_owned(borrow(9999), std::vector<char>(), 0));
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(transferred, 0u);
  EXPECT_EQ(sent(), 0u);
}

TEST_F(ReadOwnedTest, ExactMoreThanTheBufferHoldsIsRefused) {
  const TemporaryFile file("0123456789");
  auto [status, buffer, transferred] =
      block_on(ring(), read_exact_owned(borrow(file.fd()), SizedArray(5), 6, 0));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(buffer.capacity(), 5u);
  EXPECT_EQ(sent(), 0u);
}

// --- several buffers -----------------------------------------------------------------------------

std::vector<SizedArray> arrays(std::initializer_list<size_t> capacities) {
  std::vector<SizedArray> made;
  for (const size_t capacity : capacities) made.emplace_back(capacity);
  return made;
}

TEST_F(ReadOwnedTest, VectoredFillsOneAfterTheOther) {
  const TemporaryFile file("0123456789");
  auto [result, buffers] =
      block_on(ring(), readv_owned(borrow(file.fd()), arrays({3, 0, 4, 100, 100}), 1));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(*result, 9u);
  ASSERT_EQ(buffers.size(), 5u);
  EXPECT_EQ(buffers[0].view(), "123");
  EXPECT_EQ(buffers[1].view(), "");
  EXPECT_EQ(buffers[2].view(), "4567");
  EXPECT_EQ(buffers[3].view(), "89");
  EXPECT_EQ(buffers[4].view(), "");
}

TEST_F(ReadOwnedTest, VectoredOnlyExtends) {
  const TemporaryFile file("0123456789");
  std::vector<Slice<std::string>> parts;
  for (int i = 0; i < 3; ++i) parts.push_back(slice(std::string("abcdef"), 1, 5));
  auto [result, buffers] = block_on(ring(), readv_owned(borrow(file.fd()), std::move(parts), 4));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(std::move(buffers[0]).whole(), "a4567f");
  EXPECT_EQ(std::move(buffers[1]).whole(), "a89def");
  EXPECT_EQ(std::move(buffers[2]).whole(), "abcdef");
}

TEST_F(ReadOwnedTest, VectoredExactGoesOnInTheMiddleOfABuffer) {
  const TemporaryFile file("0123456789abcdef");
  answer({1, 5, 2});
  auto [status, buffers, transferred] =
      block_on(ring(), readv_exact_owned(borrow(file.fd()), arrays({4, 4, 4, 100}), 15, 0));
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(transferred, 15u);
  std::string text;
  for (const SizedArray& buffer : buffers) text += buffer.view();
  EXPECT_EQ(text, "0123456789abcde");
  EXPECT_EQ(buffers[3].view(), "cde");
}

TEST_F(ReadOwnedTest, VectoredExactTakesMoreBuffersThanOneRead) {
  const std::string text = pattern(5000);
  const TemporaryFile file(text);
  std::vector<SizedArray> buffers;
  for (int i = 0; i < 2500; ++i) buffers.emplace_back(2);
  auto done =
      block_on(ring(), readv_exact_owned(borrow(file.fd()), std::move(buffers), text.size(), 0));
  EXPECT_TRUE(done.status.ok()) << done.status;
  std::string read;
  for (const SizedArray& buffer : done.buffer) read += buffer.view();
  EXPECT_EQ(read, text);
  EXPECT_EQ(sent(), 3u);
}

// --- misuse --------------------------------------------------------------------------------------

using ReadOwnedDeathTest = ReadOwnedTest;

void await_twice() {
  Ring own = Ring::create().value();  // a death test forks
  const TemporaryFile file("x");
  auto call = read_owned(File::borrow(own, file.fd()), SizedArray(10), 0);
  block_on(own, call);
  block_on(own, call);
}

TEST_F(ReadOwnedDeathTest, AwaitedTwiceFails) {
  EXPECT_DEATH(await_twice(), "a read or write was awaited twice");
}

TEST_F(ReadOwnedDeathTest, FileThatWasMovedFromFails) {
  File file = borrow(0);
  const File taken = std::move(file);
  EXPECT_DEATH(static_cast<void>(read_owned(file, std::string())),  // NOLINT: moved from on purpose
               "a File was used that was moved from");
}

TEST_F(ReadOwnedDeathTest, KernelThatReadsMoreThanItWasAskedForFails) {
  const auto read_too_much = [] {
    testing::FaultKernel liar;
    liar.alter_completion = [](io_uring_cqe& completion) { completion.res = 11; };
    RingOptions options;
    options.kernel = &liar;
    Ring own = Ring::create(std::move(options)).value();
    const TemporaryFile file("x");
    block_on(own, read_owned(File::borrow(own, file.fd()), SizedArray(10), 0));
  };
  EXPECT_DEATH(read_too_much(), "the kernel says it moved more than it was asked for");
}

}  // namespace
}  // namespace uring
