// Decompressing Readers, for each format: what comes out, and what becomes of input that is cut
// off, corrupt, followed by something, or too large.

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bufio/decompress/decompress_options.h"
#include "bufio/decompress/gzip.h"
#include "bufio/decompress/open_any.h"
#include "bufio/memory.h"
#include "bufio/open.h"
#include "bufio/reader.h"
#include "bufio/source.h"
#include "tests/allocations.h"
#include "tests/decompress/compress.h"
#include "tests/reader_testing.h"
#include "uring/sanitizer.h"
#include "uring/task.h"

namespace bufio {
namespace {

using testing::code;
using testing::Codec;
using testing::Started;
using testing::StrictSource;

// What a Reader gives, and how it ends.
struct Outcome {
  std::string text;
  absl::Status status;
};

uring::Task<Outcome> read_all(Reader& reader) {
  Outcome outcome;
  for (;;) {
    absl::StatusOr<std::string_view> view = co_await reader.fill_buf();
    outcome.status = view.status();
    if (!view.ok() || view->empty()) break;
    outcome.text += *view;
    reader.consume(view->size());
  }
  co_return outcome;
}

class DecompressTest : public testing::RingTest, public ::testing::WithParamInterface<Codec> {
 protected:
  std::string compressed(std::string_view text) { return GetParam().compress(text); }
  Reader decompressed(ParentHandle parent, DecompressOptions options = {}) {
    return GetParam().decompress(std::move(parent), options);
  }
  Reader waiting(std::string text, size_t piece, absl::Status end = absl::OkStatus()) {
    return read_source(
        ring(),
        std::make_unique<StrictSource>(StrictSource::Plan{
            .text = std::move(text), .end = std::move(end), .piece = piece, .waits_on = &ring()}));
  }
  Outcome all(Reader reader) { return await(read_all(reader)); }
  Outcome all(std::string bytes, DecompressOptions options = {}) {
    return all(decompressed(read_string(std::move(bytes)), options));
  }
};
INSTANTIATE_TEST_SUITE_P(Formats, DecompressTest, ::testing::ValuesIn(testing::kCodecs),
                         [](const auto& param) { return std::string(param.param.name); });

TEST_P(DecompressTest, WhatWasCompressed) {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{100}, size_t{300'000}}) {
    const std::string text = testing::pattern(size);
    Outcome outcome = all(compressed(text));
    EXPECT_EQ(outcome.text, text);
    EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  }
}

TEST_P(DecompressTest, FromAFile) {
  const std::string text = testing::pattern(2'000'000);
  const std::string path = new_file(compressed(text));
  absl::StatusOr<Reader> file = await(open(ring(), path));
  ASSERT_TRUE(file.ok()) << file.status();
  Reader reader = decompressed(*std::move(file));
  EXPECT_EQ(await(read_all(reader)).text, text);
  EXPECT_EQ(reader.pos(), text.size());
  EXPECT_TRUE(await(reader.close()).ok());
}

TEST_P(DecompressTest, ByteByByteAndWaiting) {
  const std::string text = testing::pattern(500);
  Outcome outcome = all(decompressed(waiting(compressed(text), 1)));
  EXPECT_EQ(outcome.text, text);
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;
}

TEST_P(DecompressTest, MembersAreOneStream) {
  if (!GetParam().finds_members) GTEST_SKIP() << "deflate does not say where it begins";
  const std::string bytes = compressed("one ") + compressed("") + compressed("two");
  EXPECT_EQ(all(bytes).text, "one two");
  Outcome outcome = all(decompressed(waiting(bytes, 1)));
  EXPECT_EQ(outcome.text, "one two");
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;
}

TEST_P(DecompressTest, OneMemberAndTheParentStandsBehindIt) {
  const std::string member = compressed("one");
  for (const size_t piece : {size_t{1}, size_t{1000}}) {
    Reader parent = waiting(member + compressed("two") + "rest", piece);
    {
      Reader reader = decompressed(parent, {.concatenated = false});
      EXPECT_EQ(await(read_all(reader)).text, "one");
      EXPECT_EQ(code(await(parent.fill_buf())), absl::StatusCode::kFailedPrecondition);
    }
    EXPECT_EQ(parent.pos(), member.size());
    {
      Reader reader = decompressed(parent, {.concatenated = false});
      EXPECT_EQ(await(read_all(reader)).text, "two");
    }
    EXPECT_EQ(await(testing::drain(parent)), "rest");
  }
}

TEST_P(DecompressTest, WhatFollows) {
  const std::string one = compressed("one");
  Outcome outcome = all(one + std::string(7, '\0'));
  EXPECT_EQ(outcome.text, "one");
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;

  outcome = all(one + std::string(7, '\0'), {.trailing = Trailing::kError});
  EXPECT_EQ(outcome.text, "one");
  EXPECT_EQ(outcome.status.code(), absl::StatusCode::kInvalidArgument);

  for (const Trailing trailing : {Trailing::kError, Trailing::kZeros}) {
    outcome = all(one + "rest of it", {.trailing = trailing});
    EXPECT_EQ(outcome.text, "one");
    EXPECT_EQ(outcome.status.code(), absl::StatusCode::kInvalidArgument) << outcome.status;
  }

  Reader parent = read_string(one + "rest of it");
  {
    Reader reader = decompressed(parent, {.trailing = Trailing::kLeave});
    outcome = await(read_all(reader));
    EXPECT_EQ(outcome.text, "one");
    EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  }
  EXPECT_EQ(parent.buffered(), "rest of it");

  if (GetParam().finds_members) {
    EXPECT_EQ(all(one + std::string(4, '\0') + compressed("two")).text, "onetwo");
  }
}

TEST_P(DecompressTest, CutOffIsDataLossBehindWhatThereIs) {
  const std::string text = testing::pattern(3000);
  const std::string bytes = compressed(text);
  for (size_t size = 0; size < bytes.size(); ++size) {
    Outcome outcome = all(bytes.substr(0, size));
    EXPECT_EQ(outcome.status.code(), absl::StatusCode::kDataLoss) << size << outcome.status;
    EXPECT_EQ(outcome.text, text.substr(0, outcome.text.size())) << size;
  }
}

TEST_P(DecompressTest, CorruptIsToldApart) {
  const std::string text = testing::pattern(1000);
  const std::string bytes = compressed(text);
  int invalid = 0;
  for (size_t at = 0; at < bytes.size(); ++at) {
    std::string corrupt = bytes;
    corrupt[at] = static_cast<char>(corrupt[at] ^ 0x55);
    Outcome outcome = all(corrupt);
    // Bytes that say nothing of the contents may be what they like, and lengths may cut it off.
    if (outcome.status.ok()) {
      // Raw deflate has no checksum.
      if (GetParam().finds_members) {
        EXPECT_EQ(outcome.text, text) << at;
      }
      continue;
    }
    invalid += outcome.status.code() == absl::StatusCode::kInvalidArgument ? 1 : 0;
  }
  EXPECT_GT(invalid, 10);
  if (!GetParam().finds_members) return;
  Outcome outcome = all("this is plain text");
  EXPECT_EQ(outcome.status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(outcome.text, "");
}

TEST_P(DecompressTest, ErrorsSayWhereInBoth) {
  const std::string text = testing::pattern(100'000);
  const std::string bytes = compressed(text);
  Outcome outcome = all(bytes.substr(0, bytes.size() - 1));
  const std::string message(outcome.status.message());
  EXPECT_NE(message.find("(" + std::string(GetParam().name) + ") at offset "), std::string::npos)
      << message;
  EXPECT_NE(message.find("compressed offset " + std::to_string(bytes.size() - 1)),
            std::string::npos)
      << message;
}

TEST_P(DecompressTest, TheParentsErrorPassesThrough) {
  const std::string bytes = compressed(testing::pattern(1000));
  Outcome outcome = all(decompressed(
      waiting(bytes.substr(0, bytes.size() / 2), 7, absl::UnavailableError("unplugged"))));
  EXPECT_EQ(outcome.status.code(), absl::StatusCode::kUnavailable) << outcome.status;
}

TEST_P(DecompressTest, LimitsOfOutput) {
  const std::string text = testing::pattern(1000);
  for (const uint64_t limit : {uint64_t{0}, uint64_t{1}, uint64_t{999}, uint64_t{1000}}) {
    Outcome outcome = all(compressed(text), {.max_output = limit});
    EXPECT_EQ(outcome.text, text.substr(0, limit));
    EXPECT_EQ(outcome.status.code(),
              limit == 1000 ? absl::StatusCode::kOk : absl::StatusCode::kResourceExhausted)
        << outcome.status;
  }
}

TEST_P(DecompressTest, ABombIsNotedAfterAWhile) {
  const std::string bomb = compressed(std::string(size_t{64} << 20, 'a'));
  Outcome outcome = all(bomb, {.max_ratio = 100});
  EXPECT_EQ(outcome.status.code(), absl::StatusCode::kResourceExhausted) << outcome.status;
  EXPECT_LT(outcome.text.size(), size_t{20} << 20);
}

TEST_P(DecompressTest, DestroyedAtEveryMomentLosesNothing) {
  const std::string text = testing::pattern(50);
  const std::string bytes = compressed(text);
  for (size_t turns = 0; turns < 2 * bytes.size(); ++turns) {
    Reader reader = decompressed(waiting(bytes, 1));
    std::string got;
    {
      Started call(reader.fill_buf(3));
      for (size_t i = 0; i < turns && !call.ended(); ++i) ring().core().turn();
    }
    Outcome outcome = await(read_all(reader));
    EXPECT_EQ(outcome.text, text) << turns;
    EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  }
}

TEST_P(DecompressTest, NoAllocationWhileItGoesOn) {
  const std::string text = testing::pattern(3'000'000);
  absl::StatusOr<Reader> file = await(open(ring(), new_file(compressed(text))));
  ASSERT_TRUE(file.ok()) << file.status();
  Reader reader = decompressed(*std::move(file));
  const auto consume = [this, &reader](size_t size) {
    for (size_t got = 0; got < size;) {
      absl::StatusOr<std::string_view> view = await(reader.fill_buf());
      if (!view.ok() || view->empty()) break;
      got += view->size();
      reader.consume(view->size());
    }
  };
  consume(1'000'000);
  const uint64_t before = testing::allocations;
  consume(1'000'000);

  if (!uring::kAddressSanitizer) {
    EXPECT_LE(testing::allocations - before, 2U);
  }
}

TEST_P(DecompressTest, PickedByItsFirstBytes) {
  if (!GetParam().finds_members || std::string_view(GetParam().name) == "zlib") {
    GTEST_SKIP() << "has no magic bytes";
  }
  const std::string path = new_file(compressed("one") + compressed("two"));
  absl::StatusOr<Reader> reader = await(open_any(ring(), path));
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_EQ(await(testing::drain(*reader)), "onetwo");
}

class OpenAnyTest : public testing::RingTest {};

TEST_F(OpenAnyTest, PlainAndEmptyFilesAsTheyAre) {
  for (const char* text : {"", "a", "plain text, longer than any magic"}) {
    absl::StatusOr<Reader> reader = await(open_any(ring(), new_file(text)));
    ASSERT_TRUE(reader.ok()) << reader.status();
    EXPECT_EQ(await(testing::drain(*reader)), text);
  }
  EXPECT_EQ(code(await(open_any(ring(), path_for("none")))), absl::StatusCode::kNotFound);
}

TEST_F(OpenAnyTest, TooLargeADictionary) {
  const std::string text = testing::pattern(5'000'000);
  Reader xz = decompress_xz(read_string(testing::xz(text)), {.max_memory = 100'000});
  EXPECT_EQ(await(read_all(xz)).status.code(), absl::StatusCode::kResourceExhausted);
  Reader zstd = decompress_zstd(read_string(testing::zstd(text)), {.max_memory = 100'000});
  EXPECT_EQ(await(read_all(zstd)).status.code(), absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace bufio
