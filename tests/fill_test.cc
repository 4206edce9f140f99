// fill_buf, fill_more and require: what they wait for, and what a view is worth.

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "bufio/descriptor.h"
#include "bufio/memory.h"
#include "bufio/open.h"
#include "bufio/reader.h"
#include "tests/reader_testing.h"

namespace bufio {
namespace {

using testing::Ends;
using testing::EverySourceTest;
using testing::Kind;
using testing::RingTest;
using testing::Started;
using View = absl::StatusOr<std::string_view>;

std::string text(const View& view) { return view.ok() ? std::string(*view) : "not OK"; }

class FillTest : public EverySourceTest {};
INSTANTIATE_EVERY_SOURCE(FillTest);

TEST_P(FillTest, SatisfiedCallReturnsTheSameViewAtOnce) {
  std::string bytes = testing::pattern(280);
  Reader reader = make(bytes);
  View first = await(reader.fill_buf(100));
  ASSERT_TRUE(first.ok());
  ReaderStats before = reader.stats();
  for (size_t min = 1; min <= first->size(); ++min) {
    Started call(reader.fill_buf(min));
    ASSERT_TRUE(call.ended());
    View again = call.result();
    ASSERT_TRUE(again.ok());
    EXPECT_EQ(again->data(), first->data());
    EXPECT_EQ(again->size(), first->size()) << "the window shrank or grew";
  }
  Started required(reader.require(first->size()));
  ASSERT_TRUE(required.ended());
  EXPECT_EQ(required.result()->data(), first->data());
  EXPECT_EQ(reader.stats().reads, before.reads);
}

TEST_P(FillTest, RequireGivesExactlyWhatItWasAskedFor) {
  std::string bytes = testing::pattern(280);
  Reader reader = make(bytes);
  for (size_t n : {size_t{0}, size_t{1}, size_t{17}, size_t{280}, size_t{5}}) {
    View view = await(reader.require(n));
    EXPECT_EQ(text(view), bytes.substr(0, n));
    EXPECT_GE(reader.available(), n);
  }
}

TEST_P(FillTest, FillMoreBringsMoreUntilTheEnd) {
  std::string bytes = testing::pattern(250);
  Reader reader = make(bytes);
  size_t had = 0;
  for (;;) {
    View view = await(reader.fill_more());
    ASSERT_TRUE(view.ok()) << view.status();
    ASSERT_EQ(*view, bytes.substr(0, view->size()));
    if (view->size() == had) break;
    ASSERT_GT(view->size(), had);
    had = view->size();
  }
  EXPECT_EQ(had, bytes.size());
  EXPECT_TRUE(reader.source_ended());
}

TEST_P(FillTest, FillMoreCountsFromWhatIsBuffered) {
  std::string bytes = testing::pattern(200);
  Reader reader = make(bytes);
  View view = await(reader.fill_buf(10));
  ASSERT_TRUE(view.ok());
  reader.consume(5);
  size_t had = reader.available();
  view = await(reader.fill_more(30));
  ASSERT_TRUE(view.ok());
  EXPECT_GE(view->size(), std::min(had + 30, size_t{195}));
  EXPECT_EQ(*view, bytes.substr(5, view->size()));
}

TEST_P(FillTest, TokensOfEverySizeAreContiguous) {
  std::string bytes = testing::pattern(2500);
  for (size_t token = 1; token <= 150; token += token < 20 ? 1 : 13) {
    Reader reader = make(bytes);
    for (size_t at = 0; at < bytes.size(); at += token) {
      size_t want = std::min(token, bytes.size() - at);
      View view = await(reader.require(want));
      ASSERT_EQ(text(view), bytes.substr(at, want)) << "at " << at << ", tokens of " << token;
      EXPECT_EQ(reader.pos(), start() + at);
      reader.consume(want);
    }
    EXPECT_EQ(text(await(reader.fill_buf())), "");
  }
}

TEST_P(FillTest, ViewSurvivesConsumeAndMovingTheReader) {
  std::string bytes = testing::pattern(200);
  Reader reader = make(bytes);
  View view = await(reader.require(200));
  ASSERT_TRUE(view.ok());
  reader.consume(150);
  EXPECT_EQ(*view, bytes);
  Reader moved(std::move(reader));
  EXPECT_EQ(*view, bytes);
  moved.consume(50);
  EXPECT_EQ(*view, bytes);
}

TEST_P(FillTest, SixtyFourBytesBehindAViewAreReadable) {
  std::string bytes = testing::pattern(700);
  Reader reader = make(bytes);
  ASSERT_EQ(reader.padded(), GetParam().kind != Kind::kView);
  if (!reader.padded()) return;
  unsigned sum = 0;
  for (;;) {
    View view = await(reader.fill_buf(3));
    ASSERT_TRUE(view.ok());
    if (view->empty()) break;
    ASSERT_TRUE(reader.padded());
    // AddressSanitizer and the memory's end watch.
    for (size_t i = 0; i < 64; ++i)
      sum += static_cast<unsigned char>(*const_cast<const volatile char*>(view->end() + i));
    reader.consume(std::min(view->size(), size_t{2}));
  }
  ::testing::Test::RecordProperty("sum", static_cast<int>(sum));
}

TEST_P(FillTest, PosCountsConsumedBytes) {
  Reader reader = make(testing::pattern(100));
  uint64_t pos = start();
  EXPECT_EQ(reader.pos(), pos);
  for (;;) {
    View view = await(reader.fill_buf(2));
    ASSERT_TRUE(view.ok());
    EXPECT_EQ(reader.pos(), pos);
    if (view->empty()) break;
    size_t step = (view->size() + 1) / 2;
    reader.consume(step);
    pos += step;
    EXPECT_EQ(reader.pos(), pos);
  }
  EXPECT_EQ(pos, start() + 100);
}

// --- sizes around those of reads

struct Shape {
  const char* name;
  BufferKind buffers;
  bool pipe;
};

class ContiguityTest : public RingTest, public ::testing::WithParamInterface<Shape> {
 protected:
  Reader make(const std::string& bytes, size_t read_size) {
    ReaderOptions options = {.read_size = read_size, .buffers = GetParam().buffers};
    if (GetParam().pipe) {
      Ends ends = testing::new_pipe();
      write_on_thread(ends.write, bytes);
      return adopt_fd(ring(), ends.read, options);
    }
    absl::StatusOr<Reader> reader = await(open(ring(), new_file(bytes), options));
    EXPECT_TRUE(reader.ok());
    return *std::move(reader);
  }
};

INSTANTIATE_TEST_SUITE_P(Buffers, ContiguityTest,
                         ::testing::Values(Shape{"HeapFile", BufferKind::kHeap, false},
                                           Shape{"FixedFile", BufferKind::kFixed, false},
                                           Shape{"MirroredFile", BufferKind::kMirrored, false},
                                           Shape{"HeapPipe", BufferKind::kHeap, true},
                                           Shape{"MirroredPipe", BufferKind::kMirrored, true}),
                         [](const auto& param) { return std::string(param.param.name); });

TEST_P(ContiguityTest, TokensAroundReadSizeHeadroomAndPowersOfTwo) {
  std::string bytes = testing::pattern(300000);
  for (size_t read_size : {size_t{1000}, size_t{4096}, size_t{65536}}) {
    for (size_t base : {read_size, read_size / 8, size_t{4096}, size_t{8192}, 2 * read_size}) {
      for (size_t token : {base - 1, base, base + 1}) {
        Reader reader = make(bytes, read_size);
        for (size_t at = 0; at < bytes.size(); at += token) {
          size_t want = std::min(token, bytes.size() - at);
          View view = await(reader.fill_buf(want));
          ASSERT_TRUE(view.ok()) << view.status();
          ASSERT_GE(view->size(), want);
          ASSERT_TRUE(*view == std::string_view(bytes).substr(at, view->size()))
              << "at " << at << ", tokens of " << token << ", reads of " << read_size;
          reader.consume(want);
        }
        ASSERT_EQ(text(await(reader.fill_buf())), "");
      }
    }
  }
}

TEST_P(ContiguityTest, OneTokenMayBeAsLongAsTheBuffer) {
  std::string bytes = testing::pattern(size_t{1} << 20);
  Reader reader = make(bytes, 4096);
  View view = await(reader.fill_buf(bytes.size()));
  ASSERT_TRUE(view.ok()) << view.status();
  EXPECT_TRUE(*view == bytes);
  // Growing by doubling: all the moving of a long token is linear.
  EXPECT_LE(reader.stats().copied_bytes, 4 * bytes.size());
}

TEST_P(ContiguityTest, CursorJustInFrontOfEveryReadsEnd) {
  std::string bytes = testing::pattern(50000);
  for (size_t left = 0; left < 4; ++left) {
    Reader reader = make(bytes, 4096);
    size_t at = 0;
    for (;;) {
      View view = await(reader.fill_buf(left + 1));
      ASSERT_TRUE(view.ok());
      ASSERT_TRUE(*view == std::string_view(bytes).substr(at, view->size())) << at;
      size_t step = view->size() > left ? view->size() - left : view->size();
      if (view->empty()) break;
      reader.consume(step);
      at += step;
    }
    EXPECT_EQ(at, bytes.size());
  }
}

class PipeTest : public RingTest {};

TEST_F(PipeTest, ViewStaysValidWhileANewReadIsOnItsWay) {
  Ends ends = testing::new_pipe();
  Reader reader = adopt_fd(ring(), ends.read);
  testing::write_all(ends.write, "abc");
  View view = await(reader.fill_buf(3));
  EXPECT_EQ(text(view), "abc");
  {
    Started call(reader.fill_buf(4));
  }  // moves the view, leaves its read in flight
  std::string_view after = reader.buffered();
  testing::write_all(ends.write, "defg");
  turn();
  EXPECT_EQ(after, "abc");
  EXPECT_EQ(text(await(reader.fill_buf(7))), "abcdefg");
  close(ends.write);
}

TEST_F(PipeTest, ConsumingEverythingWhileAReadIsInFlightLosesNothing) {
  for (BufferKind buffers : {BufferKind::kHeap, BufferKind::kFixed, BufferKind::kMirrored}) {
    Ends ends = testing::new_pipe();
    Reader reader = adopt_fd(ring(), ends.read, {.buffers = buffers});
    testing::write_all(ends.write, "abc");
    EXPECT_EQ(text(await(reader.fill_buf(3))), "abc");
    {
      Started call(reader.fill_buf(4));
    }
    turn();
    reader.consume(3);
    testing::write_all(ends.write, "defg");
    turn();
    EXPECT_EQ(reader.pos(), 3U);
    EXPECT_EQ(text(await(reader.fill_buf(4))), "defg");
    close(ends.write);
  }
}

TEST_F(PipeTest, StringIsPaddedAndAViewIsNot) {
  EXPECT_TRUE(read_string("abc").padded());
  EXPECT_FALSE(read_view("abc").padded());
}

}  // namespace
}  // namespace bufio
