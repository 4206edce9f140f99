// Writers to memory and to sinks of one's own.

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/cord.h"
#include "bufio/memory_writer.h"
#include "bufio/sink.h"
#include "tests/reader_testing.h"
#include "uring/sleep.h"

namespace bufio {
namespace {

using testing::code;
using testing::pattern;
using testing::RingTest;
using testing::Started;
using uring::Task;

// A Sink into a string, which fails the test if it is called after its error.
class StrictSink final : public Sink {
 public:
  struct Plan {
    size_t piece = SIZE_MAX;          // bytes per write at most
    size_t error_after = SIZE_MAX;    // bytes
    uring::Ring* waits_on = nullptr;  // each write waits for a turn of it first
    std::string* forwards_to = nullptr;
  };
  StrictSink(std::string& into, Plan plan) : into_(into), plan_(plan) {}

  Task<absl::StatusOr<size_t>> write(std::span<const char> bytes) override {
    EXPECT_FALSE(failed_) << "the sink was asked again after its error";
    EXPECT_FALSE(bytes.empty());
    if (plan_.waits_on != nullptr) co_await uring::yield(*plan_.waits_on);
    size_t size = std::min({bytes.size(), plan_.piece, plan_.error_after - into_.size()});
    if (size == 0) {
      failed_ = true;
      co_return absl::DataLossError("full");
    }
    into_.append(bytes.data(), size);
    co_return size;
  }
  std::string_view name() const override { return "strict sink"; }

 private:
  std::string& into_;
  Plan plan_;
  bool failed_ = false;
};

Task<absl::Status> write_much(Writer& writer, std::string& expected) {
  for (size_t i = 0; i < 200; ++i) {
    std::string text = pattern(i * 37);
    absl::Status status = co_await writer.write(text);
    if (status.ok()) status = co_await writer.write_owned(pattern(2048 + i));
    if (!status.ok()) co_return status;
    expected += text + pattern(2048 + i);
  }
  co_return absl::OkStatus();
}

class MemoryWriterTest : public RingTest {};

TEST_F(MemoryWriterTest, AppendsToAStringInOrder) {
  std::string into = "before ";
  std::string expected = into;
  Writer writer = write_to_string(into, {.high_water = 10000, .buffer_size = 4096});
  EXPECT_EQ(await(write_much(writer, expected)), absl::OkStatus());
  EXPECT_EQ(await(writer.flush()), absl::OkStatus());
  EXPECT_TRUE(into == expected);
  EXPECT_EQ(writer.pos(), expected.size() - 7);
}

TEST_F(MemoryWriterTest, AppendsToACordInOrder) {
  absl::Cord into;
  std::string expected;
  Writer writer = write_to_cord(into);
  EXPECT_EQ(await(write_much(writer, expected)), absl::OkStatus());
  EXPECT_EQ(await(writer.close()), absl::OkStatus());
  EXPECT_TRUE(into == absl::string_view(expected));
}

TEST_F(MemoryWriterTest, DestroyingItLosesNothing) {
  std::string into;
  {
    Writer writer = write_to_string(into);
    EXPECT_EQ(await(writer.write("kept")), absl::OkStatus());
  }
  EXPECT_EQ(into, "kept");
}

class SinkTest : public RingTest {};

TEST_F(SinkTest, TakesAllBytesInOrderByPiecesOfItsOwnChoice) {
  for (bool waits : {false, true}) {
    for (size_t piece : {size_t{1}, size_t{100}, SIZE_MAX}) {
      std::string into;
      std::string expected;
      StrictSink::Plan plan = {.piece = piece, .waits_on = waits ? &ring() : nullptr};
      Writer writer =
          write_to_sink(ring(), std::make_unique<StrictSink>(into, plan), {.high_water = 30000});
      std::string text = pattern(piece == 1 ? 1000 : 100000);
      EXPECT_EQ(await(writer.write(text)), absl::OkStatus());
      if (piece > 1) {
        EXPECT_EQ(await(write_much(writer, expected)), absl::OkStatus());
      }
      EXPECT_EQ(await(writer.close()), absl::OkStatus());
      EXPECT_TRUE(into == text + expected) << waits << piece;
    }
  }
}

TEST_F(SinkTest, NeedsNoRingIfItNeverWaits) {
  std::string into;
  std::string expected;
  Writer writer =
      write_to_sink(std::make_unique<StrictSink>(into, StrictSink::Plan{.piece = 1000}));
  EXPECT_EQ(await(write_much(writer, expected)), absl::OkStatus());
  EXPECT_EQ(await(writer.flush()), absl::OkStatus());
  EXPECT_TRUE(into == expected);
}

TEST_F(SinkTest, ItsErrorIsTheWritersAndSticks) {
  for (bool waits : {false, true}) {
    std::string into;
    StrictSink::Plan plan = {.piece = 10, .error_after = 35, .waits_on = waits ? &ring() : nullptr};
    Writer writer = write_to_sink(ring(), std::make_unique<StrictSink>(into, plan));
    EXPECT_EQ(await(writer.write(pattern(100))), absl::OkStatus());
    EXPECT_EQ(code(await(writer.flush())), absl::StatusCode::kDataLoss);
    EXPECT_EQ(code(await(writer.write("x"))), absl::StatusCode::kDataLoss);
    EXPECT_EQ(writer.pos(), 100U);
    EXPECT_EQ(writer.written(), 35U);
    EXPECT_EQ(code(await(writer.close())), absl::StatusCode::kDataLoss);
    EXPECT_EQ(into, pattern(100).substr(0, 35));
  }
}

// A sink that writes to another Writer is served in the same turn.
class Forwarding final : public Sink {
 public:
  explicit Forwarding(Writer& to) : to_(to) {}
  Task<absl::StatusOr<size_t>> write(std::span<const char> bytes) override {
    absl::Status status = co_await to_.write(std::string_view(bytes.data(), bytes.size()));
    if (!status.ok()) co_return status;
    co_return bytes.size();
  }

 private:
  Writer& to_;
};

TEST_F(SinkTest, MayWriteToAnotherWriter) {
  std::string into;
  Writer inner = write_to_sink(ring(), std::make_unique<StrictSink>(into, StrictSink::Plan{}));
  Writer outer = write_to_sink(ring(), std::make_unique<Forwarding>(inner));
  EXPECT_EQ(await(outer.write("through two")), absl::OkStatus());
  turn(1);
  EXPECT_EQ(into, "through two");
}

TEST_F(SinkTest, DestroyingTheWriterDestroysTheWriteThatWaits) {
  std::string into;
  StrictSink::Plan plan = {.waits_on = &ring()};
  uint64_t dropped = 0;
  {
    Writer writer =
        write_to_sink(ring(), std::make_unique<StrictSink>(into, plan),
                      {.on_drop = [&](const DroppedBytes& bytes) { dropped = bytes.count; }});
    EXPECT_EQ(await(writer.write("lost")), absl::OkStatus());
    Started flush(writer.flush());
    ring().core().submit();  // the sink's task begins, and waits
  }
  turn();
  EXPECT_EQ(into, "");
  EXPECT_EQ(dropped, 4U);
}

}  // namespace
}  // namespace bufio
