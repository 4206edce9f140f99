#include "bufio/scan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "tests/simd_tiers.h"

namespace bufio {
namespace {

using namespace std::string_view_literals;

class ScanTest : public EveryTier {};
INSTANTIATE_TEST_SUITE_P(Tiers, ScanTest, all_tiers(), tier_name);

// Bytes that differ from one another in one bit or by one, which is where tricks with carries go
// wrong.
std::string treacherous_bytes(std::mt19937& random, size_t size) {
  constexpr char kAlphabet[] = {'\n', '\x0b', '\x09', '\x8a', '\0', '\x01', '\x80', '\xff'};
  std::string bytes(size, '\0');
  for (char& c : bytes) c = kAlphabet[random() % sizeof kAlphabet];
  return bytes;
}

size_t naive_count(std::string_view bytes, char byte) {
  return static_cast<size_t>(std::count(bytes.begin(), bytes.end(), byte));
}

void expect_masks(std::string_view bytes, char byte) {
  std::vector<uint64_t> masks(bytes.size() / 64);
  byte_masks(bytes.data(), masks.size(), byte, masks.data());
  for (size_t i = 0; i < 64 * masks.size(); ++i) {
    ASSERT_EQ(masks[i / 64] >> (i % 64) & 1, bytes[i] == byte ? 1u : 0u) << "byte " << i;
  }
}

TEST_P(ScanTest, CountsAndMasksAgreeWithANaiveLoopAtEveryLengthAndAlignment) {
  std::mt19937 random(test_seed());
  const std::string bytes = treacherous_bytes(random, 400);
  for (size_t size = 0; size <= 300; ++size) {
    for (size_t alignment = 0; alignment < 64; ++alignment) {
      const std::string_view range = std::string_view(bytes).substr(alignment, size);
      for (char byte : {'\n', '\0', '\x80', '\xff'}) {
        ASSERT_EQ(count_byte(range, byte), naive_count(range, byte)) << size << "+" << alignment;
      }
      ASSERT_NO_FATAL_FAILURE(expect_masks(range, '\n'));
    }
  }
}

TEST_P(ScanTest, CountsDoNotOverflowOnLongRuns) {
  for (size_t size : {255u * 64, 256u * 64, 255u * 128 + 1, 1u << 20, (1u << 20) + 63}) {
    EXPECT_EQ(count_byte(std::string(size, '\n'), '\n'), size);
    EXPECT_EQ(count_byte(std::string(size, 'x'), '\n'), 0u);
  }
}

TEST_P(ScanTest, ReadsNoByteOutsideTheRange) {
  std::mt19937 random(test_seed());
  const GuardedPages pages;
  for (size_t size = 0; size <= 300; ++size) {
    const std::string bytes = treacherous_bytes(random, size);
    for (bool at_end : {false, true}) {
      const std::string_view range = at_end ? pages.at_end(bytes) : pages.at_start(bytes);
      EXPECT_EQ(count_byte(range, '\n'), naive_count(bytes, '\n'));
      EXPECT_EQ(find_byte(range, '\n'), bytes.find('\n'));
      ASSERT_NO_FATAL_FAILURE(expect_masks(range, '\n'));
      for (size_t length : {1u, 2u, 3u, 40u}) {
        const std::string absent(length, 'z');
        const size_t untested = std::min(size, length - 1);
        EXPECT_EQ(scan_delimiter(range, 0, absent), ScanResult::more(size - untested));
      }
    }
  }
}

TEST(FindByte, FindsTheFirstAtOrAfterFrom) {
  EXPECT_EQ(find_byte("a,b,c", ','), 1u);
  EXPECT_EQ(find_byte("a,b,c", ',', 1), 1u);
  EXPECT_EQ(find_byte("a,b,c", ',', 2), 3u);
  EXPECT_EQ(find_byte("a,b,c", ',', 4), std::string_view::npos);
  EXPECT_EQ(find_byte("a,b,c", ',', 5), std::string_view::npos);
  EXPECT_EQ(find_byte("a,b,c", ',', 99), std::string_view::npos);
  EXPECT_EQ(find_byte({}, ','), std::string_view::npos);
}

struct DelimiterCase {
  std::string_view view;
  size_t from;
  std::string_view delimiter;
  ScanResult want;
};

TEST_P(ScanTest, DelimiterOutcomes) {
  const DelimiterCase cases[] = {
      {"a\nb", 0, "\n", ScanResult::token(2)},
      {"a\nb", 2, "\n", ScanResult::more(3)},
      {"", 0, "\n", ScanResult::more(0)},
      {"\r\n", 0, "\r\n", ScanResult::token(2)},
      {"ab\r", 0, "\r\n", ScanResult::more(2)},
      {"ab\rc", 0, "\r\n", ScanResult::more(3)},
      {"ab\r\r\n", 2, "\r\n", ScanResult::token(5)},
      {"a\r\n\r\nb", 0, "\r\n\r\n", ScanResult::token(5)},
      {"a\r\n\r", 0, "\r\n\r\n", ScanResult::more(1)},
      {"--", 0, "--boundary", ScanResult::more(0)},
      {"x--boundary", 0, "--boundary", ScanResult::token(11)},
      {"x--boundary", 2, "--boundary", ScanResult::more(2)},
      {"a\0\0b"sv, 0, "\0\0"sv, ScanResult::token(3)},
      {"abc", 0, "", ScanResult::more(3)},
      {"abc", 9, "c", ScanResult::more(3)},
      {"abc", 9, "bc", ScanResult::more(3)},
  };
  for (const DelimiterCase& c : cases) {
    EXPECT_EQ(scan_delimiter(c.view, c.from, c.delimiter), c.want)
        << testing::PrintToString(c.delimiter) << " in " << testing::PrintToString(c.view);
  }
}

// Random ones over two letters, and periodic ones, which overlap themselves.
std::vector<std::string> delimiters_of(size_t size, std::mt19937& random) {
  std::string arbitrary(size, 'a');
  for (char& c : arbitrary) c = random() % 2 == 0 ? 'a' : 'b';
  std::string alternating, nearly(size - 1, 'a'), middle(size, 'a'), thirds;
  for (size_t i = 0; i < size; ++i) {
    alternating += i % 2 == 0 ? 'a' : 'b';
    thirds += i % 3 == 0 ? 'a' : 'b';
  }
  nearly += 'b';
  middle[size / 2] = 'b';
  return {arbitrary, alternating, nearly, middle, thirds};
}

// Text over two letters that holds a delimiter's beginnings more often than chance would have it.
std::string text_around(std::string_view delimiter, size_t size, std::mt19937& random) {
  std::string text;
  while (text.size() < size) {
    text += delimiter.substr(0, random() % (delimiter.size() + 1));
    if (random() % 2 == 0) text += random() % 2 == 0 ? 'a' : 'b';
  }
  text.resize(size);
  return text;
}

TEST_P(ScanTest, DelimiterIsFoundWhereverTheInputIsSplit) {
  std::mt19937 random(test_seed());
  for (size_t size = 1; size <= 40; ++size) {
    for (const std::string& delimiter : delimiters_of(size, random)) {
      for (size_t length : {30u, 64u, 150u}) {
        const std::string text = text_around(delimiter, length, random);
        const size_t at = text.find(delimiter);
        for (size_t split = 0; split <= text.size(); ++split) {
          const std::string_view head = std::string_view(text).substr(0, split);
          ScanResult result = scan_delimiter(head, 0, delimiter);
          if (!result.found) {
            ASSERT_LE(result.examined, split);
            ASSERT_LE(split - result.examined, size - 1);
            result = scan_delimiter(text, result.examined, delimiter);
          }
          ASSERT_EQ(result.found, at != std::string::npos) << delimiter << " in " << text;
          ASSERT_EQ(result.length, at == std::string::npos ? 0 : at + size);
        }
      }
    }
  }
}

TEST_P(ScanTest, DelimiterIsFoundWhenBytesArriveOneAtATime) {
  std::mt19937 random(test_seed());
  for (size_t size = 1; size <= 40; ++size) {
    for (const std::string& delimiter : delimiters_of(size, random)) {
      const std::string text = text_around(delimiter, 200, random) + delimiter;
      const size_t end = text.find(delimiter) + size;
      size_t mark = 0;
      for (size_t seen = 0; seen < end; ++seen) {
        const ScanResult result = scan_delimiter({text.data(), seen}, mark, delimiter);
        ASSERT_FALSE(result.found) << delimiter << " in " << text;
        mark = result.examined;
      }
      ASSERT_EQ(scan_delimiter({text.data(), end}, mark, delimiter), ScanResult::token(end));
    }
  }
}

TEST_P(ScanTest, AResumedScanReadsNothingInFrontOfItsMark) {
  const GuardedPages pages(2);
  const std::string tail = std::string(500, 'a') + "b";
  pages.at_end(std::string(pages.page(), 'a'));
  const std::string_view view(pages.data(), pages.size());
  pages.forbid_first(1);
  EXPECT_EQ(scan_delimiter(view, pages.page(), tail), ScanResult::more(view.size() - 500));
  EXPECT_EQ(scan_delimiter(view, pages.page(), "\n"), ScanResult::more(view.size()));
}

size_t work_of_one_call(std::string_view text, std::string_view delimiter) {
  size_t work = 0;
  internal::scan_delimiter(text, 0, delimiter, work);
  return work;
}

size_t work_of_single_bytes(std::string_view text, std::string_view delimiter) {
  size_t work = 0, mark = 0;
  for (size_t seen = 1; seen <= text.size(); ++seen) {
    mark = internal::scan_delimiter(text.substr(0, seen), mark, delimiter, work).examined;
  }
  return work;
}

TEST_P(ScanTest, WorkIsLinearHoweverTheDelimiterRepeatsItself) {
  const std::string text(1 << 16, 'a');
  for (size_t size : {2u, 7u, 100u, 5000u}) {
    const std::string nearly = std::string(size - 1, 'a') + "b";
    EXPECT_LE(work_of_one_call(text, nearly), 2 * text.size());
    EXPECT_LE(work_of_single_bytes(text, nearly), 2 * text.size());
  }
  for (size_t size : {9u, 101u, 1001u}) {
    std::string middle(size, 'a');
    middle[size / 2] = 'b';
    EXPECT_LE(work_of_one_call(text, middle), 7 * text.size() + 32 * size);
  }
}

TEST_P(ScanTest, NastyInputStillFindsTheDelimiter) {
  for (size_t size : {9u, 101u, 1001u}) {
    std::string middle(size, 'a');
    middle[size / 2] = 'b';
    const std::string text = std::string(1 << 16, 'a') + middle + "aaa";
    EXPECT_EQ(scan_delimiter(text, 0, middle), ScanResult::token(text.find(middle) + size));
  }
}

struct EverySecondByte {
  ScanResult operator()(std::string_view view, size_t, bool) {
    return view.size() < 2 ? ScanResult::more(0) : ScanResult::token(2);
  }
};
struct NotAScanner {
  bool operator()(std::string_view, size_t, bool);
};
static_assert(Scanner<EverySecondByte> && !KeyedScanner<EverySecondByte>);
static_assert(Scanner<DelimiterScanner> && KeyedScanner<DelimiterScanner>);
static_assert(!Scanner<NotAScanner>);

TEST(DelimiterScanner, ScansAsTheFunctionDoes) {
  DelimiterScanner scan("\r\n");
  EXPECT_EQ(scan("ab\r", 0, false), ScanResult::more(2));
  EXPECT_EQ(scan("ab\r\nc", 2, false), ScanResult::token(4));
  EXPECT_EQ(scan("ab", 0, true), ScanResult::more(1));
}

TEST(DelimiterScanner, KeysAreEqualForEqualDelimitersOnly) {
  const std::string_view delimiters[] = {"\n",        "\0"sv,       "\0\0"sv,    "\r\n",
                                         "\n\r",      "\r\n\r\n",   "1234567",   "12345678",
                                         "123456789", "--boundary", "--boundarz"};
  for (std::string_view a : delimiters) {
    for (std::string_view b : delimiters) {
      const std::string copy(b);
      EXPECT_EQ(DelimiterScanner(a).key() == DelimiterScanner(copy).key(), a == b);
    }
  }
}

}  // namespace
}  // namespace bufio
