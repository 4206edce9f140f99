#include "bufio/delimiter_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "tests/simd_tiers.h"

namespace bufio {
namespace {

class DelimiterIndexTest : public EveryTier {};
INSTANTIATE_TEST_SUITE_P(Tiers, DelimiterIndexTest, all_tiers(), tier_name);

const char* end_of(std::string_view bytes) { return bytes.data() + bytes.size(); }

std::vector<size_t> naive(std::string_view bytes, char byte) {
  std::vector<size_t> offsets;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] == byte) offsets.push_back(i);
  }
  return offsets;
}

// Takes all that is left, as offsets from `begin`.
std::vector<size_t> rest(DelimiterIndex& index, const char* begin) {
  std::vector<size_t> offsets;
  while (const char* at = index.next()) offsets.push_back(static_cast<size_t>(at - begin));
  return offsets;
}

// Text with a line end about every `mean` bytes.
std::string lines(std::mt19937& random, size_t size, unsigned mean) {
  std::string text(size, 'x');
  for (char& c : text) {
    if (random() % mean == 0) c = '\n';
  }
  return text;
}

TEST_P(DelimiterIndexTest, FindsWhatANaiveLoopFindsAtEveryLengthAndAlignment) {
  std::mt19937 random(test_seed());
  for (unsigned mean : {1u, 3u, 40u}) {
    const std::string text = lines(random, 400, mean);
    for (size_t size = 0; size <= 300; ++size) {
      for (size_t alignment = 0; alignment < 64; ++alignment) {
        const std::string_view range = std::string_view(text).substr(alignment, size);
        DelimiterIndex index(range.data(), end_of(range), '\n');
        ASSERT_EQ(rest(index, range.data()), naive(range, '\n')) << size << "+" << alignment;
        ASSERT_EQ(index.scanned(), end_of(range));
      }
    }
  }
}

TEST_P(DelimiterIndexTest, FindsEveryDelimiterOfALongRange) {
  std::mt19937 random(test_seed());
  for (unsigned mean : {1u, 2u, 10u, 80u, 1000u, 100'000u}) {
    const std::string text = lines(random, 300'001, mean);
    DelimiterIndex index(text.data(), end_of(text), '\n');
    EXPECT_EQ(rest(index, text.data()), naive(text, '\n')) << mean;
    EXPECT_EQ(index.next(), nullptr);
  }
}

TEST_P(DelimiterIndexTest, ReadsNoByteOutsideTheRange) {
  std::mt19937 random(test_seed());
  const GuardedPages pages;
  for (size_t size = 0; size <= 300; ++size) {
    const std::string text = lines(random, size, 10);
    for (std::string_view range : {pages.at_start(text), pages.at_end(text)}) {
      DelimiterIndex index(range.data(), end_of(range), '\n');
      EXPECT_EQ(rest(index, range.data()).size(), naive(range, '\n').size());
    }
  }
}

TEST_P(DelimiterIndexTest, ContinuesWhereItWasWhenBytesArrive) {
  std::mt19937 random(test_seed());
  for (size_t most : {1u, 2u, 64u, 100u, 3000u}) {
    const std::string text = lines(random, 20'000, 20);
    const char* end = text.data();
    DelimiterIndex index(text.data(), end, '\n');
    std::vector<size_t> found;
    while (end != end_of(text)) {
      end += std::min(1 + random() % most, static_cast<size_t>(end_of(text) - end));
      index.extend(end);
      if (random() % 4 == 0) continue;
      for (size_t offset : rest(index, text.data())) found.push_back(offset);
      ASSERT_EQ(index.scanned(), end);
    }
    for (size_t offset : rest(index, text.data())) found.push_back(offset);
    EXPECT_EQ(found, naive(text, '\n'));
  }
}

TEST_P(DelimiterIndexTest, FollowsBytesThatMoveAndNeverReadsTheOldOnesAgain) {
  std::mt19937 random(test_seed());
  const std::string text = lines(random, 9'000, 20);
  const std::vector<size_t> want = naive(text, '\n');
  std::string here = text;
  DelimiterIndex index(here.data(), end_of(here), '\n');
  for (size_t i = 0; i < want.size(); ++i) {
    const char* at = index.next();
    ASSERT_NE(at, nullptr);
    ASSERT_EQ(static_cast<size_t>(at - here.data()), want[i]);
    if (i % 7 != 0) continue;
    std::string there = here;
    index.rebase(there.data() - here.data());
    std::fill(here.begin(), here.end(), '\n');
    here.swap(there);  // the buffers change hands; here.data() is where the bytes now are
    std::memset(here.data(), '\n', static_cast<size_t>(index.scanned() - here.data()));
  }
  EXPECT_EQ(index.next(), nullptr);
}

TEST_P(DelimiterIndexTest, SkipsToAnyPosition) {
  std::mt19937 random(test_seed());
  const std::string text = lines(random, 10'000, 30);
  const std::vector<size_t> want = naive(text, '\n');
  for (int round = 0; round < 300; ++round) {
    DelimiterIndex index(text.data(), end_of(text), '\n');
    size_t position = 0;
    while (position < text.size()) {
      position = std::min(text.size(), position + random() % (round < 150 ? 100 : 4000));
      index.skip_to(text.data() + position);
      const auto next = std::lower_bound(want.begin(), want.end(), position);
      const char* at = index.next();
      ASSERT_EQ(at, next == want.end() ? nullptr : text.data() + *next) << position;
      if (at != nullptr) position = *next + 1;
    }
  }
}

TEST_P(DelimiterIndexTest, OneLineDoesNotCostAScanOfTheWholeRange) {
  const std::string text = "a line\n" + std::string(100'000, 'x');
  DelimiterIndex index(text.data(), end_of(text), '\n');
  EXPECT_EQ(index.scanned(), text.data());
  EXPECT_EQ(index.next(), text.data() + 6);
  EXPECT_LE(index.scanned() - text.data(), 512);
}

TEST_P(DelimiterIndexTest, StartsOverWithAnotherByte) {
  const std::string_view text = "a,b\nc,d\n";
  DelimiterIndex index(text.data(), end_of(text), ',');
  EXPECT_EQ(index.next(), text.data() + 1);
  index.reset(text.data() + 2, end_of(text), '\n');
  EXPECT_EQ(rest(index, text.data()), (std::vector<size_t>{3, 7}));
}

TEST_P(DelimiterIndexTest, TheKernelNeverWritesBehindItsCapacity) {
  std::mt19937 random(test_seed());
  const std::string text = lines(random, 64 * 64, 2);
  for (size_t capacity = 0; capacity <= 600; ++capacity) {
    std::vector<uint16_t> out(600 + 200, 0xffff);
    const internal::Offsets done =
        internal::scan_kernels().offsets(text.data(), 64, '\n', out.data(), capacity);
    ASSERT_EQ(done.count > 0, capacity >= internal::kOffsetsSlack);
    const std::vector<size_t> want =
        naive(std::string_view(text).substr(0, 64 * done.blocks), '\n');
    ASSERT_EQ(std::vector<size_t>(out.begin(), out.begin() + static_cast<ptrdiff_t>(done.count)),
              want);
    for (size_t i = capacity; i < out.size(); ++i) ASSERT_EQ(out[i], 0xffff) << capacity;
  }
}

TEST(DelimiterIndex, IsEmptyUntilReset) {
  DelimiterIndex index;
  EXPECT_EQ(index.next(), nullptr);
  index.skip_to(nullptr);
  EXPECT_EQ(index.next(), nullptr);
}

TEST_P(DelimiterIndexTest, ACopyContinuesOnItsOwn) {
  const std::string_view text = "a\nb\nc\n";
  DelimiterIndex index(text.data(), end_of(text), '\n');
  index.next();
  DelimiterIndex copy = index;
  EXPECT_EQ(rest(index, text.data()), (std::vector<size_t>{3, 5}));
  EXPECT_EQ(rest(copy, text.data()), (std::vector<size_t>{3, 5}));
}

}  // namespace
}  // namespace bufio
